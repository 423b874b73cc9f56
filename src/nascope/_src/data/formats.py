"""Read image data sets in the formats that are common on disk.

Nothing is unpickled. Decoded images are cached, because decoding CIFAR takes seconds and every
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

LabelledImages = tuple[np.ndarray, np.ndarray]
"""Images (n, height, width, channels) uint8 and labels (n,) int64 of one split."""
CACHE_VARIABLE = "NASCOPE_CACHE"
_CACHE_VERSION = 1

_FOLDERS = {  # possible places of a data set in the data folder, in order, as on the hub too
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
    """Return one line about which file goes where, for errors."""
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


def read_data(name: str, folder: Path) -> tuple[dict[str, LabelledImages], bool]:
    """Find and read a data set in the data folder.

    Returns:
        The images of "train" and "test", and whether mirrored images keep their label. This is
        assumed for all formats except IDX files (MNIST's digits).

    Raises:
        DataError: the data set is missing or damaged.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise DataError(
            f"Expected a data set's name with letters, digits, dots and dashes only, not {name!r}"
        )
    outer = [folder / part for part in _FOLDERS.get(name, (name,))]
    places = [base / inner for base in outer for inner in _INNER if (base / inner).is_dir()]
    for place in places:
        if parquet := _parquet_files(place):
            return _read_cached(parquet, lambda files: _read_parquet(files, name), name), True
        if name in _BINARY_FILES and (binary := _binary_files(name, place)):
            return {s: _read_binary(files, name) for s, files in binary.items()}, True
        if name not in _BINARY_FILES:
            if idx := _idx_files(place):
                return {split: _read_idx(*files) for split, files in idx.items()}, False
            if images := _class_folders(place):
                return _read_cached(images, _read_images, name), True
    pickles = next((p for place in places for p in place.glob("data_batch_1")), None)
    hint = f"; {pickles} is the pickled version, which nascope does not read" if pickles else ""
    raise DataError(f"{name} not found in {folder} ({expected_files(name)}){hint}")


# ---------------------------------------------------------------- Parquet


def _parquet_files(place: Path) -> dict[str, list[Path]] | None:
    files_of = {}
    for split, names in _SPLITS.items():
        for name in names:
            files = sorted(place.glob(f"{name}*.parquet"))
            if files:
                files_of[split] = files
                break
    return files_of if len(files_of) == len(_SPLITS) else None


def _read_parquet(files: list[Path], name: str) -> LabelledImages:
    import pyarrow as pa  # noqa: PLC0415  (takes 0.1 s; other formats do not need it)
    import pyarrow.parquet as pq  # noqa: PLC0415

    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for path in files:
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{path}: damaged, or not a Parquet file ({reason})") from None
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
            raise DataError(f"{path}: expected integers without gaps in column {label_column}")
        labels.append(column.to_numpy().astype(np.int64))
    return _concatenate(images, files), np.concatenate(labels)


def _first(columns: list[str], wanted: tuple[str, ...], path: Path) -> str:
    for name in wanted:
        if name in columns:
            return name
    raise DataError(
        f"{path}: expected a column {' or '.join(wanted)}, but there are only {', '.join(columns)}"
    )


def _decode_all(encoded: Iterable[bytes | None], where: Path) -> np.ndarray:
    def decode(item: tuple[int, bytes | None]) -> np.ndarray:
        index, content = item
        try:
            return _pixels(Image.open(io.BytesIO(content or b"")))
        except (OSError, ValueError, SyntaxError):
            raise DataError(f"{where}: cannot read the image in row {index}") from None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return _stack(list(pool.map(decode, enumerate(encoded))), where)


def _pixels(image: Image.Image) -> np.ndarray:
    """Return (height, width, channels), with one channel for greyscale, else three."""
    grey = image.mode in ("1", "L")
    pixels = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.uint8)
    return pixels[..., None] if grey else pixels


def _stack(images: list[np.ndarray], where: Path) -> np.ndarray:
    if not images:
        raise DataError(f"{where}: no images")
    for index, image in enumerate(images):
        if image.shape != images[0].shape:
            raise DataError(
                f"{where}: expected images of one size, but image {index} is {image.shape} and "
                f"the first is {images[0].shape}"
            )
    return np.stack(images)


def _concatenate(parts: list[np.ndarray], files: list[Path]) -> np.ndarray:
    for part, path in zip(parts, files, strict=True):
        if part.shape[1:] != parts[0].shape[1:]:
            raise DataError(
                f"{path}: expected images {parts[0].shape[1:]} as in {files[0].name}, but got "
                f"{part.shape[1:]}"
            )
    return np.concatenate(parts)


