"""Write files atomically, with a checksum, and read them again.

Neither a reader nor a run after a crash sees half a file. JSON objects are sealed
(`records/checksums.py`): a changed one is noticed when it is read.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from nascope._src.errors import StudyError
from nascope._src.records.checksums import digest, sealed, unsealed
from nascope._src.records.npz import UnfitArrays, read_npz
from nascope._src.runtime.input_files import open_file, read_text

PARTIAL_NAME = re.compile(r"\.(.+)\.[0-9a-f]{32}\.part")
"""The name of a file that is being written; its group is the name that it is to get."""

ARRAYS_MARK = b"nascope"
"""The comment of each npz file that nascope writes."""

_MAX_JSON = 100_000_000  # bytes; a study of 20,000 trials has 5 MB
_REMEDY = "run what wrote it again, or move the file away"


@contextmanager
def replacing(path: Path, *, previous: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a binary file under a temporary name that is renamed to ``path`` on success.

    Args:
        previous: where the file at ``path`` is moved to, just before.

    Raises:
        StudyError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # see discard_partial_files
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None:
            path.replace(previous)  # after a crash here, this is the only one
        temporary.replace(path)
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None
    finally:
        _discard(temporary)


def discard_partial_files(folder: Path, names: str = "*") -> None:
    """Remove the temporary files that killed processes left behind.

    Only the process that holds the lock for writing these files may call this.

    Args:
        names: pattern of the names that the files were to get.
    """
    for path in folder.glob(f".{names}.*.part"):
        if PARTIAL_NAME.fullmatch(path.name):
            _discard(path)


def set_aside(path: Path) -> Path:
    """Give a damaged file another name, so that a new one can take its place; return the name.

    Raises:
        StudyError: the folder cannot be written.
    """
    target, number = path.with_name(f"{path.name}.damaged"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{number}")
    try:
        return path.rename(target)
    except OSError as error:
        raise StudyError(f"cannot rename {path}: {why_unwritable(error)}") from None


def make_folder(path: Path) -> None:
    """Make a folder for results, before hours are spent on them.

    Raises:
        StudyError: the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None


def why_unwritable(error: OSError) -> str:
    """Return the reason why a file or folder cannot be written."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "expected a folder, but found a file"
    return error.strerror or str(error)


def _discard(path: Path) -> None:
    with suppress(OSError):  # if the folder is not writable, the first error reports it
        path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, previous: Path | None = None) -> None:
    """Replace ``path`` by ``content`` atomically; see `replacing`."""
    with replacing(path, previous=previous) as file:
        file.write(content)


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Replace ``path`` by the JSON of ``value``, encoded by `plain`; an object is sealed."""
    content = plain(value)
    if isinstance(content, dict):
        content = sealed(content)
    text = json.dumps(content, indent=indent, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Replace ``path`` by an uncompressed npz file of ``arrays``; return the file's checksum."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]
    # A zip file ends with the length of its comment, and the comment.
    content = buffer.getvalue()[:-2] + len(ARRAYS_MARK).to_bytes(2, "little") + ARRAYS_MARK
    write_bytes(path, content)
    return digest(content)


def read_json(path: Path, *, remedy: str = _REMEDY) -> Any:
    """Read the JSON in ``path``, and verify its checksum if it has one.

    Args:
        remedy: what to do if the file is damaged.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        return from_json(read_text(path, at_most=_MAX_JSON))
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise StudyError(f"{path} is damaged: {remedy}") from None


def read_arrays(
    path: Path, *, expected: str | None = None, remedy: str = _REMEDY
) -> dict[str, np.ndarray]:
    """Read the arrays in an npz file.

    Args:
        expected: the file's checksum, if it is known.
        remedy: what to do if the file is damaged.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        with open_file(path) as stream:
            size = path.stat().st_size
            if expected is None:
                return read_npz(stream, size)
            content = stream.read()
            if digest(content) != expected:
                raise ValueError
            return read_npz(io.BytesIO(content), size)
    except FileNotFoundError:
        raise StudyError(f"{path} is missing") from None
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror or error}") from None
    except UnfitArrays as error:
        raise StudyError(f"{path} is damaged ({error}): {remedy}") from None
    except Exception:  # zipfile, zlib and NumPy each raise errors of their own
        raise StudyError(f"{path} is damaged: {remedy}") from None


def has_mark(path: Path) -> bool:
    """Return whether a file is an npz file that nascope wrote."""
    ending = len(ARRAYS_MARK).to_bytes(2, "little") + ARRAYS_MARK
    try:
        with open_file(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - len(ending)))
            return file.read() == ending
    except OSError:
        return False


def plain(value: Any) -> Any:
    """Return ``value`` in a form that JSON can hold.

    Tuples become lists and NumPy's numbers Python's. Non-finite numbers become {"$number": "nan"},
    because strict readers reject Python's bare NaN.
    """
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case float() | np.floating():
            return float(value) if math.isfinite(value) else {"$number": str(float(value))}
        case np.integer():
            return int(value)
    return value


def from_json(text: str) -> Any:
    """Parse the JSON of `plain` data, and verify the checksum of an object that has one.

    The inverse of writing, except that tuples become lists.

    Raises:
        ValueError: the text is not JSON, or has another checksum.
    """
    raw = json.loads(text)
    if "\\ud" in text or "\\uD" in text:
        json.dumps(raw, ensure_ascii=False).encode()  # refuses half a surrogate pair
    content = unsealed(raw)
    return _with_numbers(content) if "$number" in text else content


def _with_numbers(value: Any) -> Any:
    """Replace what `plain` made of non-finite numbers."""
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$number"}:
        if not isinstance(value["$number"], str):
            raise ValueError("expected a number as text")
        return float(value["$number"])
    return {key: _with_numbers(item) for key, item in value.items()}
