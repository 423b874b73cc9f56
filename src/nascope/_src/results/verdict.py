"""A verdict: what it says, and in which words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nascope._src.results.association import Association
from nascope._src.results.claims import Claim, Measure
from nascope._src.results.concessions import Concession
from nascope._src.results.generalisation import Pair
from nascope._src.results.standing import ALPHA, Contrast, Standing, contrast

Outcome = Literal["supported", "contradicted", "undecided", "not testable at this scale"]
SUPPORTED: Outcome = "supported"
CONTRADICTED: Outcome = "contradicted"
UNDECIDED: Outcome = "undecided"
NOT_TESTABLE: Outcome = "not testable at this scale"


@dataclass(frozen=True)
class Agreement:
    """What one family shows, beside what the paper says of it.

    Attributes:
        standing: None where the family has no comparison.
        tested: whether it enters the claim's test, which families that the paper excepts do not.
        concession: what the paper excepts of the family, and what became of it; None where
            nothing.
    """

    family: str
    standing: Standing | None
    tested: bool = True
    concession: Concession | None = None


@dataclass(frozen=True)
class Verdict:
    """One claim, judged on one data set (and under one BatchNorm mode, for claims 5 and 6).

    Attributes:
        claim: its number.
        data: the data set's name; empty for claims that speak of none, or of two.
        batchnorm: the mode; None for other claims.
        measure: the primary measure, in words.
        unit: of number, low, high and detectable.
        number: the effect: how far popular cells are from the others.
        low, high: its 95 % interval, where there is one.
        p: two-sided, where a test was made.
        detectable: the smallest effect that the claim's rule would find with 80 % probability;
            None where there is none, and for claim 1, whose two tests have no common effect.
        share: of its variants that an original beats, on average; ½ by chance.
        sentence: the result in one line.
        needs: what a stronger answer would need.
        families: one a family, those that the paper excepts included.
        associations: with each width and depth, among variants, by its name.
        ratio: whether number, low, high and detectable are ratios − 1, in per cent.
        normal_only: whether those variants rewire the normal cell alone.
    """

    claim: int
    title: str
    statement: str
    outcome: Outcome
    sentence: str
    data: str = ""
    batchnorm: str | None = None
    measure: str = ""
    unit: str = ""
    number: float = math.nan
    low: float | None = None
    high: float | None = None
    p: float | None = None
    detectable: float | None = None
    share: float | None = None
    needs: str = ""
    families: tuple[Agreement, ...] = ()
    associations: Mapping[str, Association] = field(default_factory=dict)
    normal_only: bool = False
    ratio: bool = False
    pairs: tuple[Pair, ...] = field(default=(), compare=False)

    @property
    def detectable_words(self) -> str:
        """What could have been found, as a sentence; empty where nothing could, or is known."""
        if self.detectable is None or not math.isfinite(self.detectable):
            return ""
        if self.outcome == NOT_TESTABLE:
            return ""
        sign = "" if self.ratio else "±"
        size = f"{sign}{_written(self.detectable)}{_space(self.unit)}"
        return f"A difference of {size} would be found with 80 % probability."

    @classmethod
    def blank(cls, claim: Claim, **known: Any) -> Verdict:
        """A claim of which nothing is known yet: not testable."""
        return cls(claim.number, claim.title, claim.statement, NOT_TESTABLE, "", **known)


def agreements(
    numbers: Mapping[str, tuple[float, Sequence[float]]],
    concessions: Mapping[str, Concession],
    claim: Claim,
    measure: Measure,
) -> tuple[Agreement, ...]:
    """Of every family that was measured, or that the paper excepts and the study holds."""
    found = []
    for name in dict.fromkeys([*numbers, *concessions]):
        one = None
        if name in numbers:
            own = {name: numbers[name]}
            one = contrast(own, higher_is_better=measure.higher_is_better)
        standing = one.standings[0] if one else None
        tested = name not in claim.conceded
        found.append(Agreement(name, standing, tested, concessions.get(name)))
    return tuple(found)


def sentence(found: Contrast, measure: Measure, *, diverged: bool = False) -> str:
    """A contrast in one line.

    Args:
        diverged: whether some training did, where a number is not finite.
    """
    firsts = sum(standing.rank < 1.5 for standing in found.standings)
    count = len(found.standings)
    beaten = f"An original beats {found.share:.0%} of its variants on average (chance 50 %)"
    first = f"it is first in {firsts} of {count} famil{'y' if count == 1 else 'ies'}"
    p = told_p(found)
    if math.isnan(found.shift):
        lost = "Some trainings diverged" if diverged else "Some numbers are not finite"
        return f"{beaten}; {first}; {p}. {lost}."
    shift = f"{_written(measure.told(found.shift), '+')}{_space(measure.unit)}"
    interval = ""
    if found.low is not None and found.high is not None:
        ends = measure.told(found.low), measure.told(found.high)
        interval = f" [{_written(ends[0], '+')}, {_written(ends[1], '+')}]"
    return f"{beaten}; {first}; {measure.title} {shift}{interval}; {p}."


def _written(value: float, sign: str = "") -> str:
    """Three digits, in full where there are more before the point.

    >>> _written(6490.3, "+"), _written(-0.01234)
    ('+6,490', '-0.0123')
    """
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"


def _space(unit: str) -> str:
    return f" {unit}" if unit else ""


def written_p(p: float) -> str:
    """A p-value as people write it.

    >>> written_p(0.0314), written_p(0.00021), written_p(2.4e-8)
    ('0.031', '0.00021', '2.4e-08')
    """
    return f"{p:.2g}"


def told_p(found: Contrast) -> str:
    """The p of a contrast, and whether it is exact."""
    return f"{'p' if found.shared else 'exact p'} = {written_p(found.p)}"


def told_rho(found: Association) -> str:
    """A rank correlation with its interval, where it has one, and its p."""
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" [{found.low:+.2f}, {found.high:+.2f}]"
    return f"ρ = {found.rho:+.2f}{interval}, p = {written_p(found.p)}"


def needs(found: Contrast, outcome: Outcome) -> str:
    if outcome in (SUPPORTED, CONTRADICTED):
        return ""
    if outcome == NOT_TESTABLE:
        what = "more families or variants"
        if found.shared:
            what += ", or variants of other wirings in each family"
        return (
            f"{what}: with these even {written_p(found.smallest_p)} is the "
            f"smallest one-sided p, above {ALPHA:g}"
        )
    if found.detectable is None or not found.shift:
        return "more variants, families and seeds"
    times = (found.detectable / found.shift) ** 2
    if times < 1:
        return "more families: the shift stands out, the ranks do not"
    return (
        f"about {times:,.0f} times as many wirings for a shift of this size"
        if times < 1000
        else "no number of wirings in reach: the shift is nearly zero"
    )


def as_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a row of a table; None for what it does not have."""
    row = {
        name: getattr(verdict, name)
        for name in ("claim", "title", "data", "batchnorm", "outcome", "measure", "unit", "number",
                     "low", "high", "detectable", "p", "share", "sentence", "needs")
    }  # fmt: skip
    for name in ("fractional width", "depth"):
        found = verdict.associations.get(name)
        key = name.split()[-1]
        row[f"{key}_rho"] = None if found is None else found.rho
        row[f"{key}_p"] = None if found is None else found.p
        row["wirings"] = None if found is None else found.wirings
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
