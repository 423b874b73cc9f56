"""Published cells, as data, each with its source and the space that it was searched in.

``catalog.json`` holds the five cells of the paper and the authors' adapted ones (Table 1; none of
DARTS), ``published.json`` 185 further cells as they stand in the public code of 24 papers.
"""

from __future__ import annotations

import difflib
import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from nascope._src.cells.genotype import FIELDS, Genotype, from_dict
from nascope._src.errors import GenotypeError

GROUPS = ("paper", "adapted", "published")


@dataclass(frozen=True)
class Entry:
    """A cell of the catalogue.

    Args:
        group: one of `GROUPS`.
        algorithm: what found it.
        paper: the publication whose runs found it; cells of one paper are not independent.
        space: the named space that the algorithm searches.
        source: where the genotype was read.
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
    """Names of the cells of a group: ``paper``, ``adapted`` or ``published``.

    >>> names()
    ('NASNet', 'AmoebaNet', 'ENAS', 'DARTS', 'SNAS')
    >>> len(names("published"))
    185
    """
    if group not in GROUPS:
        raise GenotypeError(f"unknown group {group!r}; known are {', '.join(GROUPS)}")
    return tuple(_records(group))


def entry(name: str) -> Entry:
    """The catalogue's entry of that name, upper or lower case.

    Raises:
        GenotypeError: the catalogue has no such cell.

    >>> entry("darts").space
    'darts'
    """
    for group in GROUPS:  # the large file is read only for a name that the small one lacks
        by_lower = {known.lower(): known for known in _records(group)}
        if known := by_lower.get(name.lower()):
            record = _records(group)[known]
            return Entry(
                genotype=from_dict({field: record[field] for field in FIELDS}).named(known),
                group=group,
                **{field: record[field] for field in ("algorithm", "paper", "space", "source")},
            )
    every = {known.lower(): known for group in GROUPS for known in _records(group)}
    near = difflib.get_close_matches(name.lower()[:80], every, n=1)
    hint = f"did you mean {every[near[0]]}?" if near else f"known: {', '.join(names())} …"
    raise GenotypeError(f"no cell named {name!r} in the catalogue ({hint})")


def entries(group: str) -> tuple[Entry, ...]:
    """All entries of a group."""
    return tuple(entry(name) for name in names(group))


def load(name: str) -> Genotype:
    """The catalogue's cell of that name, upper or lower case.

    Raises:
        GenotypeError: the catalogue has no such cell.

    >>> load("darts").name
    'DARTS'
    """
    return entry(name).genotype


def is_known(name: str) -> bool:
    """Whether the catalogue has a cell of that name."""
    lower = name.lower()
    return any(lower == known.lower() for group in GROUPS for known in _records(group))


def source(name: str) -> str:
    """The publication that a catalogue cell comes from."""
    return entry(name).source
