"""What the paper's figures show here: places of originals, gaps and widths, without prose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import Topology, topology
from nascope._src.records.read import TrialRecord
from nascope._src.results.design import Family, Member
from nascope._src.results.measures import CAPPED_AREA, Measure
from nascope._src.results.metrics.convergence import CONVERGED
from nascope._src.results.paper.numbers import WIDTHS
from nascope._src.results.standings import on_equal_seeds, shown_mean, standing_in
from nascope._src.results.stats.contrasts import Standing

# ---------------------------------------------------------------- measures


@dataclass(frozen=True)
class FamilyPlace:
    """An original's mean on a measure, and its place among its family's variants.

    Attributes:
        original: in the measure's unit; infinite if it diverged; None if it was not measured.
        standing: None if no variant was measured.
        variants: the variants' finite means, in increasing order.
        diverged: whether a training of the original diverged.
        variants_diverged: whether a training of every variant diverged.
    """

    measure: Measure
    original: float | None
    standing: Standing | None
    variants: tuple[float, ...] = ()
    diverged: bool = False
    variants_diverged: bool = False


def place_in_family(family: Family | None, measure: Measure) -> FamilyPlace:
    """Return a family's place on a measure, on equal seeds."""
    if family is None or family.original is None:
        return FamilyPlace(measure, None, None)
    equal = on_equal_seeds(family, measure)
    standing = standing_in(equal, measure)
    if standing is None or equal.original is None:
        known = [t for t in family.original.trials if not math.isnan(measure.value(t))]
        if not known:
            return FamilyPlace(measure, None, None)
        alone = Member(family.original.label, "", "", family.original.genotype, tuple(known))
        return FamilyPlace(measure, shown_mean(alone, measure), None, diverged=_diverged(alone))
    means = [shown_mean(variant, measure) for variant in equal.variants]
    return FamilyPlace(
        measure,
        shown_mean(equal.original, measure),
        standing,
        tuple(sorted(mean for mean in means if math.isfinite(mean))),
        _diverged(equal.original),
        all(_diverged(variant) for variant in equal.variants),
    )


def _diverged(member: Member) -> bool:
    return any(trial.diverged for trial in member.trials)


@dataclass(frozen=True)
class Gap:
    """An original's area under the training loss compared with the mean of its variants'.

    Attributes:
        log: ln of the original's area less the mean of its variants'; below 0 if it is ahead.
        diverged: number of trainings that diverged; from then on their loss counts as a guess's,
            as in claim 4.
        trials: number of trainings.
    """

    log: float
    diverged: int
    trials: int


def gap_of(family: Family | None) -> Gap | None:
    """Return a family's gap at one learning rate, on equal seeds."""
    if family is None:
        return None
    equal = on_equal_seeds(family, CAPPED_AREA)
    standing = standing_in(equal, CAPPED_AREA)
    if standing is None:
        return None
    trials = [trial for member in equal.members for trial in member.trials]
    lost = sum(trial.diverged for trial in trials)
    return Gap(standing.original - standing.mean, lost, len(trials))


Growth = Literal["unknown", "does not grow", "grows", "behind but less"]


def growth_of(gaps: Mapping[float, Gap]) -> Growth:
    """Return whether the original's lead grows from learning rate to learning rate."""
    if len(gaps) < 2:
        return "unknown"
    ordered = [gaps[rate].log for rate in sorted(gaps)]
    if not all(after < before for before, after in pairwise(ordered)):
        return "does not grow"
    return "grows" if ordered[-1] < 0 else "behind but less"


@dataclass(frozen=True)
class Convergence:
    """Training accuracies in the last epoch, in percent, and whether all networks converged."""

    lowest: float
    highest: float
    converged: bool


def convergence_of(trials: Sequence[TrialRecord]) -> Convergence | None:
    """Return how far trained networks have converged; None if none has finished."""
    ended = [t.training for t in trials if t.training is not None and t.training.finished]
    last = [training.last for training in ended if training.diverged_at is None]
    accuracies = [100 * point.train_accuracy for point in last if point is not None]
    if not accuracies:
        return None
    lowest = min(accuracies)
    return Convergence(lowest, max(accuracies), lowest >= 100 * CONVERGED)


# ---------------------------------------------------------------- topologies


@dataclass(frozen=True)
class FamilyTopology:
    """Normal cells of an original and its variants; widths are fractional.

    Attributes:
        narrower, deeper: numbers of variants that are narrower, and deeper, than the original.
        exceptions: the variants that are not both.
    """

    family: str
    original: Topology
    variants: int
    narrower: int
    deeper: int
    exceptions: tuple[VariantException, ...]


@dataclass(frozen=True)
class VariantException:
    """A variant that is not both narrower and deeper than its original.

    Attributes:
        wider, shallower: whether it is strictly so; None if it is narrower, or deeper.
    """

    label: str
    wider: bool | None
    shallower: bool | None


def topology_of_family(family: str, cells: Mapping[str, Genotype]) -> FamilyTopology:
    """Compare the normal cells of a family, by label; the first one is the original's."""
    original, *variants = ((label, topology(cell.normal)) for label, cell in cells.items())
    exceptions = [
        exception
        for label, variant in variants
        if (exception := _exception(label, variant, original[1])) is not None
    ]
    return FamilyTopology(
        family,
        original[1],
        len(variants),
        sum(v.fractional_width < original[1].fractional_width for _, v in variants),
        sum(v.depth > original[1].depth for _, v in variants),
        tuple(exceptions),
    )


def _exception(label: str, variant: Topology, original: Topology) -> VariantException | None:
    width, depth = variant.fractional_width, variant.depth
    narrower, deeper = width < original.fractional_width, depth > original.depth
    if narrower and deeper:
        return None
    return VariantException(
        label,
        None if narrower else width > original.fractional_width,
        None if deeper else depth < original.depth,
    )


def has_published_width(figure: str, label: str, genotype: Genotype) -> bool | None:
    """Return whether a cell has the width and depth that a figure gives; None if it gives none."""
    published = WIDTHS.get(figure, {}).get(label)
    if published is None:
        return None
    strict, fractional, depth = published
    here = topology(genotype.normal)
    same = (here.strict_width, here.depth) == (strict, depth)
    return same and fractional in (None, Fraction(here.fractional_width))