# ---------------------------------------------------------------- CIFAR's original binary version


def _binary_files(name: str, place: Path) -> dict[str, list[Path]] | None:
    files = {
        split: [place / file for file in names] for split, names in _BINARY_FILES[name].items()
    }
    present = [path.is_file() for paths in files.values() for path in paths]
    if any(present) and not all(present):
        missing = next(path for paths in files.values() for path in paths if not path.is_file())
        raise DataError(f"{missing} is missing; the other files of {name} exist")
    return files if all(present) else None


def _read_binary(files: list[Path], name: str) -> LabelledImages:
    labels_per_image = 2 if name == "cifar100" else 1  # coarse, fine
    size = labels_per_image + 3 * 32 * 32
    rows = []
    for path in files:
        content = np.fromfile(path, dtype=np.uint8)
        if len(content) == 0 or len(content) % size:
            raise DataError(
                f"{path}: damaged, expected a multiple of {size} bytes, but got {len(content)}"
            )
        rows.append(content.reshape(-1, size))
    table = np.concatenate(rows)
    images = table[:, labels_per_image:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), table[:, labels_per_image - 1].astype(np.int64)


# ---------------------------------------------------------------- IDX (MNIST, Fashion-MNIST)


def _idx_files(place: Path) -> dict[str, tuple[Path, Path]] | None:
    files_of = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        pair = [
            next(
                (p for end in ("", ".gz") if (p := place / f"{prefix}-{kind}{end}").is_file()), None
            )
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        if pair[0] and pair[1]:
            files_of[split] = (pair[0], pair[1])
    return files_of if len(files_of) == 2 else None


def _read_idx(images: Path, labels: Path) -> LabelledImages:
    pixels = _idx_array(images, dimensions=3)
    return pixels[..., None], _idx_array(labels, dimensions=1).astype(np.int64)


def _idx_array(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file: two zero bytes, type (8: uint8), number of dimensions, sizes, values."""
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
    files_of = {}
    for split, names in _SPLITS.items():
        for name in names:
            files = sorted(
                path
                for path in (place / name).glob("*/*")
                if path.suffix.lower() in _IMAGE_ENDINGS and path.is_file()
            )
            if files:
                files_of[split] = files
                break
    if len(files_of) < len(_SPLITS):
        return None
    classes = {split: {path.parent.name for path in files} for split, files in files_of.items()}
    if not classes["test"] <= classes["train"]:
        extra = sorted(classes["test"] - classes["train"])[0]
        raise DataError(
            f"{place}: expected training images of class {extra}, which has test images"
        )
    return files_of


def _read_images(files: list[Path]) -> LabelledImages:
    root = files[0].parent.parent
    # Labels number the class names of the training set, since the test set may lack some.
    train = next(root.parent / name for name in _SPLITS["train"] if (root.parent / name).is_dir())
    classes = sorted({path.parent.name for path in train.glob("*/*") if path.is_file()})
    images = []
    for path in files:
        try:
            images.append(_pixels(Image.open(path)))
        except (OSError, ValueError, SyntaxError):
            raise DataError(f"{path}: cannot read the image") from None
        if images[-1].shape != images[0].shape:
            raise DataError(
                f"{path}: expected an image {images[0].shape} like the others, but got "
                f"{images[-1].shape}"
            )
    labels = np.array([classes.index(path.parent.name) for path in files], dtype=np.int64)
    return np.stack(images), labels


# ---------------------------------------------------------------- cache of decoded images


def _read_cached(
    files: dict[str, list[Path]], reader: Callable[[list[Path]], LabelledImages], name: str
) -> dict[str, LabelledImages]:
    arrays = {}
    for split, paths in files.items():
        cache = cache_folder() / f"{name}-{split}-{_content_key(paths)}.npz"
        stored = _read_cache(cache)
        if stored is None:
            stored = reader(paths)
            with contextlib.suppress(StudyError):  # the cache is optional
                write_arrays(cache, {"images": stored[0], "labels": stored[1]})
        arrays[split] = stored
    return arrays


def cache_folder() -> Path:
    """Return the folder for decoded images: NASCOPE_CACHE, or one in the user's cache folder."""
    if folder := os.environ.get(CACHE_VARIABLE):
        return Path(folder)
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


def _read_cache(path: Path) -> LabelledImages | None:
    try:
        arrays = read_arrays(path)
        return arrays["images"], arrays["labels"]
    except (StudyError, KeyError):  # missing or damaged: decode again
        return None
