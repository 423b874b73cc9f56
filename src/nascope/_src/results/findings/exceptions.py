"""What the paper itself excepts from its claims, checked in a study.

Agreement with the paper includes its exceptions. Each is a statement about one family, so it comes
with the probability that chance alone would bring it about, if there is one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nascope._src.results.design import Family, Member
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.paper.claims import EXCEPTIONS, PaperException
from nascope._src.results.stats.intervals import MIN_SEEDS
from nascope._src.results.stats.paired import between_groups

_LEVEL = 0.05


@dataclass(frozen=True)
class ExceptionCheck:
    """One exception, and whether it came out.

    Attributes:
        agrees: None if it could not be checked.
        missing: why it could not be checked; empty otherwise.
        chance: probability of agreement by chance; None if there is none.
        first: label of the smoothest member, "original" or a variant.
        smaller, variants: how many variants have a smaller variance, or a higher accuracy, and of
            how many.
        p: of a permutation test of whether wirings differ beyond their seeds.
        change: accuracy of the adapted cell less the original's, in [−1, 1].
    """

    exception: PaperException
    agrees: bool | None
    missing: Literal["", "nothing", "variant", "seeds", "finite", "converged"] = ""
    chance: float | None = None
    first: str = ""
    smaller: int = 0
    variants: int = 0
    p: float | None = None
    change: float | None = None


VariantNumbers = Mapping[str, float]  # by a member's variant: "original", "published 3"


def check_exception(
    claim: int, family: Family, by_seed: Callable[[Member], list[float]]
) -> ExceptionCheck | None:
    """Check the exception that the paper makes of a family from a claim; None if it makes none.

    Args:
        family: its original and all variants, on equal seeds.
        by_seed: the numbers of a member, one per seed.
    """
    exception = EXCEPTIONS.get((claim, family.name))
    if exception is None:
        return None
    members = [member for member in family.members if member.trials]
    if family.original is None or not family.original.trials:
        return ExceptionCheck(exception, None, "nothing")
    seeds = [by_seed(member) for member in members]
    numbers = {
        member.variant: statistics.fmean(values)
        for member, values in zip(members, seeds, strict=True)
    }
    if exception.rule == "alike":
        return _alike(exception, seeds)
    return _OF_MEANS[exception.rule](exception, numbers)


def _third_is_smoothest(exception: PaperException, numbers: VariantNumbers) -> ExceptionCheck:
    if "published 3" not in numbers:
        return ExceptionCheck(exception, None, "variant")
    first = max(numbers, key=lambda name: numbers[name])
    return ExceptionCheck(exception, first == "published 3", chance=1 / len(numbers), first=first)


def _fourth_is_no_rougher(exception: PaperException, numbers: VariantNumbers) -> ExceptionCheck:
    if "published 4" not in numbers:
        return ExceptionCheck(exception, None, "variant")
    smoother = numbers["published 4"] >= numbers["original"]
    return ExceptionCheck(exception, smoother, chance=0.5)


def _not_the_smallest(exception: PaperException, numbers: VariantNumbers) -> ExceptionCheck:
    if len(numbers) < 2:
        return ExceptionCheck(exception, None, "variant")
    smaller = sum(value < numbers["original"] for value in numbers.values())
    chance = 1 - 1 / len(numbers)
    return ExceptionCheck(
        exception, smaller > 0, chance=chance, smaller=smaller, variants=len(numbers) - 1
    )


def _alike(exception: PaperException, seeds: Sequence[list[float]]) -> ExceptionCheck:
    if len(seeds) < 2 or min(map(len, seeds)) < MIN_SEEDS:
        return ExceptionCheck(exception, None, "seeds")
    p = between_groups(seeds)
    if math.isnan(p):
        return ExceptionCheck(exception, None, "finite")
    return ExceptionCheck(exception, p > _LEVEL, p=p)


def _first_of_its_family(exception: PaperException, numbers: VariantNumbers) -> ExceptionCheck:
    if len(numbers) < 2:
        return ExceptionCheck(exception, None, "variant")
    ahead = sum(value > numbers["original"] for value in numbers.values())
    return ExceptionCheck(
        exception, not ahead, chance=1 / len(numbers), smaller=ahead, variants=len(numbers) - 1
    )


_OF_MEANS: dict[str, Callable[[PaperException, VariantNumbers], ExceptionCheck]] = {
    "third variant is smoothest": _third_is_smoothest,
    "fourth variant is no rougher": _fourth_is_no_rougher,
    "not the smallest": _not_the_smallest,
    "first of its family": _first_of_its_family,
}


def check_adapted(pairs: Sequence[Pair]) -> ExceptionCheck | None:
    """Check claim 9's exception: on CIFAR-10 SNAS' adapted cell is better. None without a pair."""
    for pair in pairs:
        exception = EXCEPTIONS.get((9, pair.family))
        if exception is not None and pair.data == "cifar10":
            change = pair.difference
            return ExceptionCheck(exception, change > 0, chance=0.5, change=change)
    return None
