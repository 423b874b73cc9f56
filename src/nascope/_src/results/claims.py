"""The paper's nine claims as data: what each says, and what it is measured by.

docs/guides/verdicts.md gives the reasons. The measures were chosen before any study was judged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nascope._src.records.read import ProbeRecord, TrialRecord
from nascope._src.results.convergence import (
    agitation,
    area_under_loss,
    early_accuracy,
    train_losses,
)
from nascope._src.results.measures import loss_of, mode_of, planes, std_of
from nascope._src.results.smoothness import area_below, chance_loss

MODES = ("frozen", "recalibrated")
"""BatchNorm modes under which claims 5 and 6 are judged; the first is the paper's."""


@dataclass(frozen=True)
class Measure:
    """A number of one trial.

    Attributes:
        title: in words.
        unit: of a shift of it, in words; "%" where it is compared as a ratio.
        value: it; NaN where the trial has none, infinite (on the worse side) where it diverged.
        higher_is_better: its direction.
        ratio: whether shifts are of logarithms, told in per cent.
        scale: what a shift is multiplied by to be told in ``unit``.
    """

    title: str
    unit: str
    value: Callable[[TrialRecord], float]
    higher_is_better: bool = False
    ratio: bool = False
    scale: float = 1.0

    def told(self, shift: float) -> float:
        """A shift in the measure's unit."""
        return 100 * math.expm1(shift) if self.ratio else self.scale * shift


@dataclass(frozen=True)
class Claim:
    """One of the nine.

    Attributes:
        number: from 1 to 9.
        statement: what the paper says, as a sentence about popular cells.
        section: where.
        conceded: families that the paper excepts; `nascope._src.results.concessions` judges them.
    """

    number: int
    title: str
    statement: str
    section: str
    conceded: frozenset[str] = frozenset()


CLAIMS = {
    claim.number: claim
    for claim in (
        Claim(
            1,
            "Wide and shallow",
            "Popular cells are among the widest and shallowest of their search space.",
            "Observation 3.1",
        ),
        Claim(
            2,
            "Faster convergence",
            "Popular cells converge faster than their random variants.",
            "Section 4.1, Figures 3 and 12",
        ),
        Claim(
            3,
            "Steadier convergence",
            "Popular cells converge more stably than their random variants.",
            "Section 4.1, Figures 3 and 12",
        ),
        Claim(
            4,
            "A gap that grows with the rate",
            "The larger the learning rate, the larger the advantage of popular cells.",
            "Section 4.1 and B.2, Figures 4 and 13",
        ),
        Claim(
            5,
            "Smoother landscape",
            "The loss landscape around popular cells is smoother.",
            "Section 4.2, Figures 5, 14 and 15",
            frozenset({"SNAS"}),
        ),
        Claim(
            6,
            "Smaller gradient variance",
            "The gradient variance around popular cells is smaller.",
            "Section 4.2, Figures 6, 7, 16 and 17",
            frozenset({"AmoebaNet", "SNAS"}),
        ),
        Claim(
            7,
            "Early evaluation selects them",
            "Popular cells lead early in training, which is when search evaluates.",
            "Sections 4.1 and 6",
        ),
        Claim(
            8,
            "Competitive, not better",
            "At convergence popular cells are competitive, but do not generalise better.",
            "Section 5, Figure 9",
        ),
        Claim(
            9,
            "Adapted cells",
            "Cells adapted to the widest and shallowest wiring are worse on CIFAR-10 and better "
            "on CIFAR-100.",
            "Section 5, Table 1",
            frozenset({"SNAS"}),
        ),
    )
}
_PROBED = {5: "landscape", 6: "variance"}
LEFT_OUT = {(5, "AmoebaNet", "published 4")}
"""(claim, family, variant) that the paper calls exceptional."""


def log_area(trial: TrialRecord) -> float:
    """ln of the area under the training-loss curve; infinite where the training diverged."""
    area = area_under_loss(trial.training) if trial.training is not None else math.nan
    return math.log(area) if 0 < area < math.inf else area


