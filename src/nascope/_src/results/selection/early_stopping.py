"""What would a search pick that stops early, and what does it lose by it (Sections 4.1 and 6)?

Early accuracies are compared with the final accuracies of *other seeds*. With the same seed, a
lucky start that lasts would look like foresight.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.results.stats.correlation import rank_interval, spearman

Schedule = Literal["truncated", "re-annealed"]
"""A truncated schedule is the beginning of the long one. A re-annealed one is a short training of
its own, whose learning rate falls to zero. The two are never mixed."""


@dataclass(frozen=True)
class CellAccuracies:
    """The early and final accuracies of a cell that a search could pick.

    Attributes:
        label: the cell's name.
        width: fractional width of its normal cell, in c.
        depth: depth of its normal cell.
        early: for each seed, the accuracy after each epoch (or budget), in [0, 1]; −∞ if the
            training had diverged.
        final: for each seed, the accuracy at the end; that of a guess if the training diverged.
        held_out: whether early accuracies are measured on other images than final ones; None if
            unknown.
    """

    label: str
    width: float
    depth: int
    early: Mapping[int, Mapping[int, float]]
    final: Mapping[int, float]
    held_out: bool | None = None


@dataclass(frozen=True)
class Choice:
    """What a search picks if it stops at one epoch: means over the seeds of early accuracies.

    Attributes:
        epoch: the epoch at which it stops.
        rho: Spearman's correlation of early with final accuracies, over cells.
        low, high: 95 % interval of rho over cells; None below five cells.
        picked: what is picked most often; several labels if they are equally good.
        width, depth: means over what is picked.
        regret: best final accuracy less that of what is picked, in [0, 1]. It is never quite 0,
            because the best of noisy numbers is too good: compare it with ``blind``.
        regret_low, regret_high: 95 % interval of the regret over cells; None below ten cells.
        blind: the regret of a random pick.
        candidates: number of cells.
        seeds: number of seeds.
        other_seeds: whether final accuracies are those of other seeds.
        held_out: whether early accuracies are measured on other images than final ones; None if
            unknown.
    """

    epoch: int
    rho: float
    low: float | None
    high: float | None
    picked: str
    width: float
    depth: float
    regret: float
    regret_low: float | None
    regret_high: float | None
    blind: float
    candidates: int
    seeds: int
    other_seeds: bool
    held_out: bool | None


def choices(cells: Sequence[CellAccuracies]) -> list[Choice]:
    """Return a choice for each epoch at which all cells have an early accuracy, in order.

    Each choice uses the seeds at which all cells have one. There is none for fewer than two cells,
    and none if the early accuracies *are* the final ones: the last epoch of the same seed.
    """
    if len(cells) < 2:
        return []
    seeds = sorted(set.intersection(*(set(cell.early) for cell in cells)))
    epochs = {epoch for cell in cells for seed in seeds for epoch in cell.early[seed]}
    made = []
    for epoch in sorted(epochs):
        complete = [seed for seed in seeds if all(epoch in cell.early[seed] for cell in cells)]
        picks = [_pick(cells, epoch, seed) for seed in complete]
        known = [pick for pick in picks if pick is not None]
        if known:
            made.append(_choice(epoch, known, cells))
    return made


def shown_choices(choices: Sequence[Choice]) -> list[Choice]:
    """Return the choices at epochs 1, 2, 5, 10, 20, 50 …, and the first and last."""
    steps = {factor * 10**power for power in range(9) for factor in (1, 2, 5)}
    ends = {choices[0].epoch, choices[-1].epoch}
    return [choice for choice in choices if choice.epoch in steps | ends]


@dataclass(frozen=True)
class _Pick:
    """What is picked by the early accuracies of one seed."""

    early: Sequence[float]
    final: Sequence[float]
    rho: float
    picked: Sequence[CellAccuracies]  # several if they tie
    regret: float
    blind: float
    other_seeds: bool


def _pick(cells: Sequence[CellAccuracies], epoch: int, seed: int) -> _Pick | None:
    """Return the pick at one epoch; None if a cell has no final accuracy to compare with."""
    early = [cell.early[seed][epoch] for cell in cells]
    finals = [[value for s, value in cell.final.items() if s != seed] for cell in cells]
    other_seeds = all(finals)
    if not other_seeds:
        if not all(seed in cell.final for cell in cells):
            return None
        finals = [[cell.final[seed]] for cell in cells]
        if all([value] == own for value, own in zip(early, finals, strict=True)):
            return None  # the last epoch, compared with itself
    final = [statistics.fmean(values) for values in finals]
    leaders = [index for index, value in enumerate(early) if value == max(early)]

    def regret(picked: Iterable[int]) -> float:
        return max(final) - statistics.fmean(final[index] for index in picked)

    return _Pick(
        early,
        final,
        spearman(early, final),
        [cells[index] for index in leaders],
        regret(leaders),
        regret(range(len(final))),
        other_seeds,
    )


def _choice(epoch: int, picks: Sequence[_Pick], cells: Sequence[CellAccuracies]) -> Choice:
    """Return the mean of the picks of all seeds at one epoch."""
    labels = [" or ".join(cell.label for cell in pick.picked) for pick in picks]
    rhos = [pick.rho for pick in picks if not math.isnan(pick.rho)]
    rho = statistics.fmean(rhos) if rhos else math.nan
    count = len(cells)
    low, high, _ = (
        rank_interval(rho, count, 12 / (count**3 - count)) if rhos else (None, None, None)
    )
    held_out = {cell.held_out for cell in cells}
    regret_low, regret_high = _regret_interval(picks)
    return Choice(
        epoch,
        rho,
        low,
        high,
        max(dict.fromkeys(labels), key=labels.count),
        statistics.fmean(statistics.fmean(c.width for c in pick.picked) for pick in picks),
        statistics.fmean(statistics.fmean(c.depth for c in pick.picked) for pick in picks),
        statistics.fmean(pick.regret for pick in picks),
        regret_low,
        regret_high,
        statistics.fmean(pick.blind for pick in picks),
        count,
        len(picks),
        all(pick.other_seeds for pick in picks),
        held_out.pop() if len(held_out) == 1 else False,
    )


_RESAMPLES, _MIN_CELLS = 1000, 10


def _regret_interval(picks: Sequence[_Pick]) -> tuple[float | None, float | None]:
    """Return the percentile bootstrap of the mean regret, over cells.

    A resample's pick is the drawn cell with the best early accuracy, and its regret is against the
    best drawn cell. Ties go to the first, which matters little over many resamples.
    """
    count = len(picks[0].early)
    if count < _MIN_CELLS:
        return None, None
    drawn = _drawn(count)  # (resamples, n)
    regrets = np.zeros(len(drawn))
    for pick in picks:
        final = np.asarray(pick.final)
        for order, sign in ((np.argsort(-np.asarray(pick.early), kind="stable"), -1.0),
                            (np.argsort(-final, kind="stable"), 1.0)):  # fmt: skip
            first = np.argmax(drawn[:, order], axis=1)  # of the drawn cells in this order
            regrets += sign * final[order[first]] / len(picks)
    low, high = np.percentile(regrets, [2.5, 97.5])
    return float(low), float(high)


@functools.lru_cache(maxsize=2)
def _drawn(count: int) -> np.ndarray:
    """Return whether each cell is drawn in each resample, (resamples, n)."""
    places = np.random.default_rng(0).integers(count, size=(_RESAMPLES, count))
    drawn = np.zeros((_RESAMPLES, count), bool)
    drawn[np.arange(_RESAMPLES)[:, None], places] = True
    return drawn
