"""Every reader of files, with real files for it and ways to make others.

A reader's `Case` is a folder's files by name. Some are real files with damage, others are made by a
grammar of their own: valid containers with odd content, whose checksums are right.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
import random
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.numpy import save

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import format_text, to_dict
from nascope._src.cells.resolve import resolve_cell, resolve_reading
from nascope._src.cells.search_log import read_log
from nascope._src.data.datasets import load_data
from nascope._src.data.decoding import decode
from nascope._src.records.checkpoint_files import make_metadata
from nascope._src.records.checksums import sealed, unsealed
from nascope._src.records.files import read_arrays, read_json
from nascope._src.records.probe_files import ProbeRecord, read_probe_file, write_probe
from nascope._src.records.read import read_study
from nascope._src.records.status import read_status
from nascope._src.results.external.accuracies import read_tables
from nascope._src.results.metrics.smoothness import smoothness_of
from nascope._src.study.study_file import read_search_file, read_study_file
from nascope._src.training.build import load_trained, restore_network
from nascope._src.training.weights import read_weights
from tests.fuzz import texts
from tests.fuzz.changes import ODD, damage_bytes, damage_json, damage_value
from tests.report import synthetic

Case = Mapping[str, bytes]


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        name: What it reads.
        share: How often it is tried, relative to the others.
        sound: Undamaged cases, which it reads.
        make: Returns a case that may be damaged.
        read: Reads a case that lies in a folder.
        strict: Whether it may not even open a file: it reads text.
    """

    name: str
    share: int
    sound: Callable[[], list[Case]]
    make: Callable[[random.Random], Case]
    read: Callable[[Path], Any]
    strict: bool = False


def _one_damaged(
    cases: Callable[[], list[Case]], change: Callable[[random.Random, str, bytes], bytes]
) -> Callable[[random.Random], Case]:
    """Return a maker that damages one file of one sound case."""

    def make(generator: random.Random) -> Case:
        case = generator.choice(cases())
        name = generator.choice(list(case))
        return {**case, name: change(generator, name, case[name])}

    return make


def _bytes(generator: random.Random, _: str, content: bytes) -> bytes:
    return damage_bytes(generator, content)


# ---------------------------------------------------------------- cells


@functools.cache
def _cell_texts() -> list[str]:
    darts = load_cell("DARTS")
    text = format_text(darts)
    shapes = [
        text.replace(", 0)", ", np.int64(0))"),
        f"genotype: '{text.replace(chr(39), chr(39) * 2)}'\nseed: 3\n",
        text.replace("], ", "],\n    "),
        f"{{'a': {text}, 'b': 3}}",
        f"[{text}]",
        json.dumps(list(to_dict(darts).values())),
        "(4, 0, 3, 1, 4, 3)",
        "Structure(4 nodes with |avg_pool_3x3~0|+|skip_connect~0|none~1|+|none~0|skip_connect~1|none~2|)",
        "{'module_adjacency': array([[0, 1, 1],\n [0, 0, 1], [0, 0, 0]], dtype=int8), "
        "'module_operations': ['input', 'conv3x3-bn-relu', 'output']}",
    ]
    return [*texts.seeds(), *shapes]


def _as_files(contents: list[str]) -> list[Case]:
    return [{"cell.txt": content.encode()} for content in contents]


def _made_text(generator: random.Random) -> Case:
    if generator.random() < 0.3:
        return {"cell.txt": _written_genotype(generator).encode(errors="surrogatepass")}
    text = texts.damaged(generator, _cell_texts())
    return {"cell.txt": text.encode(errors="surrogatepass")}


def _written_genotype(generator: random.Random) -> str:
    """Return a genotype with odd values, as different tools print it."""
    fields = to_dict(load_cell(generator.choice(("DARTS", "ENAS", "NASNet"))))
    fields = damage_value(generator, fields) if generator.random() < 0.8 else fields
    if not isinstance(fields, dict):
        return repr(fields)
    match generator.randrange(5):
        case 0:
            return json.dumps(fields)
        case 1:
            return json.dumps(list(fields.values()))
        case 2:
            return f"OrderedDict({fields!r})"
        case 3:
            return repr({"a": fields, "b": generator.choice(ODD)})
    parts = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    wrapped = generator.choice(("Genotype({})", "x = [Genotype({})]", "{{'k': Genotype({})}}"))
    return wrapped.format(parts)


def _read_text(folder: Path) -> None:
    parse((folder / "cell.txt").read_bytes().decode("utf-8", errors="surrogatepass"))


