"""Locks by which processes keep off each other's work, also on other machines of a file system."""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import why_unwritable

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold a lock, alone or ``shared``; the system frees it when the process ends, however it does.

    Where another process holds it, wait. A shared file system without locks is put up with: results
    are written at once and are the same whoever writes them, so that only work is done twice.

    Yields:
        Whether the lock is held, rather than put up with.

    Raises:
        StudyError: the lock's file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")  # NFS grants a shared lock only on what can be read
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    held = True
    with file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process that holds %s", path.name)
            fcntl.flock(file, how)
        except OSError as error:
            logger.info("no lock, so that work may be done twice: %s", error.strerror)
            held = False
        yield held


def is_held(path: Path) -> bool:
    """Whether a process holds the lock alone, here or, as far as can be told, elsewhere."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or the file system has no locks
        return False
    return False
