"""From what a user writes to a genotype: a catalogue name, a file, ``-``, or a genotype's text."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nascope._src.cells.catalog import is_known, load
from nascope._src.cells.formats import Reading, read, read_file
from nascope._src.cells.formats.literal import MAX_TEXT
from nascope._src.cells.genotype import Genotype
from nascope._src.errors import GenotypeError


def resolve_cell(text: str) -> Genotype:
    """The genotype that ``text`` stands for.

    In this order: ``-`` is standard input; a name of the catalogue, in upper or lower case; a path
    to a file, or ``FILE:NAME`` where it holds several (``./DARTS`` is a file where ``DARTS`` is the
    catalogue's); the text of a genotype itself, in any of the formats of `cells.formats`.

    Raises:
        GenotypeError: it is none of them, or the genotype is invalid.

    >>> resolve_cell("snas").name
    'SNAS'
    """
    return resolve_reading(text).genotype


def resolve_reading(text: str) -> Reading:
    """As `resolve_cell`, with the format that was found and what its reader left out."""
    if text == "-":
        return read(_standard_input())
    if _is_word(text) and is_known(text):
        return Reading(load(text), "catalogue", ())
    if _is_file(text):
        return read_file(text)
    path, separator, name = text.rpartition(":")
    if separator and _is_file(path):
        return read_file(path, name)
    if _is_word(text):
        if "/" in text or Path(text).suffix:
            raise GenotypeError(f"{text}: no such file, nor a name in the catalogue")
        load(text)  # raises, with the nearest name
    return read(text)


def _is_word(text: str) -> bool:
    """A name or a path; a list of numbers is neither."""
    return bool(re.fullmatch(r"[\w./~+:-]{1,300}", text)) and not text.isdigit()


def _is_file(text: str) -> bool:
    if not text.strip():
        return False
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # longer than a path may be, or with a null character
        return False


def _standard_input() -> str:
    try:
        return sys.stdin.read(MAX_TEXT + 1)  # which the parser refuses
    except UnicodeDecodeError:
        raise GenotypeError("standard input: not UTF-8 text") from None
