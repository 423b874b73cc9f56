"""Read image data sets in the formats that are common on disk.

Nothing is unpickled. Decoded images are cached, because decoding CIFAR takes seconds and every
process of a study needs it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.data.decoding import ENDINGS, check_expansion, decode, in_colour, stack
from nascope._src.data.idx import idx_files, read_idx
from nascope._src.errors import DataError, StudyError
from nascope._src.records.files import read_arrays, write_arrays
from nascope._src.runtime.input_files import open_file

LabelledImages = tuple[np.ndarray, np.ndarray]
"""Images (n, height, width, channels) uint8 and labels (n,) int64 of one split."""
CACHE_VARIABLE = "NASCOPE_CACHE"
_CACHE_VERSION = 2
_MAX_BINARY = 1_000_000_000  # bytes of a file of CIFAR's binary version, which has 30 MB

_FOLDERS = {  # possible places of a data set in the data folder, in order, as on the hub too
    "cifar10": ("cifar10", "cifar-10", "plain_text", "cifar-10-batches-bin", "."),
    "cifar100": ("cifar100", "cifar-100", "cifar-100-binary", "."),
}
_INNER = (".", "plain_text", "cifar100", "data", "cifar-10-batches-bin", "cifar-100-binary", "raw")
_BINARY_FILES = {
    "cifar10": {
        "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
        "test": ["test_batch.bin"],
    },
    "cifar100": {"train": ["train.bin"], "test": ["test.bin"]},
}
_SPLITS = {"train": ("train",), "test": ("test", "validation", "valid", "val")}
_PICKLED = re.compile(  # names of CIFAR's "python" version, as it is distributed
    r"data_batch_1|cifar-10-batches-py|cifar-100-python|cifar-100?-python\.tar\.gz"
)
_PACKED = re.compile(r"cifar-100?-binary\.tar\.gz")
_MAX_VISITED = 10_000  # folders and files, in search of a reason why there is no data


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
    outer = [folder / part for part in _FOLDERS.get(name, (_folder_name(name, folder),))]
    places = [base / inner for base in outer for inner in _INNER if (base / inner).is_dir()]
    for place in places:
        if parquet := _parquet_files(place):
            return _read_cached(parquet, lambda files: _read_parquet(files, name), name), True
        if name in _BINARY_FILES and (binary := _binary_files(name, place)):
            return {s: _read_binary(files, name) for s, files in binary.items()}, True
        if name not in _BINARY_FILES:
            if idx := idx_files(place):
                return {split: read_idx(*files) for split, files in idx.items()}, False
            if images := _class_folders(place):
                return _read_cached(images, _read_images, name), True
    raise DataError(f"{name} not found in {folder} ({expected_files(name)}){_hint(folder)}")


def _folder_name(name: str, folder: Path) -> str:
    """Return the name of the data set's folder, which may be spelled as in torchvision."""

    def plain(text: str) -> str:
        return re.sub("[-_.]", "", text.lower())

    if (folder / name).is_dir():
        return name
    alike = [path.name for path in _visible(folder) if plain(path.name) == plain(name)]
    return alike[0] if alike else name


