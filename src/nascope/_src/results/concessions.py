"""What the paper itself excepts from its claims, and whether the exceptions came out here too.

Agreement with the paper means agreement with these as well. Each is a statement about one family,
so it is told with the probability that chance alone would bring it about, where it has one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.families import Family, Wiring
from nascope._src.results.generalisation import Pair
from nascope._src.results.intervals import MIN_SEEDS

PERMUTATIONS = 10_000
_LEVEL = 0.05


@dataclass(frozen=True)
class Concession:
    """One exception, and what became of it.

    Attributes:
        paper: what the paper says.
        agrees: None where it could not be judged.
        here: what came out, in words.
    """

    paper: str
    agrees: bool | None
    here: str

    @property
    def words(self) -> str:
        """Both, in one line."""
        outcome = {True: "agrees", False: "differs", None: "not judged"}[self.agrees]
        return f"the paper: {self.paper}; here {self.here}: {outcome}"


Numbers = Mapping[str, float]  # by a member's place in its family: "original", "published 3"
Judge = Callable[[Numbers, Sequence[Sequence[float]]], tuple[bool | None, str]]


def _third_is_smoothest(numbers: Numbers, _: Sequence[Sequence[float]]) -> tuple[bool | None, str]:
    if "published 3" not in numbers:
        return None, "the authors' third variant was not measured"
    first = max(numbers, key=lambda name: numbers[name])
    who = "the original" if first == "original" else f"variant {first.split()[-1]}"
    return first == "published 3", f"{who} is (by chance {1 / len(numbers):.0%})"


def _fourth_is_no_rougher(
    numbers: Numbers, _: Sequence[Sequence[float]]
) -> tuple[bool | None, str]:
    if "published 4" not in numbers:
        return None, "the authors' fourth variant was not measured"
    smoother = numbers["published 4"] >= numbers["original"]
    return smoother, f"it is {'' if smoother else 'not '}as smooth as the original (by chance 50%)"


def _not_the_smallest(numbers: Numbers, _: Sequence[Sequence[float]]) -> tuple[bool | None, str]:
    if len(numbers) < 2:
        return None, "no variant was measured"
    smaller = sum(value < numbers["original"] for value in numbers.values())
    chance = 1 - 1 / len(numbers)
    return (
        smaller > 0,
        f"{smaller} of {len(numbers) - 1} variants are below it (by chance {chance:.0%})",
    )


def _not_told_apart(numbers: Numbers, seeds: Sequence[Sequence[float]]) -> tuple[bool | None, str]:
    if len(seeds) < 2 or min(map(len, seeds)) < MIN_SEEDS:
        return None, f"to tell wirings from seeds takes {MIN_SEEDS} seeds or more"
    p = between_wirings(seeds)
    if math.isnan(p):
        return None, "a training or its variance was not finite"
    return p > _LEVEL, f"wirings differ beyond their seeds with p = {p:.2g}"


EXCEPTIONS: dict[tuple[int, str], tuple[str, Judge]] = {
    (5, "SNAS"): ("not the original but the third variant is the smoothest", _third_is_smoothest),
    (5, "AmoebaNet"): ("the fourth variant's landscape is an exception", _fourth_is_no_rougher),
    (6, "AmoebaNet"): ("its variance is not the smallest of its family", _not_the_smallest),
    (6, "SNAS"): ("the variances of its family cannot be told apart", _not_told_apart),
}
"""By claim and family; that of claim 9, SNAS, is `adapted_is_better`."""


def between_wirings(seeds: Sequence[Sequence[float]]) -> float:
    """p of a permutation test of whether wirings differ, Σ_w n_w (x̄_w − x̄)² over their seeds."""
    values = np.concatenate([np.asarray(own, dtype=np.float64) for own in seeds])
    if not np.isfinite(values).all():
        return math.nan
    labels = np.repeat(np.arange(len(seeds)), [len(own) for own in seeds])
    member = np.eye(len(seeds))[labels]  # (values, wirings)
    counts = member.sum(axis=0)
    values = values - values.mean()
    orders = np.random.default_rng(0).permuted(np.tile(values, (PERMUTATIONS, 1)), axis=1)
    spreads = ((orders @ member) ** 2 / counts).sum(axis=1)
    own = float(((values @ member) ** 2 / counts).sum())
    return float((1 + (spreads >= own * (1 - 1e-12)).sum()) / (1 + PERMUTATIONS))


def concession(
    claim: int, family: Family, value: Callable[[Wiring], list[float]]
) -> Concession | None:
    """The exception that the paper makes of a family from a claim, judged; None where it has none.

    Args:
        family: its original and all variants, on equal seeds.
        value: the numbers of a wiring by seed.
    """
    if (claim, family.name) not in EXCEPTIONS:
        return None
    paper, judge = EXCEPTIONS[claim, family.name]
    known = [one for one in family.members if one.trials]
    if family.original is None or not family.original.trials:
        return Concession(paper, None, "nothing of it was measured")
    seeds = [value(one) for one in known]
    numbers = {one.variant: statistics.fmean(own) for one, own in zip(known, seeds, strict=True)}
    return Concession(paper, *judge(numbers, seeds))


def adapted_is_better(found: Sequence[Pair]) -> Concession | None:
    """Claim 9's: on CIFAR-10 SNAS' adapted cell is better."""
    own = [pair for pair in found if pair.family == "SNAS" and pair.data == "cifar10"]
    if not own:
        return None
    change = own[0].difference
    return Concession(
        "on CIFAR-10, too, its adapted cell is better",
        change > 0,
        f"by {100 * change:+.2f} points (by chance 50%)",
    )
