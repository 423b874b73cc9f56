"""Readers of the formats in which image data sets lie on disk.

Each reader yields (images (n, height, width, channels) uint8, labels (n,) int64) of one split.
Nothing is unpickled. Decoded images are cached, since decoding CIFAR takes seconds and every
process of a study needs it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import re
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from nascope._src.errors import DataError, StudyError
from nascope._src.records.files import read_arrays, write_arrays

Arrays = tuple[np.ndarray, np.ndarray]
CACHE_VARIABLE = "NASCOPE_CACHE"
_CACHE_VERSION = 1

_FOLDERS = {  # where a set may lie inside the data folder, in order; the hub's names included
    "cifar10": ("cifar10", "cifar-10", "plain_text", "cifar-10-batches-bin", "."),
    "cifar100": ("cifar100", "cifar-100", "cifar-100-binary", "."),
}
_INNER = (".", "plain_text", "cifar100", "data", "cifar-10-batches-bin", "cifar-100-binary")
_BINARY_FILES = {
    "cifar10": {
        "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
        "test": ["test_batch.bin"],
    },
    "cifar100": {"train": ["train.bin"], "test": ["test.bin"]},
}
_SPLITS = {"train": ("train",), "test": ("test", "validation", "valid", "val")}
_IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff"}


def expected_files(name: str) -> str:
    """One line that says which file goes where, for errors."""
    if name in _BINARY_FILES:
        binary = "data_batch_1.bin … test_batch.bin" if name == "cifar10" else "train.bin, test.bin"
        return (
            f"expected there: {name}/train.parquet and {name}/test.parquet as on the Hugging Face "
            f"hub, or the original binary version, {name}/{binary}; with internet: "
            f"nascope data download {name}"
        )
    return (
        f"expected there: {name}/train*.parquet and {name}/test*.parquet, "
        f"{name}/train/CLASS/*.png and {name}/test/CLASS/*.png, or "
        f"{name}/train-images-idx3-ubyte.gz and its three companions"
    )


def find(name: str, folder: Path) -> tuple[dict[str, Arrays], bool]:
    """Find and read a data set in the data folder.

    Returns:
        the arrays of "train" and "test", and whether mirror images keep their label, which is
        taken to hold but for IDX files (MNIST's digits).

    Raises:
        DataError: it isn't there, or is damaged.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise DataError(f"{name!r} is no name of a data set: letters, digits, dot and dash only")
    outer = [folder / part for part in _FOLDERS.get(name, (name,))]
    places = [base / inner for base in outer for inner in _INNER if (base / inner).is_dir()]
    for place in places:
        if parquet := _parquet_files(place):
            return _cached(parquet, lambda files: _read_parquet(files, name), name), True
        if name in _BINARY_FILES and (binary := _binary_files(name, place)):
            return {s: _read_binary(files, name) for s, files in binary.items()}, True
        if name not in _BINARY_FILES:
            if idx := _idx_files(place):
                return {split: _read_idx(*files) for split, files in idx.items()}, False
            if images := _class_folders(place):
                return _cached(images, _read_images, name), True
    pickles = next((p for place in places for p in place.glob("data_batch_1")), None)
    hint = f"; {pickles} is the pickled version, which is not read" if pickles else ""
    raise DataError(f"{name} not found in {folder} ({expected_files(name)}){hint}")


# ---------------------------------------------------------------- Parquet


def _parquet_files(place: Path) -> dict[str, list[Path]] | None:
    found = {}
    for split, names in _SPLITS.items():
        for name in names:
            files = sorted(place.glob(f"{name}*.parquet"))
            if files:
                found[split] = files
                break
    return found if len(found) == len(_SPLITS) else None


def _read_parquet(files: list[Path], name: str) -> Arrays:
    import pyarrow as pa  # noqa: PLC0415  (0.1 s that other formats need not pay)
    import pyarrow.parquet as pq  # noqa: PLC0415

    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for path in files:
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{path}: damaged, or not Parquet ({reason})") from None
        columns = table.column_names
        image_column = _first(columns, ("img", "image"), path)
        label_column = _first(
            columns, ("fine_label",) if name == "cifar100" else ("label", "fine_label"), path
        )
        rows = table.column(image_column).to_pylist()
        encoded = [row["bytes"] if isinstance(row, dict) else row for row in rows]
        images.append(_decode_all(encoded, path))
        column = table.column(label_column)
        if column.null_count or not pa.types.is_integer(column.type):
            raise DataError(f"{path}: column {label_column} must hold integers, none missing")
        labels.append(column.to_numpy().astype(np.int64))
    return _concatenate(images, files), np.concatenate(labels)


def _first(columns: list[str], wanted: tuple[str, ...], path: Path) -> str:
    for name in wanted:
        if name in columns:
            return name
    raise DataError(f"{path}: no column {' or '.join(wanted)}, only {', '.join(columns)}")


def _decode_all(encoded: Iterable[bytes | None], where: Path) -> np.ndarray:
    def decode(item: tuple[int, bytes | None]) -> np.ndarray:
        index, content = item
        try:
            return _pixels(Image.open(io.BytesIO(content or b"")))
        except (OSError, ValueError, SyntaxError):
            raise DataError(f"{where}: row {index} holds no image that can be read") from None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return _stack(list(pool.map(decode, enumerate(encoded))), where)


def _pixels(image: Image.Image) -> np.ndarray:
    """(height, width, channels): one channel for greyscale, else three."""
    grey = image.mode in ("1", "L")
    pixels = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.uint8)
    return pixels[..., None] if grey else pixels


def _stack(images: list[np.ndarray], where: Path) -> np.ndarray:
    if not images:
        raise DataError(f"{where}: no images")
    for index, image in enumerate(images):
        if image.shape != images[0].shape:
            raise DataError(
                f"{where}: image {index} is {image.shape}, the first is {images[0].shape}; "
                "all must have one size"
            )
    return np.stack(images)


