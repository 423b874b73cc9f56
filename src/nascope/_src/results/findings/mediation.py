"""Does the gain in speed of wide wirings go through curvature or gradient variance?

The outcome is claim 2's, ln of the area under the training loss, and pairs are those of a design.
The mediators are λ_max, the trace and √g of the same networks *at equal training loss*: at the end,
a faster network has a lower loss, and its curvature follows from that.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nascope._src.cells.designs import DesignKind
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.blocks import FACTORS, Block, Factor, blocks_in, differences
from nascope._src.results.design import Member, Setting, settings_of
from nascope._src.results.findings.judge import too_small
from nascope._src.results.measures import AREA
from nascope._src.results.planes import ProbePlace, mode_of, modes_at, places_of, probes_at
from nascope._src.results.probe_measures import PROBE_MEASURES, ProbeMeasure, compare
from nascope._src.results.stats.mediation import Mediation, mediate

MEDIATORS = ("eigenvalue", "trace", "std_centre")
"""Keys of the measures that may carry the effect."""


@dataclass(frozen=True)
class MediationFinding:
    """How much of a design's shift of ln(area) goes through one mediator.

    Attributes:
        kind: "contrast" or "factorial".
        factor: what differs within a pair.
        data: name of the data set.
        learning_rate: of the trainings.
        mediator: its title.
        at, images: where it was probed.
        batchnorm: the mode of the probe.
        parts: of the mean difference of ln(area), favoured − other.
        left_out: number of pairs without a finite number of both.
    """

    kind: DesignKind
    factor: Factor
    data: str
    learning_rate: float | None
    mediator: str
    at: str
    images: str
    batchnorm: str
    parts: Mediation
    left_out: int


def judge_mediation(study: StudyRecord) -> tuple[MediationFinding, ...]:
    """Return what each mediator at equal training loss carries, by design, rate and factor.

    There is nothing if the study is too small to judge, has no designed variants, or probed no
    network at a training loss.
    """
    if too_small(study) is not None:
        return ()
    return tuple(
        finding
        for kind in FACTORS
        for setting in settings_of(study)
        for finding in _in_setting(study, setting, kind)
    )


def _in_setting(
    study: StudyRecord, setting: Setting, kind: DesignKind
) -> Iterator[MediationFinding]:
    blocks = blocks_in(study, setting, kind)
    trials = [trial for block in blocks for m in block.members.values() for trial in m.trials]
    for place in places_of(trials):
        for measure in (PROBE_MEASURES[key] for key in MEDIATORS):
            if not place.at.startswith("loss ") or measure.kind != place.kind:
                continue
            for mode in modes_at(trials, place):
                for factor in FACTORS[kind]:
                    split = _split(blocks, factor, measure, place, mode)
                    if split is not None:
                        yield MediationFinding(
                            kind,
                            factor,
                            setting.data,
                            setting.learning_rate,
                            measure.title,
                            place.at,
                            place.data,
                            mode,
                            *split,
                        )


def _split(
    blocks: Sequence[Block], factor: Factor, measure: ProbeMeasure, place: ProbePlace, mode: str
) -> tuple[Mediation, int] | None:
    """Return the parts of a factor's effect, and the number of pairs without both numbers."""
    members = {m.label: m for block in blocks for m in block.members.values()}
    known = {
        label: {
            trial.seed: (area, mediator)
            for trial in member.trials
            if math.isfinite(area := AREA.compared(trial))
            and math.isfinite(mediator := _mediator(trial, measure, place, mode))
        }
        for label, member in members.items()
    }

    def area_by_seed(member: Member) -> dict[int, float]:
        return {seed: area for seed, (area, _) in known[member.label].items()}

    found = differences(blocks, factor, area_by_seed)
    mediators = []
    for pair in found:
        first, second = known[pair.favoured], known[pair.other]
        seeds = sorted(first.keys() & second.keys())
        mediators.append(
            (
                statistics.fmean(first[seed][1] for seed in seeds),
                statistics.fmean(second[seed][1] for seed in seeds),
            )
        )
    parts = mediate(
        [pair.value for pair in found],
        mediators,
        [(pair.family, pair.allocation) for pair in found],
    )
    if parts is None:
        return None
    every = differences(blocks, factor, lambda member: dict.fromkeys(_seeds(member), 0.0))
    return parts, len(every) - len(found)


def _mediator(trial: TrialRecord, measure: ProbeMeasure, place: ProbePlace, mode: str) -> float:
    """Return a trial's mediator on the scale on which it is compared; NaN if it has none."""
    for probe in probes_at(trial, place):
        if mode_of(probe) == mode:
            return compare(measure.number(probe, None), measure.scale)
    return math.nan


def _seeds(member: Member) -> list[int]:
    return [trial.seed for trial in member.trials]
