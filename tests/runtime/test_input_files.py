"""Files that a user names: regular ones only, and no larger than a reader can hold."""

import os
import socket
import time
from pathlib import Path

import pytest

from nascope._src.runtime.input_files import check_file, in_bytes, open_file, read_bytes, read_text


@pytest.mark.parametrize("read", [open_file, check_file, lambda path: read_bytes(path, at_most=9)])
def test_only_regular_files_are_opened(tmp_path, read):
    pipe, absent = tmp_path / "pipe", tmp_path / "absent"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        started = time.monotonic()
        for path, said in [
            (pipe, "but this is a pipe"),
            (tmp_path, "but this is a directory"),
            (tmp_path / "socket", "but this is a socket"),
            ("/dev/zero", "but this is a device"),
            (absent, "No such file"),
            ("a\0b", "No such file"),
        ]:
            with pytest.raises(OSError, match=said) as caught:
                read(path)
            assert caught.value.strerror
    assert time.monotonic() - started < 1


def test_a_link_to_a_file_is_a_file(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert check_file(tmp_path / "link") == 4
    with open_file(tmp_path / "link") as file:
        assert file.read() == b"text"


def test_sizes_are_limited_before_reading(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(10**13)  # occupies nothing
    with pytest.raises(OSError, match="too large: expected at most 3 kB"):
        read_bytes(path, at_most=3000)
    if Path("/proc/self/maps").exists():  # a file whose size is not known in advance
        with pytest.raises(OSError, match="too large"):
            read_bytes("/proc/self/maps", at_most=10)


def test_text_is_utf8_with_or_without_a_mark(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbf\xc3\xa9")
    assert read_text(path, at_most=10) == "é"
    path.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(path, at_most=10)


def test_sizes_have_units():
    assert in_bytes(200_000) == "200 kB"
    assert in_bytes(7) == "7 bytes"