def _read_argument(folder: Path) -> None:
    text = (folder / "cell.txt").read_bytes().decode("utf-8", errors="surrogatepass")
    if text != "-":  # standard input
        resolve_cell(text)


def _log_cases() -> list[Case]:
    text = format_text(load_cell("DARTS"))
    lines = [
        f"08/14 09:12:01 PM epoch {epoch} lr 2.4e-02\n08/14 09:12:02 PM genotype = {shape}\nacc 61.2"
        for epoch, shape in enumerate((text, text.replace("], ", "],\n  ")))
    ]
    records = [json.dumps({"epoch": 3, "genotype": to_dict(load_cell("SNAS"))})]
    tabular = "[Search the 003-250-th epoch]\nStructure(4 nodes with |none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|)"
    return [{"log.txt": "\n".join(part).encode()} for part in (lines, records, [*lines, tabular])]


# ---------------------------------------------------------------- study files

_LINES = ("[data]", "[training]", "[landscape]", "[variance]", "[curvature]", "[[part]]",
          "[search]", "[variants]", "[design]", 'name = "x"', "cells = [1]", 'cells = ["DARTS"]',
          "seeds = [0, 0]", "seeds = -1", 'train_size = "a"', "epochs = 1e400", "points = 10000000",
          "points = nan", "learning_rate = [inf]", "a.b.c = 1", "a = [[[[", "x = 1979-05-27",
          'scale = "tiny"', "radius = -1", "instances = 99999999999999999999")  # fmt: skip


def _study_cases() -> list[Case]:
    text = (resources.files("nascope._src.study") / "template.toml").read_bytes()
    short = b'cells = ["DARTS", "SNAS"]\n[training]\nseeds = [0, 1]\nscale = "tiny"\n[landscape]\n'
    return [{"study.toml": text}, {"study.toml": short}]


def _made_study(generator: random.Random) -> Case:
    text = generator.choice(_study_cases())["study.toml"].decode()
    lines = text.splitlines()
    for _ in range(generator.choice((1, 1, 2, 6))):
        lines.insert(generator.randrange(len(lines) + 1), generator.choice(_LINES))
        if generator.random() < 0.3:
            del lines[generator.randrange(len(lines))]
    content = "\n".join(lines).encode()
    return {"study.toml": damage_bytes(generator, content) if generator.random() < 0.3 else content}


def _read_study_file(folder: Path) -> None:
    read_study_file(folder / "study.toml")


def _read_search_file(folder: Path) -> None:
    read_search_file(folder / "study.toml")


def _search_cases() -> list[Case]:
    text = b'cells = ["DARTS"]\n[data]\nvalidation_size = 10\n[search]\nalgorithm = "evolution"\n'
    return [{"study.toml": text}]


# ---------------------------------------------------------------- what a run leaves


@functools.cache
def _study_folder() -> Case:
    with tempfile.TemporaryDirectory() as temporary:
        folder = synthetic.write_study(Path(temporary) / "study", synthetic.family(variants=0))
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


def _reseal(value: Any) -> Any:
    return (
        sealed({k: v for k, v in value.items() if k != "checksum"})
        if isinstance(value, dict)
        else value
    )


def _damage_record(generator: random.Random, name: str, content: bytes) -> bytes:
    if name.endswith(".json"):
        return damage_json(generator, content, _reseal)
    if name.endswith(".safetensors") and generator.random() < 0.7:
        return _checkpoint(damage_value(generator, _records(content)))
    return damage_bytes(generator, content)


def _records(content: bytes) -> Any:
    length = struct.unpack("<Q", content[:8])[0]
    return unsealed(json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["nascope"]))


@functools.cache
def _tensors() -> dict[str, np.ndarray]:
    state = torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3), torch.nn.Linear(8, 10)).state_dict()
    names = ("stem.0.weight", "stem.0.bias", "classifier.weight", "classifier.bias")
    return {f"model.{new}": value.numpy() for new, value in zip(names, state.values(), strict=True)}


def _checkpoint(records: Any) -> bytes:
    """Return a checkpoint of records that may be anything, with the right checksums."""
    if not isinstance(records, dict):
        return save(_tensors(), metadata={"nascope": json.dumps(records), "checksum": ""})
    return save(_tensors(), metadata=make_metadata(_tensors(), records))


def _read_study_folder(folder: Path) -> None:
    read_study(folder)
    read_status(folder)


@functools.cache
def _probe_cases() -> list[Case]:
    grid = np.linspace(0, 1, 9).reshape(3, 3)
    arrays = {"alphas": grid[0], "betas": grid[0], "loss": grid, "accuracy": grid}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "probe.npz"
        write_probe(path, ProbeRecord("landscape", "x", {"at": "end"}, {}, arrays))
        return [{each.name: each.read_bytes() for each in path.parent.iterdir()}]


