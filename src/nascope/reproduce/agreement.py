"""Whether what came out agrees with the paper."""

from __future__ import annotations

from collections.abc import Iterator

from nascope.cells.topology import topology
from nascope.records import StudyRecord
from nascope.reproduce.questions import Question

PUBLISHED: dict[str, dict[str, tuple[int, float | None, int]]] = {
    "fig1": {
        "NASNet": (5, 5.0, 2),
        "AmoebaNet": (3, 4.0, 4),
        "ENAS": (5, 5.0, 2),
        "DARTS": (3, 3.5, 3),
        "SNAS": (4, 4.0, 2),
    },
    "fig10": {
        "AmoebaNet-p1": (2, None, 5),
        "AmoebaNet-p2": (1, None, 6),
        "AmoebaNet-p3": (2, None, 4),
        "AmoebaNet-p4": (3, None, 3),
    },
}
"""Strict and fractional width and depth as the paper's captions give them; None: not given."""


def agreement(question: Question, study: StudyRecord) -> list[str]:
    """The verdicts that bear on a target, in words.

    Args:
        study: everything that the reproduction's folder holds.
    """
    if question.target.name in PUBLISHED:
        return list(_topologies(question))
    if question.target.recipe is None or not question.scale.judged:
        return [] if question.target.recipe is None else ["no verdict at this scale"]
    return []


def _topologies(question: Question) -> Iterator[str]:
    published = PUBLISHED[question.target.name]
    known = [cell for cell in question.cells if cell.label in published]
    differing = []
    for cell in known:
        strict, fractional, depth = published[cell.label]
        found = topology(cell.genotype.normal)
        same = (found.strict_width, found.depth) == (strict, depth)
        if not same or fractional not in (None, float(found.fractional_width)):
            differing.append(cell.label)
    if known:
        words = "differ for " + ", ".join(differing) if differing else "are the paper's"
        yield f"width and depth of {len(known)} cells {words}"
