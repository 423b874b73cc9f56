"""Read npz files whose sizes are checked before anything is allocated."""

from __future__ import annotations

import math
from typing import BinaryIO
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from nascope._src.runtime.input_files import in_bytes

_MAX_COMPRESSED = 200_000_000  # bytes; nascope writes uncompressed files
_KINDS = "biufUS"  # numbers and text


class UnfitArrays(ValueError):
    """What an npz file holds is not what nascope reads; the message says why."""


def read_npz(stream: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """Return the arrays in an npz file of numbers and text.

    Args:
        stream: The file.
        size: Its size in bytes.

    Raises:
        UnfitArrays: Its arrays have other sizes than it says, would fill the memory, or are not
            numbers or text. zipfile, zlib and NumPy raise errors of their own for other damages.
    """
    with ZipFile(stream) as packed:
        entries = packed.infolist()
        expanded = sum(entry.file_size for entry in entries)
        if expanded > max(size, _MAX_COMPRESSED):
            raise UnfitArrays(f"its arrays expand to {in_bytes(expanded)}")
        for entry in entries:
            with packed.open(entry) as member:
                if _header_size(member) != entry.file_size:  # type: ignore[arg-type]
                    raise UnfitArrays(f"{entry.filename} has another size")
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _header_size(member: BinaryIO) -> int:
    """Return the bytes of an array and its header, as the header says."""
    version = npy.read_magic(member)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise UnfitArrays("of an unknown version")
    shape, _, kind = read(member)
    if kind.kind not in _KINDS:
        raise UnfitArrays("expected numbers or text")
    return member.tell() + math.prod(shape) * kind.itemsize