def _made_probe(generator: random.Random) -> Case:
    """Return arrays of odd kinds and shapes, or a damaged file, with a summary that has no digest."""
    summary = json.loads(_probe_cases()[0]["probe.json"])
    summary = {k: v for k, v in summary.items() if k not in ("checksum", "digests")}
    if generator.random() < 0.3:
        summary = damage_value(generator, summary)
    if generator.random() < 0.5:
        content = damage_bytes(generator, _probe_cases()[0]["probe.npz"])
    else:
        buffer = io.BytesIO()
        saver = generator.choice((np.savez, np.savez_compressed))
        saver(
            buffer,
            **{name: _odd_array(generator) for name in ("alphas", "betas", "loss", "accuracy")},
        )
        content = buffer.getvalue()
        if generator.random() < 0.3:
            content = damage_bytes(generator, content)
    return {"probe.npz": content, "probe.json": json.dumps(summary).encode()}


def _odd_array(generator: random.Random) -> np.ndarray:
    shape = generator.choice(((), (0,), (3,), (3, 3), (3, 3), (3,), (2, 2, 2), (5, 0)))
    kind = generator.choice(("<f8", "<f8", "<f4", ">i2", "?", "<U3", "S2", "<c8", "<M8[s]"))
    return np.zeros(shape, dtype=kind)


def _read_probe(folder: Path) -> None:
    record = read_probe_file(folder / "probe.npz")
    if record.kind == "landscape" and record.is_plane:
        smoothness_of(record.arrays["loss"], record.arrays["alphas"], record.arrays["betas"], 2.3)


def _read_npz(folder: Path) -> None:
    read_arrays(folder / "probe.npz")
    read_json(folder / "probe.json")


@functools.cache
def _checkpoint_cases() -> list[Case]:
    from nascope._src.training.recipe import Recipe  # noqa: PLC0415
    from tests.cases import train  # noqa: PLC0415

    digits = load_data("digits", train_size=20, test_size=10)
    recipe = Recipe(epochs=1, channels=1, layers=1, batch_size=20)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "c.safetensors"
        train(load_cell("SNAS"), digits, recipe, seed=0, path=path)
        return [{"c.safetensors": path.read_bytes()}]


def _made_checkpoint(generator: random.Random) -> Case:
    content = _checkpoint_cases()[0]["c.safetensors"]
    if generator.random() < 0.5:
        return {"c.safetensors": damage_bytes(generator, content)}
    tensors = _tensors_of(content)
    if generator.random() < 0.3:
        tensors.pop(generator.choice(list(tensors)))
    records = _records(content)
    records.pop("digests", None)
    records = damage_value(generator, records) if generator.random() < 0.9 else records
    if not isinstance(records, dict):
        return {"c.safetensors": _checkpoint(records)}
    return {"c.safetensors": save(tensors, metadata=make_metadata(tensors, records))}


def _tensors_of(content: bytes) -> dict[str, np.ndarray]:
    from safetensors.numpy import load  # noqa: PLC0415

    return load(content)


def _read_checkpoint(folder: Path) -> None:
    restore_network(load_trained(folder / "c.safetensors"))


# ---------------------------------------------------------------- weights


@functools.cache
def _weights_cases() -> list[Case]:
    weights = {"stem.0.weight": torch.randn(6, 1, 3, 3), "classifier.bias": torch.zeros(10)}
    cases: list[Case] = [{"w.safetensors": save({k: v.numpy() for k, v in weights.items()})}]
    for content in (weights, {"state_dict": weights, "acc": np.float64(3)}):
        for zipped in (True, False):
            cases.append({"w.pt": _saved(content, zipped=zipped)})
    return cases


def _saved(content: Any, *, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def _made_weights(generator: random.Random) -> Case:
    if generator.random() < 0.7:
        return _one_damaged(_weights_cases, _bytes)(generator)
    values = (torch.zeros(2), torch.tensor(float("nan")), torch.eye(2).to_sparse(), np.float64(1),
              torch.zeros(2, dtype=torch.complex64), torch.empty(3, device="meta"), *ODD)  # fmt: skip
    content: Any = {
        generator.choice(("a", "model.a", "module.model.a", "total_ops", "", "state_dict", 3)):
            generator.choice(values)
        for _ in range(3)
    }  # fmt: skip
    for _ in range(generator.randrange(8)):
        content = {generator.choice(("state_dict", "model", "net", "x")): content}
    return {"w.pt": _saved(content, zipped=generator.random() < 0.5)}


def _read_weights(folder: Path) -> None:
    read_weights(next(folder.iterdir()))


# ---------------------------------------------------------------- images and data sets

_FORMS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")


@functools.cache
def _image_cases() -> list[Case]:
    pixels = np.random.RandomState(0).randint(0, 256, (8, 8, 3), dtype=np.uint8)
    images = [Image.fromarray(pixels).convert(mode) for mode in ("RGB", "L", "P", "1")]
    images.append(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257))
    cases: list[Case] = []
    for form in _FORMS:
        for image in images:
            if form in ("PNG", "TIFF") or image.mode in ("RGB", "L"):
                buffer = io.BytesIO()
                image.save(buffer, form)
                cases.append({"image": buffer.getvalue()})
    return cases


