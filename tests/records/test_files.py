"""Files: atomic writes, and JSON that holds every number."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.errors import StudyError
from nascope._src.records.files import (
    from_json,
    plain,
    read_arrays,
    read_json,
    replacing,
    write_arrays,
    write_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_plain_json_reads_back(value):
    text = json.dumps(plain(value), allow_nan=False)
    assert from_json(text) == value


def test_numbers_that_json_lacks():
    value = {"a": [math.nan, math.inf, -math.inf, np.float32(0.5), np.int64(3)], "b": (1, 2)}
    text = json.dumps(plain(value), allow_nan=False)
    back = from_json(text)
    assert math.isnan(back["a"][0])
    assert back["a"][1:] == [math.inf, -math.inf, 0.5, 3]
    assert back["b"] == [1, 2]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"old": 1})
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert read_json(path) == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_damaged_and_missing_files_are_named(tmp_path):
    path = tmp_path / "file.json"
    with pytest.raises(StudyError, match=r"cannot read .*file.json: No such file"):
        read_json(path)
    path.write_text('{"half": ')
    with pytest.raises(StudyError, match=r"file.json is damaged"):
        read_json(path)
    arrays = tmp_path / "file.npz"
    with pytest.raises(StudyError, match=r"file.npz is missing"):
        read_arrays(arrays)
    write_arrays(arrays, {"a": np.arange(100.0)})
    assert read_arrays(arrays)["a"].sum() == 4950
    arrays.write_bytes(arrays.read_bytes()[:200])
    with pytest.raises(StudyError, match=r"file.npz is damaged"):
        read_arrays(arrays)


def test_no_pickle_is_read(tmp_path):
    path = tmp_path / "file.npz"
    np.savez(path, a=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(StudyError, match="damaged"):
        read_arrays(path)


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"cannot write .*file/a.json"):
        write_json(tmp_path / "file" / "a.json", {})
