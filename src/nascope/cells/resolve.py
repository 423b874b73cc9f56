"""From what a user writes to a genotype: a catalogue name, a file, ``-``, or a genotype's text."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nascope.cells.catalog import load, names
from nascope.cells.genotype import MAX_TEXT, Genotype, parse, read
from nascope.errors import GenotypeError


def resolve_cell(text: str) -> Genotype:
    """The genotype that ``text`` stands for.

    In this order: ``-`` is the genotype's text on standard input; a name of the catalogue, in
    upper or lower case; a path to a file (a file called as a catalogue cell is meant by ``./``);
    the text of a genotype itself.

    Raises:
        GenotypeError: it is none of them, or the genotype is invalid.

    >>> resolve_cell("snas").name
    'SNAS'
    """
    if text == "-":
        return parse(_standard_input())
    if _is_word(text) and text.lower() in {name.lower() for name in names()}:
        return load(text)
    if _is_file(text):
        return read(text)
    if _is_word(text):
        if "/" in text or Path(text).suffix:
            raise GenotypeError(f"{text}: no such file, nor a name in the catalogue")
        return load(text)  # raises, with the nearest name
    return parse(text)


def _is_word(text: str) -> bool:
    return bool(re.fullmatch(r"[\w./~+ -]{1,300}", text)) and not text.isspace()


def _is_file(text: str) -> bool:
    if not text.strip():
        return False
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # longer than a path may be, or with a null character
        return False


def _standard_input() -> str:
    try:
        return sys.stdin.read(4 * MAX_TEXT)  # more is refused by the parser
    except UnicodeDecodeError:
        raise GenotypeError("standard input: not UTF-8 text") from None
