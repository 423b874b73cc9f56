"""Every command that a page shows parses, and every option that a page names exists."""

from __future__ import annotations

import re
import shlex

import pytest
import typer.main

from nascope._src.cli.entry import make_app
from tests.docs.pages import PAGES, blocks, prose

COMMAND = typer.main.get_command(make_app())
FOREIGN = {"--head", "--port"}  # options of other programs that pages name


def commands_in(text: str) -> list[str]:
    """Return the nascope commands of a shell block, continuation lines joined, pipes split."""
    parts = [part for line in text.replace("\\\n", " ").splitlines() for part in line.split(" | ")]
    found = [re.search(r"(?:^|\$ +|-- +)(nascope .*)", part) for part in parts]
    return [match[1] for match in found if match]


def parse(words: list[str]) -> None:
    """Parse a command as the command line does, without running it; raise if it is wrong."""
    command, parent, name = COMMAND, None, "nascope"
    while True:
        context = command.make_context(name, list(words), parent=parent)
        if not hasattr(command, "commands"):
            return
        rest = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, rest)
        parent = context


def options_of(command: object) -> set[str]:
    """Return every option of a command and of those below it."""
    own = {name for option in command.params for name in option.opts + option.secondary_opts}
    inner = getattr(command, "commands", {}).values()
    return own.union({"--help"}, *map(options_of, inner))


SHOWN = [
    pytest.param(line, id=f"{page.name}: {line[:50]}")
    for page in PAGES
    for _, text in blocks(page)
    for line in commands_in(text)
]


@pytest.mark.parametrize("line", SHOWN)
def test_shown_command_parses(line, monkeypatch):
    monkeypatch.delenv("NASCOPE_DATA", raising=False)
    parse(shlex.split(line, comments=True)[1:])


def test_pages_show_commands():
    assert len(SHOWN) > 50
    assert any("README.md" in param.id for param in SHOWN)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_named_commands_and_options_exist(page):
    known = options_of(COMMAND) | FOREIGN
    for code in re.findall(r"`([^`\n]+)`", prose(page)):
        if code.startswith("nascope "):
            command = COMMAND
            for word in code.split()[1:]:
                if not hasattr(command, "commands") or not re.fullmatch("[a-z]+", word):
                    break
                assert word in command.commands, f"{page}: {code}"
                command = command.commands[word]
        if not re.match(r"make|pip|ray|git|ruff", code):
            for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", code):
                assert option in known, f"{page}: {code}"


@pytest.mark.parametrize(
    "line",
    ["nascope train", "nascope cell", "nascope train DARTS --epoch 2", "nascope census --nodes x"],
)
def test_a_wrong_command_is_noticed(line):
    with pytest.raises(Exception, match="(?i)missing|no such|valid"):
        parse(line.split()[1:])
