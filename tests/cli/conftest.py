"""The command line in this process, for commands that load no torch."""

from __future__ import annotations

import pytest

from nascope._src.cli.entry import main


@pytest.fixture
def nascope(monkeypatch, capsys):
    """Run a command; return its exit code and what it printed to both streams."""
    monkeypatch.delenv("NASCOPE_DATA", raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["nascope", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run
