"""Resolve what a user writes to a genotype: a name, a file, ``-``, or the text of a genotype."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nascope._src.cells.catalog import is_known, load
from nascope._src.cells.formats.literal import MAX_TEXT
from nascope._src.cells.formats.reading import Reading, read, read_file
from nascope._src.cells.genotype import CELL_KINDS, Genotype
from nascope._src.cells.wiring import published_variant, random_variant
from nascope._src.errors import GenotypeError


def resolve_cell(text: str) -> Genotype:
    """Return the genotype that a user means by ``text``.

    The first that fits, in this order:

    - ``-``: standard input;
    - a name of the catalogue, in upper or lower case, or of a variant of such a cell:
      ``DARTS-r1`` and ``DARTS-r1n`` (see `random_variant`), ``DARTS-p1`` (see `published_variant`);
    - a path to a file, or ``FILE:NAME`` if the file holds several genotypes; write ``./DARTS`` for
      a file that has the name of a catalogue cell;
    - the text of a genotype, in any format of `nascope._src.cells.formats.reading`.

    Raises:
        GenotypeError: The text is none of these, or the genotype is invalid.

    >>> resolve_cell("snas").name
    'SNAS'
    """
    return resolve_reading(text).genotype


def as_genotype(cell: Genotype | str) -> Genotype:
    """Return a genotype as it is, or the genotype that a user means by a text; see `resolve_cell`.

    Raises:
        GenotypeError: The argument is neither, or the text is not that of a genotype.
    """
    if isinstance(cell, Genotype):
        return cell
    if isinstance(cell, str):
        return resolve_cell(cell)
    raise GenotypeError(
        f"expected a Genotype or the name of a cell such as 'DARTS', but got {cell!r:.60}"
    )


def resolve_reading(text: str) -> Reading:
    """Like `resolve_cell`, with the detected format and notes on what its reader left out."""
    if text == "-":
        return read(_standard_input())
    if (genotype := named_cell(text)) is not None:
        return Reading(genotype, "catalogue", ())
    if _is_file(text):
        return read_file(text)
    path, separator, name = text.rpartition(":")
    if separator and _is_file(path):
        return read_file(path, name)
    if _is_word(text):
        if "/" in text or Path(text).suffix:
            raise GenotypeError(
                f"expected a file or a name in the catalogue, but {text} is neither: no such file; "
                "`nascope cells` lists the names"
            )
        load(text)  # raises an error with the nearest name
    return read(text)


def named_cell(text: str) -> Genotype | None:
    """Return the cell of the catalogue, or the variant of one, that has this name, if any does."""
    if _is_word(text) and is_known(text):
        return load(text)
    pattern = r"([\w.-]{1,100})-(r(\d{1,9})([nr]?)|p(\d{1,9}))"
    match = re.fullmatch(pattern, text, re.IGNORECASE)
    if match is None or not is_known(match[1]):
        return None
    if match[5] is not None:
        return published_variant(load(match[1]), int(match[5]))
    cells = [kind for kind in CELL_KINDS if kind.startswith(match[4].lower())]
    return random_variant(load(match[1]), int(match[3]), cells=cells)


def _is_word(text: str) -> bool:
    """Return whether a text can be a name or a path; a list of numbers is neither."""
    return bool(re.fullmatch(r"[\w./~+:-]{1,300}", text)) and not text.isdigit()


def _is_file(text: str) -> bool:
    if not text.strip():
        return False
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a path, or with a null character
        return False


def _standard_input() -> str:
    if sys.stdin is None:
        raise GenotypeError("standard input is closed, but - reads a genotype from it")
    try:
        return sys.stdin.read(MAX_TEXT + 1)  # the parser refuses more than MAX_TEXT
    except UnicodeDecodeError:
        raise GenotypeError("standard input: not UTF-8 text") from None
