"""npz files: arrays of numbers, whose sizes are known before they are read."""

import io
import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import read_arrays
from nascope._src.records.npz import UnfitArrays, read_npz


def read(content):
    return read_npz(io.BytesIO(content), len(content))


def saved(save, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_round_trip(save):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yy"]), "c": np.array(7),
              "d": np.empty((0, 3)), "e": np.asfortranarray(np.ones((2, 3), ">f4"))}  # fmt: skip
    read_back = read(saved(save, **arrays))
    assert read_back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read_back[name], array)


def with_member(content, *, compression=ZIP_DEFLATED):
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression) as packed:
        packed.writestr("a.npy", content)
    return buffer.getvalue()


def npy(shape, body=b"", kind="<f8"):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (with_member(npy((30_000_000,), bytes(240_000_000))), "its arrays expand to 240 MB"),
        (with_member(npy((10**12,))), "a.npy has another size"),
        (with_member(npy((2,), bytes(24))), "a.npy has another size"),
        (with_member(npy((1,), bytes(8), kind="|O")), "expected numbers or text"),
        (with_member(b"\x93NUMPY\x07\x00" + bytes(99)), "of an unknown version"),
    ],
)
def test_what_would_fill_the_memory_or_is_no_array_is_refused(tmp_path, content, said):
    with pytest.raises(UnfitArrays, match=said):
        read(content)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(StudyError, match=f"a.npz is damaged .*{said}"):
        read_arrays(tmp_path / "a.npz")


def test_only_files_are_read():
    with pytest.raises(StudyError, match="cannot read /dev/zero: expected a file, but this is a"):
        read_arrays(Path("/dev/zero"))