def _visible(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted, without hidden files and those that macOS adds."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))


def _hint(folder: Path) -> str:
    """Return what else is in the data folder: CIFAR in another version."""
    visited = 0
    for base, folders, files in os.walk(folder):
        depth = len(Path(base).relative_to(folder).parts)
        folders[:] = [] if depth > 2 else sorted(f for f in folders if not f.startswith("."))
        for name in (*folders, *sorted(files)):
            if _PICKLED.fullmatch(name):
                return (
                    f"; {Path(base) / name} is the pickled version, which nascope does not read, "
                    "because unpickling runs code"
                )
            if _PACKED.fullmatch(name):
                return f"; unpack {Path(base) / name}"
        visited += len(folders) + len(files)
        if visited > _MAX_VISITED:
            break
    return ""


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
    parts = [_read_parquet_file(path, name) for path in files]
    images, labels = zip(*parts, strict=True)
    return _concatenate(images, files), np.concatenate(labels)


def _read_parquet_file(path: Path, name: str) -> LabelledImages:
    import pyarrow.parquet as pq  # noqa: PLC0415  (takes 0.1 s; other formats do not need it)

    try:
        with open_file(path) as opened, pq.ParquetFile(opened) as file:
            image, label = _parquet_columns(file, path, name)
            stored = path.stat().st_size
            rows = file.metadata.num_rows
            check_expansion(_uncompressed(file), stored, path)
            labels: list[np.ndarray] = []
            encoded = _encoded(file, image, label, labels, path)
            images = stack(_decoded(encoded, path), rows, stored, lambda row: f"{path}, row {row}")
            return images, np.concatenate(labels)
    except DataError:
        raise
    except Exception as error:  # pyarrow raises errors of every kind for a damaged file
        known = error.strerror if isinstance(error, OSError) else None
        reason = known or (str(error).splitlines() or ["unreadable"])[0]
        raise DataError(f"{path}: damaged, or not a Parquet file ({reason[:200]})") from None


def _parquet_columns(file: Any, path: Path, name: str) -> tuple[str, str]:
    """Return the names of the columns with images and labels, whose types are right."""
    from pyarrow import types  # noqa: PLC0415

    schema = file.schema_arrow
    image = _first(schema.names, ("img", "image"), path)
    label = _first(
        schema.names, ("fine_label",) if name == "cifar100" else ("label", "fine_label"), path
    )
    kind = schema.field(image).type
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (types.is_binary(kind) or types.is_large_binary(kind)):
        raise DataError(
            f"{path}: expected encoded images in column {image}, as bytes, but got {kind}"
        )
    if not types.is_integer(schema.field(label).type):
        raise DataError(
            f"{path}: expected integers in column {label}, but got {schema.field(label).type}"
        )
    return image, label


def _first(columns: list[str], wanted: tuple[str, ...], path: Path) -> str:
    for name in wanted:
        if name in columns:
            return name
    raise DataError(
        f"{path}: expected a column {' or '.join(wanted)}, but there are only {', '.join(columns)}"
    )


def _uncompressed(file: Any) -> int:
    """Return the bytes that the columns take, as the file says.

    pyarrow ends the process if the metadata of a single column is damaged; that of a group is safe.
    """
    groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
    return sum(group.total_byte_size for group in groups)


def _encoded(
    file: Any, image: str, label: str, labels: list[np.ndarray], path: Path
) -> Iterator[bytes | None]:
    """Yield the encoded images in parts, and append the labels of each part."""
    for batch in file.iter_batches(batch_size=64, columns=[image, label]):
        column = batch.column(label)
        if column.null_count:
            raise DataError(f"{path}: expected integers without gaps in column {label}")
        labels.append(column.to_numpy(zero_copy_only=False).astype(np.int64))
        for row in batch.column(image).to_pylist():
            yield row["bytes"] if isinstance(row, dict) else row


def _decoded(encoded: Iterator[bytes | None], path: Path) -> Iterator[np.ndarray]:
    """Yield the images, decoded by several threads, in their order."""

    def decode_row(item: tuple[int, bytes | None]) -> np.ndarray:
        row, content = item
        if not content:
            raise DataError(f"{path}, row {row}: expected the bytes of an image, but got none")
        return decode(io.BytesIO(content), f"{path}, row {row}")

    rows = enumerate(encoded)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        while part := list(itertools.islice(rows, 1024)):
            yield from pool.map(decode_row, part)


def _concatenate(parts: tuple[np.ndarray, ...], files: list[Path]) -> np.ndarray:
    for part, path in zip(parts, files, strict=True):
        if part.shape[1:3] != parts[0].shape[1:3]:
            raise DataError(
                f"{path}: expected images {parts[0].shape[1:3]} as in {files[0].name}, but got "
                f"{part.shape[1:3]}"
            )
    if len(parts) == 1:
        return parts[0]
    if len({part.shape[3] for part in parts}) > 1:
        parts = tuple(map(in_colour, parts))
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
        try:
            with open_file(path, at_most=_MAX_BINARY) as file:
                content = np.fromfile(file, dtype=np.uint8)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from None
        if len(content) == 0 or len(content) % size:
            raise DataError(
                f"{path}: damaged, expected a multiple of {size} bytes, but got {len(content)}"
            )
        rows.append(content.reshape(-1, size))
    table = np.concatenate(rows)
    images = table[:, labels_per_image:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), table[:, labels_per_image - 1].astype(np.int64)


# ---------------------------------------------------------------- a folder of images per class


def _class_folders(place: Path) -> dict[str, list[Path]] | None:
    files_of = {}
    for split, names in _SPLITS.items():
        for name in names:
            files = _class_images(place / name)
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


def _class_images(split: Path) -> list[Path]:
    """Return the images in the class folders of a split, sorted."""
    if not split.is_dir():
        return []
    folders = [folder for folder in _visible(split) if folder.is_dir()]
    images = [path for folder in folders for path in _visible(folder)]
    return [path for path in images if path.suffix.lower() in ENDINGS and path.is_file()]


def _read_images(files: list[Path]) -> LabelledImages:
    root = files[0].parent.parent
    # Labels number the class names of the training set, since the test set may lack some.
    train = next(root.parent / name for name in _SPLITS["train"] if (root.parent / name).is_dir())
    classes = sorted({path.parent.name for path in _class_images(train)})
    stored = sum(path.stat().st_size for path in files)
    images = stack(map(_read_image, files), len(files), stored, lambda index: str(files[index]))
    labels = np.array([classes.index(path.parent.name) for path in files], dtype=np.int64)
    return images, labels


def _read_image(path: Path) -> np.ndarray:
    try:
        with open_file(path) as file:
            return decode(file, str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


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
    if len({images.shape[3] for images, _ in arrays.values()}) > 1:  # one split is grey
        return {split: (in_colour(images), labels) for split, (images, labels) in arrays.items()}
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
            with open_file(path) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from None
    return digest.hexdigest()[:16]


def _read_cache(path: Path) -> LabelledImages | None:
    try:
        arrays = read_arrays(path)
        images, labels = arrays["images"], arrays["labels"]
    except (StudyError, KeyError):  # missing or damaged: decode again
        return None
    whole = (images.dtype, images.ndim) == (np.uint8, 4) and labels.dtype == np.int64
    return (images, labels) if whole and labels.shape == images.shape[:1] else None
