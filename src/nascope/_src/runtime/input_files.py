"""Open the files that a user names. Only regular files are read, and their size is known before.

A pipe would block, and a device such as /dev/zero has no end. What is wrong is an `OSError` whose
``strerror`` says so, so that a caller reports it like any other file that cannot be read.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_file(path: str | Path, *, at_most: int | None = None) -> BufferedReader:
    """Open a regular file to read its bytes.

    Args:
        path: The file.
        at_most: Largest size, in bytes.

    Raises:
        OSError: It does not exist, is not a regular file, or is larger.
    """
    check_file(path, at_most=at_most)
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # in case a pipe takes its place meanwhile
    return os.fdopen(os.open(path, flags), "rb")


def check_file(path: str | Path, *, at_most: int | None = None) -> int:
    """Return the size of a regular file in bytes, for readers that open it themselves.

    Raises:
        OSError: It does not exist, is not a regular file, or is larger than ``at_most``.
    """
    try:
        found = os.stat(path)
    except ValueError:  # a null character in the path
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for holds, name in _KINDS if holds(found.st_mode)), "something else")
        raise OSError(errno.EINVAL, f"expected a file, but this is {kind}", str(path))
    if at_most is not None and found.st_size > at_most:
        raise _too_large(path, at_most)
    return found.st_size


def _too_large(path: str | Path, at_most: int) -> OSError:
    return OSError(errno.EFBIG, f"too large: expected at most {in_bytes(at_most)}", str(path))


def read_bytes(path: str | Path, *, at_most: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: It cannot be read, is not a regular file, or is larger than ``at_most`` bytes.
    """
    with open_file(path, at_most=at_most) as file:
        content = file.read(at_most + 1)  # it may have grown, and the system's files have no size
    if len(content) > at_most:
        raise _too_large(path, at_most)
    return content


def read_text(path: str | Path, *, at_most: int) -> str:
    """Return the text of a regular file in UTF-8, without a byte-order mark.

    Raises:
        OSError: It cannot be read, is not a regular file, or is larger than ``at_most`` bytes.
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_bytes(path, at_most=at_most).decode("utf-8-sig")


def in_bytes(size: int) -> str:
    """Return a size with its unit.

    >>> in_bytes(1500), in_bytes(2_000_000_000)
    ('1.5 kB', '2 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"
