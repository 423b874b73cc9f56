"""Published cells, as data, each with its source and the space that it was searched in.

``catalog.json`` holds the five cells of the paper and the authors' adapted ones (Table 1; none of
DARTS), ``published.json`` 185 further cells as published in the code of 24 papers.
"""

from __future__ import annotations

import difflib
import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import FIELDS, Genotype
from nascope._src.errors import GenotypeError

GROUPS = ("paper", "adapted", "published")


@dataclass(frozen=True)
class CatalogCell:
    """A genotype of the catalogue and its origin.

    Args:
        genotype: The genotype, with its name.
        group: One of `GROUPS`.
        algorithm: The algorithm that found it.
        paper: The publication whose runs found it. Cells of one paper are not independent.
        space: Name of the space that the algorithm searches.
        source: Where the genotype was copied from.
    """

    genotype: Genotype
    group: str
    algorithm: str
    paper: str
    space: str
    source: str


@functools.cache
def _records(group: str) -> dict[str, dict[str, Any]]:
    file = "published.json" if group == "published" else "catalog.json"
    text = resources.files("nascope._src.cells").joinpath(file).read_text(encoding="utf-8")
    records: dict[str, dict[str, Any]] = json.loads(text)
    if group == "published":
        return records
    adapted = group == "adapted"
    return {name: r for name, r in records.items() if name.endswith("-adapted") == adapted}


def names(group: str = "paper") -> tuple[str, ...]:
    """Return the names of the cells in a group: ``paper``, ``adapted`` or ``published``.

    >>> names()
    ('NASNet', 'AmoebaNet', 'ENAS', 'DARTS', 'SNAS')
    >>> len(names("published"))
    185
    """
    if group not in GROUPS:
        raise GenotypeError(f"unknown group {group!r}; known are {', '.join(GROUPS)}")
    return tuple(_records(group))


def find(name: str) -> CatalogCell:
    """Return the cell of that name, with its origin. Upper and lower case are the same.

    Raises:
        GenotypeError: The catalogue has no such cell.

    >>> find("darts").space
    'darts'
    """
    for group in GROUPS:  # the large file is read only if the small one lacks the name
        by_lower = {known.lower(): known for known in _records(group)}
        if known := by_lower.get(name.lower()):
            record = _records(group)[known]
            return CatalogCell(
                genotype=from_dict({field: record[field] for field in FIELDS}).named(known),
                group=group,
                **{field: record[field] for field in ("algorithm", "paper", "space", "source")},
            )
    all_names = {known.lower(): known for group in GROUPS for known in _records(group)}
    near = difflib.get_close_matches(name.lower()[:80], all_names, n=1)
    hint = f"did you mean {all_names[near[0]]}?" if near else f"known: {', '.join(names())} …"
    raise GenotypeError(f"no cell named {name!r} in the catalogue ({hint})")


def cells_in(group: str) -> tuple[CatalogCell, ...]:
    """Return all cells in a group, with their origins."""
    return tuple(find(name) for name in names(group))


def load(name: str) -> Genotype:
    """Return the catalogue's genotype of that name. Upper and lower case are the same.

    `nascope cells` lists the names: the five cells of the paper, the authors' four adapted ones
    (``NASNet-adapted`` …), and 185 published cells.

    Args:
        name: Name of a cell, such as ``"DARTS"``.

    Returns:
        A `Genotype`: ``.normal`` and ``.reduce`` are its cells.

    Raises:
        GenotypeError: The catalogue has no such cell; the message has the nearest name.

    >>> load("darts").name
    'DARTS'
    """
    return find(name).genotype


def is_known(name: str) -> bool:
    """Return whether the catalogue has a cell of that name."""
    lower = name.lower()
    return any(lower == known.lower() for group in GROUPS for known in _records(group))
