"""Write files atomically: neither a reader nor a run after a crash sees half a file."""

from __future__ import annotations

import io
import json
import math
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from nascope._src.errors import StudyError

_REMEDY = "run the study again to replace it, or move the file away"


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
        _discard(path)


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
    """Replace ``path`` by the JSON of ``value``, encoded by `plain`."""
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Replace ``path`` by an uncompressed npz file of ``arrays``."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def read_json(path: Path) -> Any:
    """Read the JSON in ``path``.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise StudyError(f"{path} is damaged: {_REMEDY}") from None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays in an npz file.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        # Opened here because NumPy leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise StudyError(f"{path} is missing") from None
    except Exception:  # zipfile, zlib and NumPy each raise errors of their own
        raise StudyError(f"{path} is damaged: {_REMEDY}") from None


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
    """Parse the JSON of `plain` data; the inverse of writing, except that tuples become lists.

    Raises:
        ValueError: the text is not JSON.
    """
    return json.loads(text, object_hook=_number)


def _number(value: dict[str, Any]) -> Any:
    return float(value["$number"]) if value.keys() == {"$number"} else value
