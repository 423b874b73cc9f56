"""IDX files, the format of MNIST and its relatives, compressed or not."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from nascope._src.data.decoding import check_expansion
from nascope._src.errors import DataError
from nascope._src.runtime.input_files import open_file

_NAME = re.compile(  # as MNIST's authors, torchvision, EMNIST and Kaggle name them
    r"(?P<set>.*?)(?P<split>train|t10k|test)[-_.]?(?P<kind>images|labels)[-.]idx[13][-.]ubyte"
    r"(?P<gzip>\.gz)?",
    re.IGNORECASE,
)
_SPLITS = {"train": "train", "t10k": "test", "test": "test"}
_MAX_FILE = 4_000_000_000  # bytes
_UINT8 = 8


def idx_files(place: Path) -> dict[str, tuple[Path, Path]] | None:
    """Return the files of images and of labels in a folder, for "train" and "test".

    Raises:
        DataError: The folder has several data sets.
    """
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(place.iterdir(), reverse=True):  # a file after its compressed form
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            split = _SPLITS[match["split"].lower()]
            found.setdefault(match["set"], {})[split, match["kind"].lower()] = path
    whole = {name: files for name, files in found.items() if len(files) == 4}
    if len(whole) > 1:
        names = ", ".join(sorted(f"{name}…" for name in whole))
        raise DataError(f"{place}: expected one data set in a folder, but got {names}")
    for files in whole.values():
        return {s: (files[s, "images"], files[s, "labels"]) for s in ("train", "test")}
    return None


def read_idx(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, height, width, 1) uint8 and labels (n,) int64.

    Raises:
        DataError: A file is damaged, or the numbers of images and labels differ.
    """
    pixels, numbers = _array(images, dimensions=3), _array(labels, dimensions=1)
    if len(pixels) != len(numbers):
        raise DataError(
            f"{labels}: expected {len(pixels)} labels, one for each image, but got {len(numbers)}"
        )
    return pixels[..., None], numbers.astype(np.int64)


def _array(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file: two zero bytes, type (8: uint8), number of dimensions, sizes, values."""
    try:
        with open_file(path, at_most=_MAX_FILE) as raw:
            stored = path.stat().st_size
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not compressed:
                return _values(raw, path, dimensions, stored, stored)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _values(unpacked, path, dimensions, stored, None)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: damaged, or not an IDX file ({reason})") from None


def _values(
    file: BufferedIOBase, path: Path, dimensions: int, stored: int, size: int | None
) -> np.ndarray:
    """Read the header, and then as many bytes as it says. ``size`` is the file's, if known."""
    start = 4 + 4 * dimensions
    header = file.read(start)
    if len(header) == start:
        zeros, kind, count, *sizes = struct.unpack(f">HBB{dimensions}I", header)
        total = math.prod(sizes)
        if (zeros, kind, count) == (0, _UINT8, dimensions) and size in (None, start + total):
            check_expansion(total, stored, path)
            values = np.empty(total, dtype=np.uint8)
            if _fill(file, values.data) and not file.read(1):
                return values.reshape(sizes)
    raise DataError(f"{path}: damaged, or not an IDX file of {dimensions} dimensions")


def _fill(file: BufferedIOBase, target: memoryview) -> bool:
    """Read into all of the target; return whether the file has as much."""
    place = 0
    while place < len(target):
        part = file.read(min(1 << 20, len(target) - place))
        if not part:
            return False
        target[place : place + len(part)] = part
        place += len(part)
    return True
