"""Locks that keep processes from doing the same work, also on machines that share a file system."""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import why_unwritable
from nascope._src.runtime.input_files import open_file

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold an exclusive or a ``shared`` lock; wait while another process holds it.

    The system releases the lock when the process ends, even if it is killed. If the file system
    does not support locks, or loses one while this process waits for it, continue without: writes
    are atomic and deterministic, so the only cost is duplicated work.

    Yields:
        Whether the lock is held; False if the file system does not support locks.

    Raises:
        StudyError: the lock file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")  # NFS grants a shared lock only on what can be read
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    held = True
    with file:
        try:
            _acquire(file.fileno(), operation, path.name)
        except OSError as error:
            logger.info("no lock on %s, so work may be done twice: %s", path.name, error.strerror)
            held = False
        yield held


def _acquire(descriptor: int, operation: int, name: str) -> None:
    """Acquire a lock, and wait for it if another process holds it.

    Raises:
        OSError: the file system has no locks, or lost them while this process waited.
    """
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.info("waiting for another process to release %s", name)
        while True:
            with contextlib.suppress(InterruptedError):  # by a signal: keep waiting
                return fcntl.flock(descriptor, operation)


def is_held(path: Path) -> bool:
    """Return whether a process, also on another machine, holds the lock exclusively."""
    try:
        with open_file(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file, or the file system has no locks
        return False
    return False
