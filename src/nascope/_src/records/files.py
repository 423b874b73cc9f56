"""Writing files so that a reader, or a run after a crash, never sees half of one."""

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


@contextmanager
def replacing(path: Path, *, previous: Path | None = None) -> Iterator[IO[bytes]]:
    """A binary file written aside under a unique name and renamed to ``path`` on success.

    Args:
        previous: where the file that lies at ``path`` goes, at the same moment.

    Raises:
        StudyError: the folder cannot be written.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # see discard_half_written
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None:
            path.replace(previous)  # a crash here leaves this one alone
        aside.replace(path)
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None
    finally:
        _discard(aside)


def discard_half_written(folder: Path, names: str = "*") -> None:
    """Remove what killed processes left half-written in a folder, of the files of such ``names``.

    Only for who holds the lock under which they are written.
    """
    for path in folder.glob(f".{names}.*.part"):
        _discard(path)


def make_folder(path: Path) -> None:
    """Make a folder for results before hours go into them.

    Raises:
        StudyError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None


def why_unwritable(error: OSError) -> str:
    """The reason in words; a file where a folder must be has two names among the errors."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file lies where a folder must be"
    return error.strerror or str(error)


def _discard(path: Path) -> None:
    with suppress(OSError):  # where the folder itself is unwritable, the first error says so
        path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, previous: Path | None = None) -> None:
    """Replace ``path`` by ``content``, at once; see `replacing`."""
    with replacing(path, previous=previous) as file:
        file.write(content)


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Replace ``path`` by the JSON of ``value``; not-a-number and infinities stay readable."""
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Replace ``path`` by an uncompressed npz of ``arrays``."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def read_json(path: Path) -> Any:
    """The JSON in ``path``.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise StudyError(f"{path} is damaged: delete it and run the study again") from None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in an npz file.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        # Opened here, since numpy leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise StudyError(f"{path} is missing") from None
    except Exception:  # zipfile, zlib and numpy each raise their own kinds
        raise StudyError(f"{path} is damaged: delete it and run the study again") from None


def plain(value: Any) -> Any:
    """``value`` for JSON: tuples as lists, numpy's numbers as Python's, and non-finite numbers as
    {"$number": "nan"}, since strict readers refuse Python's bare NaN."""
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
    """The inverse of writing `plain` as JSON, up to tuples.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(text, object_hook=_number)


def _number(value: dict[str, Any]) -> Any:
    return float(value["$number"]) if value.keys() == {"$number"} else value
