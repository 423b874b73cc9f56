"""Writes the command reference from each command's own --help.

python tools/command_reference.py docs/reference/commands.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import typer.main
from typer.testing import CliRunner

from nascope._src.cli.entry import make_app


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, as the words that call it; groups before their commands."""

    def below(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield words
        for name, inner in sorted(getattr(command, "commands", {}).items()):
            yield from below(inner, (*words, name))

    yield from below(typer.main.get_command(make_app()), ())


def help_text(words: tuple[str, ...]) -> str:
    """What ``nascope WORDS --help`` prints."""
    # The same width wherever this runs, and nothing of the caller's own settings.
    environment = {"COLUMNS": "90", "NASCOPE_DATA": None}
    result = CliRunner(env=environment).invoke(make_app(), [*words, "--help"], prog_name="nascope")
    if result.exit_code:
        raise SystemExit(f"nascope {' '.join(words)} --help failed: {result.output}")
    return result.output.strip()


def reference() -> str:
    """The whole page."""
    parts = ["# Commands", "", "Made from `--help` by `make docs`; a test keeps it current.", ""]
    for words in commands():
        title = " ".join(("nascope", *words))
        parts += [f"## {title}", "", "```", help_text(words), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
