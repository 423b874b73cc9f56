"""Published cells, as data: catalog.json beside this file, each with its source."""

from __future__ import annotations

import difflib
import functools
import json
from importlib import resources
from typing import Any

from nascope.cells.genotype import Genotype, from_dict
from nascope.errors import GenotypeError


@functools.cache
def _entries() -> dict[str, dict[str, Any]]:
    text = resources.files("nascope.cells").joinpath("catalog.json").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = json.loads(text)
    return entries


def names() -> tuple[str, ...]:
    """Names of the cells in the catalogue."""
    return tuple(_entries())


@functools.cache
def known_names() -> frozenset[str]:
    """All names that `load` takes, in lower case."""
    return frozenset(name.lower() for name in names())


def load(name: str) -> Genotype:
    """The catalogue's cell of that name, upper or lower case.

    Raises:
        GenotypeError: the catalogue has no such cell.

    >>> load("darts").name
    'DARTS'
    """
    by_lower = {known.lower(): known for known in _entries()}
    known = by_lower.get(name.lower())
    if known is None:
        near = difflib.get_close_matches(name.lower()[:80], by_lower, n=1)
        hint = f"did you mean {by_lower[near[0]]}?" if near else f"known: {', '.join(names())}"
        raise GenotypeError(f"no cell named {name!r} in the catalogue ({hint})")
    return from_dict(_entries()[known]).named(known)


def source(name: str) -> str:
    """The publication that a catalogue cell comes from."""
    genotype_name = load(name).name
    assert genotype_name is not None
    text: str = _entries()[genotype_name]["source"]
    return text