def _concatenate(parts: list[np.ndarray], files: list[Path]) -> np.ndarray:
    for part, path in zip(parts, files, strict=True):
        if part.shape[1:] != parts[0].shape[1:]:
            raise DataError(f"{path}: images of {part.shape[1:]}, elsewhere {parts[0].shape[1:]}")
    return np.concatenate(parts)


# ---------------------------------------------------------------- CIFAR's original binary version


def _binary_files(name: str, place: Path) -> dict[str, list[Path]] | None:
    files = {
        split: [place / file for file in names] for split, names in _BINARY_FILES[name].items()
    }
    present = [path.is_file() for paths in files.values() for path in paths]
    if any(present) and not all(present):
        missing = next(path for paths in files.values() for path in paths if not path.is_file())
        raise DataError(f"{missing} is missing beside the other files of {name}")
    return files if all(present) else None


def _read_binary(files: list[Path], name: str) -> Arrays:
    labels_per_image = 2 if name == "cifar100" else 1  # coarse, fine
    size = labels_per_image + 3 * 32 * 32
    rows = []
    for path in files:
        content = np.fromfile(path, dtype=np.uint8)
        if len(content) == 0 or len(content) % size:
            raise DataError(f"{path}: damaged, {len(content)} bytes are no multiple of {size}")
        rows.append(content.reshape(-1, size))
    table = np.concatenate(rows)
    images = table[:, labels_per_image:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), table[:, labels_per_image - 1].astype(np.int64)


# ---------------------------------------------------------------- IDX (MNIST, Fashion-MNIST)


def _idx_files(place: Path) -> dict[str, tuple[Path, Path]] | None:
    found = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        pair = [
            next(
                (p for end in ("", ".gz") if (p := place / f"{prefix}-{kind}{end}").is_file()), None
            )
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        if pair[0] and pair[1]:
            found[split] = (pair[0], pair[1])
    return found if len(found) == 2 else None


def _read_idx(images: Path, labels: Path) -> Arrays:
    pixels = _idx_array(images, dimensions=3)
    return pixels[..., None], _idx_array(labels, dimensions=1).astype(np.int64)


def _idx_array(path: Path, dimensions: int) -> np.ndarray:
    """An IDX file: two zero bytes, the type (8 = uint8), the number of dimensions, their sizes."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        zeros, kind, count = struct.unpack_from(">HBB", content)
        sizes = struct.unpack_from(f">{count}I", content, 4)
    except (OSError, EOFError, struct.error, ValueError) as error:
        raise DataError(f"{path}: damaged, or not an IDX file ({error})") from None
    body = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * count)
    if (zeros, kind, count) != (0, 8, dimensions) or body.size != np.prod(sizes):
        raise DataError(f"{path}: damaged, or not an IDX file of {dimensions} dimensions")
    return body.reshape(sizes)


# ---------------------------------------------------------------- a folder of images per class


def _class_folders(place: Path) -> dict[str, list[Path]] | None:
    found = {}
    for split, names in _SPLITS.items():
        for name in names:
            files = sorted(
                path
                for path in (place / name).glob("*/*")
                if path.suffix.lower() in _IMAGE_ENDINGS and path.is_file()
            )
            if files:
                found[split] = files
                break
    if len(found) < len(_SPLITS):
        return None
    classes = {split: {path.parent.name for path in files} for split, files in found.items()}
    if not classes["test"] <= classes["train"]:
        extra = sorted(classes["test"] - classes["train"])[0]
        raise DataError(f"{place}: class {extra} has test images, but no training images")
    return found


def _read_images(files: list[Path]) -> Arrays:
    root = files[0].parent.parent
    # Labels are the ranks of the training set's class names: the test set may lack some.
    train = next(root.parent / name for name in _SPLITS["train"] if (root.parent / name).is_dir())
    classes = sorted({path.parent.name for path in train.glob("*/*") if path.is_file()})
    images = []
    for path in files:
        try:
            images.append(_pixels(Image.open(path)))
        except (OSError, ValueError, SyntaxError):
            raise DataError(f"{path}: no image that can be read") from None
        if images[-1].shape != images[0].shape:
            raise DataError(f"{path} is {images[-1].shape}, others are {images[0].shape}")
    labels = np.array([classes.index(path.parent.name) for path in files], dtype=np.int64)
    return np.stack(images), labels


# ---------------------------------------------------------------- cache of decoded images


def _cached(
    files: dict[str, list[Path]], reader: Callable[[list[Path]], Arrays], name: str
) -> dict[str, Arrays]:
    arrays = {}
    for split, paths in files.items():
        cache = cache_folder() / f"{name}-{split}-{_content_key(paths)}.npz"
        stored = _read_cache(cache)
        if stored is None:
            stored = reader(paths)
            with contextlib.suppress(StudyError):  # a cache that can't be written is no error
                write_arrays(cache, {"images": stored[0], "labels": stored[1]})
        arrays[split] = stored
    return arrays


def cache_folder() -> Path:
    """Where decoded images are kept: NASCOPE_CACHE, or nascope in the user's cache folder."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nascope"


def _content_key(paths: list[Path]) -> str:
    digest = hashlib.sha256(f"version {_CACHE_VERSION}".encode())
    for path in paths:
        digest.update(f"{path.parent.name}/{path.name}".encode())
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from None
    return digest.hexdigest()[:16]


def _read_cache(path: Path) -> Arrays | None:
    try:
        arrays = read_arrays(path)
        return arrays["images"], arrays["labels"]
    except (StudyError, KeyError):  # missing or damaged: decode again
        return None
