"""A finding: what a study says about one claim, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nascope._src.results.findings.exceptions import ExceptionCheck
from nascope._src.results.findings.pairs import AdaptedDifference, Pair
from nascope._src.results.findings.rates import RateGap
from nascope._src.results.measures import Measure
from nascope._src.results.paper.claims import CLAIMS
from nascope._src.results.pattern import GroupPattern
from nascope._src.results.stats.contrasts import Contrast, Standing
from nascope._src.results.stats.correlation import Correlation

Decision = Literal["supported", "contradicted", "undecided", "not testable at this scale"]
SUPPORTED: Decision = "supported"
CONTRADICTED: Decision = "contradicted"
UNDECIDED: Decision = "undecided"
NOT_TESTABLE: Decision = "not testable at this scale"

Reason = Literal[
    "",  # the claim's test decided, or could have
    "no cell",  # claim 1: no cell that a search found
    "nothing compared",  # no original and variants with numbers
    "nothing compared of the tested",  # only in families that the paper excepts
    "one rate",  # claim 4
    "not converged",  # claims 8 and 9
    "no interval",  # claim 8
    "no adapted cell",  # claim 9
    "one data set",  # claim 9
    "too few",  # claim 9: no interval on one of the data sets
]


@dataclass(frozen=True)
class FamilyFinding:
    """One family.

    Attributes:
        standing: None if nothing in the family can be compared.
        tested: whether it enters the claim's test; families that the paper excepts do not.
        exception: what the paper excepts of it, checked; None if nothing.
    """

    family: str
    standing: Standing | None
    tested: bool = True
    exception: ExceptionCheck | None = None


@dataclass(frozen=True)
class Finding:
    """One claim, judged on one data set, and in one BatchNorm mode for claims 5 and 6.

    Attributes:
        claim: its number.
        outcome: the decision under the claim's rule.
        data: the data set's name; empty for claims about none, or about two.
        batchnorm: the mode; None for other claims.
        measure: title of what is compared.
        unit: of effect, low, high and detectable.
        ratio: whether effect, low, high and detectable are ratios − 1, in percent.
        secondary: whether it is a further measure's, which the claim does not rest on.
        margin: claim 8: the difference up to which an original counts as competitive, in points.
        decidable: claim 8: the smallest margin that the study can decide, in points.
        reason: why the claim could not be decided by its test.
        effect: how far popular cells are from the others.
        low, high: its 95 % interval; None if there is none.
        p: two-sided; None if no test was made.
        detectable: the smallest effect that the claim's rule finds with 80 % probability; None if
            there is none, and for claim 1, whose two tests have no common effect.
        share: share of its variants that an original beats, on average; ½ by chance.
        contrast: the test of claims 2 to 8.
        diverged: whether a training that entered the test diverged.
        families: each family, including those that the paper excepts.
        correlations: with each width and depth, among variants, by its name.
        normal_only: whether those variants rewire the normal cell only.
        pattern: claim 1's statistics.
        gaps: claim 4's gap at each learning rate.
        end_share: claim 7: share of its variants that an original beats in the last epoch.
        early_steps: claim 7: steps of the first tenth of the schedule; None if it is unknown.
        late: claims 8 and 9: the networks that have not converged, and the number of networks.
        epochs: claim 8: planned epochs.
        differences: claim 9: adapted − original by data set.
        pairs: claim 9: every pair of an original and its adapted cell.
    """

    claim: int
    outcome: Decision = NOT_TESTABLE
    data: str = ""
    batchnorm: str | None = None
    measure: str = ""
    unit: str = ""
    ratio: bool = False
    secondary: bool = False
    margin: float | None = None
    decidable: float | None = None
    reason: Reason = ""
    effect: float = math.nan
    low: float | None = None
    high: float | None = None
    p: float | None = None
    detectable: float | None = None
    share: float | None = None
    contrast: Contrast | None = None
    diverged: bool = False
    families: tuple[FamilyFinding, ...] = ()
    correlations: Mapping[str, Correlation] = field(default_factory=dict)
    normal_only: bool = False
    pattern: GroupPattern | None = None
    gaps: tuple[RateGap, ...] = ()
    end_share: float | None = None
    early_steps: int | None = None
    late: tuple[tuple[str, ...], int] = ((), 0)
    epochs: int | None = None
    differences: Mapping[str, AdaptedDifference] = field(default_factory=dict)
    pairs: tuple[Pair, ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        """The claim's title."""
        return CLAIMS[self.claim].title

    @property
    def statement(self) -> str:
        """What the paper says."""
        return CLAIMS[self.claim].statement

    @property
    def could_detect(self) -> float | None:
        """`detectable`, if the claim can be tested and it is finite."""
        return detectable_of(self.detectable, self.outcome)


def detectable_of(size: float | None, outcome: Decision) -> float | None:
    """Return a detectable effect, if the claim can be tested and the effect is finite."""
    testable = outcome != NOT_TESTABLE and size is not None and math.isfinite(size)
    return size if testable else None


def blank(claim: int, measure: Measure, *, data: str, batchnorm: str | None = None) -> Finding:
    """Return a finding about which nothing is known yet: not testable."""
    unit = measure.unit if measure.shift_unit is None else measure.shift_unit
    return Finding(
        claim,
        data=data,
        batchnorm=batchnorm,
        measure=measure.title,
        unit=unit,
        ratio=measure.log,
    )