def _made_image(generator: random.Random) -> Case:
    if generator.random() < 0.8:
        return _one_damaged(_image_cases, _bytes)(generator)
    sides = (0, 1, 8, 2048, 2049, 60_000, 2**31 - 1)
    size = generator.choice(sides), generator.choice(sides)
    kind = generator.choice((1, 2, 4, 8, 16)), generator.choice((0, 2, 3, 4, 6, 7)), 0, 0, 0
    body = zlib.compress(bytes(generator.choice((0, 300, 100_000))))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, *kind)), (b"IDAT", body), (b"IEND", b"")]
    if generator.random() < 0.3:
        chunks.insert(1, (b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6))))
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        content += struct.pack(">I", len(data)) + name + data + checksum
    return {"image": content}


def _read_image(folder: Path) -> None:
    with (folder / "image").open("rb") as file:
        decode(file, "image")


def _idx(array: np.ndarray, sizes: tuple[int, ...] | None = None, kind: int = 8) -> bytes:
    sizes = array.shape if sizes is None else sizes
    return struct.pack(f">HBB{len(sizes)}I", 0, kind, len(sizes), *sizes) + array.tobytes()


_PIXELS, _LABELS = np.arange(768, dtype=np.uint8).reshape(3, 16, 16), np.arange(3, dtype=np.uint8)
_IDX = {f"set/{split}-{kind}": _idx(array) for split in ("train", "t10k")
        for kind, array in (("images-idx3-ubyte", _PIXELS), ("labels-idx1-ubyte", _LABELS))}  # fmt: skip


def _idx_cases() -> list[Case]:
    return [_IDX, {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in _IDX.items()}]


def _made_idx(generator: random.Random) -> Case:
    if generator.random() < 0.6:
        return _one_damaged(_idx_cases, _bytes)(generator)
    sizes = tuple(
        generator.choice((0, 1, 3, 16, 2**16, 2**31)) for _ in range(generator.randrange(5))
    )
    content = _idx(_PIXELS, sizes, generator.choice((8, 8, 9, 14)))
    if generator.random() < 0.5:
        return {**_IDX, "set/train-images-idx3-ubyte": content}
    rest = {name: content for name, content in _IDX.items() if "train-images" not in name}
    return {**rest, "set/train-images-idx3-ubyte.gz": gzip.compress(content, 1, mtime=0)}


@functools.cache
def _parquet_cases() -> list[Case]:
    png = _image_cases()[0]["image"]
    return [_parquet([{"bytes": png, "path": None}] * 4, [0, 1, 2, 3])]


def _parquet(images: Any, labels: Any, **options: Any) -> Case:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"img": images, "label": labels}), buffer, **options)
    return {f"set/{split}.parquet": buffer.getvalue() for split in ("train", "test")}


def _made_parquet(generator: random.Random) -> Case:
    if generator.random() < 0.7:
        return _one_damaged(_parquet_cases, _bytes)(generator)
    png = _image_cases()[generator.randrange(20)]["image"]
    columns = ([png] * 4, [{"bytes": png}] * 4, [{"bytes": None}] * 4, ["a"] * 4, [1] * 4,
               [{"path": "a"}] * 4, [None] * 4, [png, None, png, b""], [[png]] * 4)  # fmt: skip
    labels = ([0, 1, 2, 3], [0.5] * 4, ["a"] * 4, [None, 0, 1, 2], [-1, 0, 0, 0], [2**62, 0, 0, 0])
    return _parquet(
        generator.choice(columns), generator.choice(labels),
        compression=generator.choice(("none", "snappy", "zstd", "gzip")),
    )  # fmt: skip


def _class_cases() -> list[Case]:
    image = _image_cases()[0]["image"]
    return [{f"set/{split}/{name}/one.png": image for split in ("train", "test") for name in "ab"}]


