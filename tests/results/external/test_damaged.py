"""Tables of odd values and damaged files, as the fuzzer found them: one clean error each."""

import json
import struct

import pytest

from nascope._src.errors import NascopeError
from nascope._src.results.external.accuracies import read_tables

CELL = "|skip_connect~0|+|none~0|skip_connect~1|"


@pytest.mark.parametrize("epoch", [[1], {"a": 1}, 1e30, 2**70, None, "1e400", True])
def test_epochs_that_are_no_numbers(tmp_path, epoch):
    rows = [{"genotype": CELL, "epoch": epoch, "accuracy": 0.5}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    with pytest.raises(NascopeError, match="row|entry|epoch"):
        read_tables(tmp_path / "t.json")


@pytest.mark.parametrize(
    "header", ["{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", "{'", ""]
)
def test_damaged_arrays(tmp_path, header):
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n"
    (tmp_path / "t.npy").write_bytes(content if header else b"")
    (tmp_path / "t.txt").write_text(CELL)
    with pytest.raises(NascopeError, match="t.npy"):
        read_tables(tmp_path / "t.npy")


def test_aliases_that_expand_without_end(tmp_path):
    lines = [f"x: &x {{'{CELL}': 0.5}}", "a0: &a0 {a: *x, b: *x, c: *x, d: *x}"]
    for level in range(1, 7):
        lines.append(f"a{level}: &a{level} {{{', '.join(f'{c}: *a{level - 1}' for c in 'abcd')}}}")
    (tmp_path / "t.yaml").write_text("\n".join(lines))
    with pytest.raises(NascopeError, match="its aliases expand without end"):
        read_tables(tmp_path / "t.yaml")
