"""Locks."""

import fcntl

from nascope._src.records.locks import is_held, locked


def test_a_file_system_without_locks_is_accepted(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "lock") as alone:
        assert not alone
        assert not is_held(tmp_path / "lock")
