"""Locks."""

import errno
import fcntl
import os
from unittest.mock import Mock

import pytest

from nascope._src.errors import StudyError
from nascope._src.records.locks import is_held, locked


def test_a_file_system_without_locks_is_accepted(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "lock") as alone:
        assert not alone
        assert not is_held(tmp_path / "lock")


def test_a_pipe_in_the_place_of_a_lock_blocks_nobody(tmp_path):
    os.mkfifo(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")
    with pytest.raises(StudyError, match="cannot write"), locked(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ESTALE])
def test_a_lock_that_fails_while_waiting_is_done_without(tmp_path, monkeypatch, code):
    answers = [BlockingIOError(), OSError(code, os.strerror(code))]
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=answers))
    with locked(tmp_path / "lock") as alone:
        assert not alone


def test_a_signal_does_not_end_the_wait(tmp_path, monkeypatch):
    flock = Mock(side_effect=[BlockingIOError(), InterruptedError(), InterruptedError(), None])
    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path / "lock") as alone:
        assert alone
    assert flock.call_count == 4
