"""Matched pairs and blocks of designed variants, and their differences.

The members of a block have the same operations on the same edges and equal parameters; they differ
in their wiring. A block of a contrast is a pair. A factorial's block has every combination of some
widths and depths, so width is compared at equal depth and depth at equal width.

Every difference is that of the member whose wiring the paper favours, the wider or shallower one,
minus the other, in what a measure compares. Members are compared on equal seeds. Two diverged
members have the difference 0; one has an infinite difference.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nascope._src.cells.designs import DesignKind, Level, same_size
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.design import Member, Setting, members_of, trials_in

Factor = Literal["wiring", "width", "depth"]
"""What differs between two members: both width and depth in a contrast."""

FACTORS: Mapping[DesignKind, tuple[Factor, ...]] = {
    "contrast": ("wiring",),
    "factorial": ("width", "depth"),
}


@dataclass(frozen=True)
class Block:
    """The designed variants of one allocation of a family's operations to edges.

    Attributes:
        family: label of the cell whose operations they have.
        allocation: number of the block within its family.
        members: by width and depth.
    """

    family: str
    allocation: int
    members: Mapping[Level, Member]


@dataclass(frozen=True)
class Difference:
    """The favoured member's number minus the other's.

    Attributes:
        family, allocation: of the block.
        favoured, other: the labels of both members.
        value: the difference, in what the measure compares; infinite if one of them diverged.
        step: how far apart they are: units of c for "width", levels for "depth", NaN for "wiring".
    """

    family: str
    allocation: int
    favoured: str
    other: str
    value: float
    step: float = math.nan


def has_designs(study: StudyRecord) -> bool:
    """Return whether a study has designed variants."""
    return any(trial.design is not None for trial in study.trials)


def is_designed(study: StudyRecord) -> bool:
    """Return whether a study has designed variants and nothing else."""
    return bool(study.trials) and all(trial.design is not None for trial in study.trials)


def blocks_in(study: StudyRecord, setting: Setting, kind: DesignKind) -> list[Block]:
    """Return the blocks of a design in a setting, in the study's order.

    Members that differ in their size from the block's first are left out: such a block is no match,
    and only a plan that was edited by hand has one.
    """
    by_block: dict[tuple[str, int], list[TrialRecord]] = {}
    for trial in trials_in(study, setting):
        if trial.design is not None and trial.design.kind == kind:
            by_block.setdefault((trial.family, trial.design.allocation), []).append(trial)
    return [
        Block(family, allocation, _by_level(trials))
        for (family, allocation), trials in by_block.items()
    ]


def _by_level(trials: Sequence[TrialRecord]) -> dict[Level, Member]:
    members = {}
    first = trials[0]
    for member in members_of(trials):
        design = member.trials[0].design
        if design is not None and _same_size(member.trials[0], first):
            members[design.level] = member
    return members


def _same_size(trial: TrialRecord, other: TrialRecord) -> bool:
    """Return whether two networks have equal parameters, by their cells and by their records."""
    counts = {
        count
        for one in (trial, other)
        if one.training is not None
        and (count := one.training.provenance.get("parameters")) is not None
    }
    cells = same_size(trial.genotype.normal, other.genotype.normal)
    return cells and trial.genotype.reduce == other.genotype.reduce and len(counts) < 2


def count_pairs(blocks: Sequence[Block], factor: Factor) -> int:
    """Return the number of planned pairs that differ in a factor, with or without numbers."""
    return sum(1 for block in blocks for _ in _pairs(block, factor))


def differences(
    blocks: Sequence[Block], factor: Factor, by_seed: Callable[[Member], Mapping[int, float]]
) -> list[Difference]:
    """Return the differences of all pairs that differ in a factor and have numbers.

    With more than two levels of a factor, the smallest and the largest are compared.

    Args:
        by_seed: returns a member's numbers by seed, without NaN.
    """
    return list(_differences(blocks, factor, by_seed))


def _differences(
    blocks: Sequence[Block], factor: Factor, by_seed: Callable[[Member], Mapping[int, float]]
) -> Iterator[Difference]:
    for block in blocks:
        for favoured, other in _pairs(block, factor):
            first, second = (by_seed(block.members[level]) for level in (favoured, other))
            seeds = sorted(first.keys() & second.keys())
            if not seeds:
                continue
            mean, against = (
                statistics.fmean(numbers[seed] for seed in seeds) for numbers in (first, second)
            )
            step = {
                "wiring": math.nan,
                "width": float(favoured.width - other.width),
                "depth": float(other.depth - favoured.depth),
            }[factor]
            yield Difference(
                block.family,
                block.allocation,
                block.members[favoured].label,
                block.members[other].label,
                0.0 if mean == against else mean - against,
                step,
            )


def _pairs(block: Block, factor: Factor) -> Iterator[tuple[Level, Level]]:
    """Yield the levels that differ in a factor only, the favoured one first."""
    known = list(block.members)
    if factor == "wiring":
        wide = max(known, key=lambda level: (level.width, -level.depth))
        deep = min(known, key=lambda level: (level.width, -level.depth))
        if wide.width > deep.width and wide.depth < deep.depth:
            yield wide, deep
    elif factor == "width":
        for depth in sorted({level.depth for level in known}):
            at = sorted(level for level in known if level.depth == depth)
            if len(at) > 1:
                yield at[-1], at[0]
    else:
        for width in sorted({level.width for level in known}):
            at = sorted(level for level in known if level.width == width)
            if len(at) > 1:
                yield at[0], at[-1]


def per_step(found: Sequence[Difference]) -> list[float]:
    """Return each block's mean difference per step: per c of width, or per level of depth."""
    blocks: dict[tuple[str, int], list[float]] = {}
    for difference in found:
        blocks.setdefault((difference.family, difference.allocation), []).append(
            difference.value / difference.step
        )
    return [statistics.fmean(values) for values in blocks.values()]
