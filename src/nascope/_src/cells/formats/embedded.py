"""Genotypes within other text: the log of a search, YAML, a message.

Such text is neither JSON nor Python source, but a genotype in it is. It may go over several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nascope._src.cells.formats.literal import MAX_TEXT
from nascope._src.errors import GenotypeError

_CALL = re.compile(r"\b(Genotype|ModelSpec)\((?=\s*(?:[\[(]|\w+\s*=\s*[^=\s]|$))")
CUT_OFF = "the genotype is cut off: a bracket is not closed"
_LABEL = re.compile(r"(\w[\w.-]*)[ \t]*[:=][ \t]*['\"]?[ \t]*$")  # in front of a call
_FIELDS = re.compile(r"\{\s*['\"](?:normal|reduce)(?:_concat)?['\"]\s*:\s*[\[(]")  # a dictionary
_TABULAR = re.compile(r"\|[\w ]+~\d+\|(?:\+\|(?:[\w ]+~\d+\|)+)+")  # as Structure(…) prints it
_STAMP = re.compile(  # the date and time that a logger writes
    r"(?:\d{1,4}[-/.]\d\d(?:[-/.]\d\d)?[ T])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?\s+"
)

GENERIC = {"genotype", "genotypes", "geno", "arch", "architecture", "cell", "model"}
"""Labels in front of a genotype that say what it is, but do not name it."""


class Found(NamedTuple):
    """A genotype's text, and what it is called there, unless that is "genotype" or the like."""

    name: str | None
    text: str


def find_all(text: str) -> Iterator[Found]:
    """Yield the genotypes in a text, in order.

    Raises:
        GenotypeError: A bracket is not closed.

    >>> [found.text for found in find_all("Structure(2 nodes with |none~0|+|none~0|none~1|)")]
    ['|none~0|+|none~0|none~1|']
    """
    place = 0
    while (start := start_of(text, place)) is not None:
        found, place = _at(text, start)
        yield found


def start_of(text: str, place: int = 0) -> re.Match[str] | None:
    """Return where the next genotype starts, also if it is not complete."""
    starts = [match for form in (_CALL, _FIELDS, _TABULAR) if (match := form.search(text, place))]
    return min(starts, key=lambda match: match.start(), default=None)


def is_complete(text: str) -> bool:
    """Return whether the first genotype of a text ends in it."""
    start = start_of(text)
    return start is not None and (start.re is _TABULAR or _closing(text, start) is not None)


def without_stamp(line: str) -> str:
    """Return a line of a log without the date and time before it.

    >>> without_stamp("08/14 09:12:02 PM reduce=[('skip_connect', 0)]")
    "reduce=[('skip_connect', 0)]"
    """
    stamp = _STAMP.match(line)
    return line[stamp.end() :] if stamp else line


def _at(text: str, start: re.Match[str]) -> tuple[Found, int]:
    if start.re is _TABULAR:
        return Found(None, start[0]), start.end()
    end = _closing(text, start)
    if end is None:
        raise GenotypeError(CUT_OFF)
    label = _LABEL.search(text[max(0, start.start() - 80) : start.start()])
    name = label[1] if label and label[1].lower() not in GENERIC else None
    return Found(name, _unquoted(text[start.start() : end])), end


def _closing(text: str, start: re.Match[str]) -> int | None:
    """Return the place after the bracket that closes the first one, if there is one."""
    depth = 0
    for bracket in re.compile(r"[()\[\]{}]").finditer(
        text, start.start(), start.start() + MAX_TEXT
    ):
        depth += 1 if bracket[0] in "([{" else -1
        if depth == 0:
            return bracket.end()
    return None


def _unquoted(text: str) -> str:
    """Undo YAML's quotes: doubled quotes, and lines that a backslash joins."""
    if re.search(r"''\w", text):
        text = text.replace("''", "'")
    return re.sub(r"\\\n\s*(\\ )?", " ", text)