def _binary_cases() -> list[Case]:
    rows = b"".join(bytes([label]) + bytes(3072) for label in (3, 9))
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    return [{f"cifar10/{name}.bin": rows for name in names}]


def _read_set(folder: Path, name: str = "set") -> None:
    os.environ["NASCOPE_CACHE"] = str(folder / "cache")
    load_data(name, data_dir=folder)


def _read_cifar(folder: Path) -> None:
    _read_set(folder, "cifar10")


# ---------------------------------------------------------------- tables


@functools.cache
def _table_cases() -> list[Case]:
    cells = [f"|{op}~0|+|none~0|skip_connect~1|" for op in ("skip_connect", "nor_conv_3x3")]
    rows = [(cell, epoch, 0.4 + epoch / 10) for cell in cells for epoch in (1, 2)]
    text = "genotype,epoch,accuracy\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    genotypes, epochs, measured = zip(*rows, strict=True)
    buffer = io.BytesIO()
    columns = {"genotype": genotypes, "epoch": epochs, "accuracy": measured}
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), buffer)
    records = [{"genotype": a, "epoch": b, "accuracy": c} for a, b, c in rows]
    curves = io.BytesIO()
    np.save(curves, np.array([[0.5, 0.6], [0.5, 0.7]]))
    return [
        {"t.csv": text.encode()},
        {"t.tsv": text.replace(",", "\t").encode()},
        {"t.parquet": buffer.getvalue()},
        {"t.json": json.dumps(records).encode()},
        {"t.json": json.dumps({cell: [0.5, 0.6] for cell in cells}).encode()},
        {"t.yaml": "".join(f"- {json.dumps(record)}\n" for record in records).encode()},
        {"t.npy": curves.getvalue(), "t.txt": "\n".join(cells).encode()},
    ]


def _made_table(generator: random.Random) -> Case:
    match generator.randrange(8):
        case 0:
            content = json.loads(_table_cases()[3]["t.json"])
            return {"t.json": json.dumps(damage_value(generator, content)).encode()}
        case 1:  # each line names the one before ten times
            lines = ["a0: &a0 [1]"]
            lines += [
                f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]"
                for n in range(1, generator.randrange(2, 12))
            ]
            return {"t.yaml": "\n".join(lines).encode()}
        case 2:
            buffer = io.BytesIO()
            np.save(buffer, _odd_array(generator))
            return {**_table_cases()[-1], "t.npy": buffer.getvalue()}
        case 3:
            header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10 ** generator.randrange(13)},), }}\n"
            content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
            return {**_table_cases()[-1], "t.npy": content}
    return _one_damaged(_table_cases, _bytes)(generator)


def _read_table(folder: Path) -> None:
    read_tables(next(path for path in sorted(folder.iterdir()) if path.stem == "t"))


def _read_cell_file(folder: Path) -> None:
    resolve_reading(str(folder / "cell.txt"))


READERS = (
    Reader("cell text", 40, lambda: _as_files(_cell_texts()), _made_text, _read_text, strict=True),
    Reader("cell argument", 3, lambda: _as_files(_cell_texts()), _made_text, _read_argument),
    Reader("cell file", 8, lambda: _as_files(_cell_texts()),
           _one_damaged(lambda: _as_files(_cell_texts()), _bytes), _read_cell_file),
    Reader("log", 8, _log_cases, _one_damaged(_log_cases, _bytes),
           lambda folder: read_log(folder / "log.txt")),
    Reader("study file", 6, _study_cases, _made_study, _read_study_file),
    Reader("search file", 2, _search_cases, _one_damaged(_search_cases, _bytes), _read_search_file),
    Reader("study folder", 4, lambda: [_study_folder()],
           _one_damaged(lambda: [_study_folder()], _damage_record), _read_study_folder),
    Reader("probe", 6, _probe_cases, _made_probe, _read_probe),
    Reader("npz and JSON", 4, _probe_cases, _one_damaged(_probe_cases, _bytes), _read_npz),
    Reader("checkpoint", 3, _checkpoint_cases, _made_checkpoint, _read_checkpoint),
    Reader("weights", 5, _weights_cases, _made_weights, _read_weights),
    Reader("image", 10, _image_cases, _made_image, _read_image),
    Reader("IDX", 5, _idx_cases, _made_idx, _read_set),
    Reader("Parquet", 4, _parquet_cases, _made_parquet, _read_set),
    Reader("image folder", 2, _class_cases, _one_damaged(_class_cases, _bytes), _read_set),
    Reader("CIFAR binary", 1, _binary_cases, _one_damaged(_binary_cases, _bytes), _read_cifar),
    Reader("table", 4, _table_cases, _made_table, _read_table),
)  # fmt: skip