def unrest(trial: TrialRecord) -> float:
    """The agitation of the training loss; infinite where the training diverged."""
    training = trial.training
    if training is None or not training.finished:
        return math.nan
    return math.inf if training.diverged_at is not None else agitation(train_losses(training))


Plane = str
"""A plane as it was probed, its directions, extent, grid and images, as text that compares."""
_NO_PART_OF_A_PLANE = {"batchnorm", "calibration", "method", "method_why", "reached"}


def plane_of(probe: ProbeRecord) -> Plane:
    """The plane of a probe; its BatchNorm mode, and how gradients were computed, are none of it."""
    told = {name: v for name, v in probe.settings.items() if name not in _NO_PART_OF_A_PLANE}
    return json.dumps(told, sort_keys=True, default=str)


def planes_of(trial: TrialRecord, claim: int, mode: str) -> list[Plane]:
    """Those that were probed for claim 5 or 6, in the planned order; none for other claims."""
    kind = _PROBED.get(claim, "")
    return [plane_of(probe) for probe in planes(trial, kind) if mode_of(probe) == mode]


def _probe(trial: TrialRecord, kind: str, mode: str, plane: Plane | None) -> ProbeRecord | None:
    own = (probe for probe in planes(trial, kind) if mode_of(probe) == mode)
    return next((probe for probe in own if plane in (None, plane_of(probe))), None)


def basin(mode: str, plane: Plane | None = None) -> Callable[[TrialRecord], float]:
    """The share of a landscape below a uniform guess's loss, under a BatchNorm mode.

    Args:
        plane: the one that is looked at; None: each trial's first.
    """

    def value(trial: TrialRecord) -> float:
        probe = _probe(trial, "landscape", mode, plane)
        if probe is None:
            return -math.inf if trial.diverged else math.nan
        classes = trial.data.get("classes")
        level = chance_loss(classes) if isinstance(classes, int) else math.nan
        return area_below(loss_of(probe), probe.arrays["alphas"], probe.arrays["betas"], level)

    return value


def log_spread(mode: str, plane: Plane | None = None) -> Callable[[TrialRecord], float]:
    """ln of the median √g over a gradient-variance grid, under a BatchNorm mode.

    A point that is not finite counts as larger than any other: left out, it would look small.

    Args:
        plane: the one that is looked at; None: each trial's first.
    """

    def value(trial: TrialRecord) -> float:
        probe = _probe(trial, "variance", mode, plane)
        if probe is None:
            return math.inf if trial.diverged else math.nan
        spread = std_of(probe)
        middle = float(np.median(np.where(np.isfinite(spread), spread, math.inf)))
        return math.log(middle) if middle > 0 else math.inf

    return value


def early(trial: TrialRecord) -> float:
    """Accuracy after the first tenth of the schedule; −∞ where it diverged before."""
    training = trial.training
    if training is None or not training.finished:
        return math.nan
    found = early_accuracy(training, int(trial.recipe.get("epochs", len(training.epochs))))
    return -math.inf if math.isnan(found) and trial.diverged else found


def measure_of(claim: int, mode: str = "frozen", plane: Plane | None = None) -> Measure:
    """The primary measure of one of the claims 2, 3, 5, 6 and 7.

    Args:
        mode, plane: of the probes of claims 5 and 6; None: each trial's first.
    """
    match claim:
        case 2:
            return Measure("area under the training-loss curve", "%", log_area, ratio=True)
        case 3:
            return Measure("agitation of the training loss", "% of the loss", unrest, scale=100)
        case 5:
            return Measure(
                "share of the plane below a guess's loss",
                "percentage points",
                basin(mode, plane),
                higher_is_better=True,
                scale=100,
            )
        case 6:
            return Measure("median √g over the plane", "%", log_spread(mode, plane), ratio=True)
        case 7:
            return Measure(
                "accuracy after the first tenth of the schedule",
                "percentage points",
                early,
                higher_is_better=True,
                scale=100,
            )
    raise ValueError(f"claim {claim} has no measure of one trial")
