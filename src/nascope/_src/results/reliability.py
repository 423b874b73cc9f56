"""Reliability: how much of a measure is wiring rather than seed, direction or BatchNorm mode.

A measure that mostly shows the luck of a seed or of a pair of directions cannot judge a claim about
wirings. Each measure is split into variance components (`stats.components`), on values that exist
for equal seeds, directions and modes of every wiring.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascope._src.errors import StudyError
from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.results.design import setting_of, subsets
from nascope._src.results.levels import shared_levels
from nascope._src.results.measures import trial_measures
from nascope._src.results.planes import mode_of, places_of, plane_of, probes_at
from nascope._src.results.probe_measures import PROBE_MEASURES, Group, compare
from nascope._src.results.stats.components import VarianceShares, variance_shares

BOTH = "all"
"""The mode of a split over all BatchNorm modes of a study."""

_MOST_SUBSETS = 20_000


@dataclass(frozen=True)
class Observation:
    """One value of a measure, on the scale on which it is compared.

    Attributes:
        direction: seed of the random directions or vectors; 0 for a measure of a training.
        mode: BatchNorm mode; empty for a measure of a training.
    """

    family: str
    wiring: str
    seed: int
    value: float
    direction: int = 0
    mode: str = ""


@dataclass(frozen=True)
class BalancedValues:
    """Values with equal seeds, directions and modes for every wiring.

    Attributes:
        values: (wirings, seeds, directions, modes).
        families: the family of each wiring, as a number.
        left_out: number of values that have no place in it.
    """

    values: np.ndarray
    families: tuple[int, ...]
    left_out: int


@dataclass(frozen=True)
class Reliability:
    """How reliable a measure is in one setting.

    Attributes:
        data: name of the data set.
        learning_rate: of the trainings.
        group: "smoothness", "variance", "steadiness" or "speed".
        key, title: the measure.
        at, images: where it was probed: the moment, and the part of the data set; empty for a
            measure of a training.
        mode: BatchNorm mode; "all" for all modes together, empty for a measure of a training.
        shares: of the variance; None if all values are equal.
        families, wirings, seeds, directions, modes: size of the balanced design.
        left_out: number of values without a place in it, such as those of diverged trainings.
    """

    data: str
    learning_rate: float | None
    group: Group
    key: str
    title: str
    at: str
    images: str
    mode: str
    shares: VarianceShares | None
    families: int
    wirings: int
    seeds: int
    directions: int
    modes: int
    left_out: int


def balance(observations: Sequence[Observation]) -> BalancedValues | None:
    """Return the largest part of some values in which every wiring has the same places.

    It has two or more seeds, and two or more wirings of each family. Which part it is depends on
    which values exist and are finite, never on the values.

    Returns:
        The values; None if there is no such part.
    """
    known = {
        (o.family, o.wiring, o.seed, o.direction, o.mode): o.value
        for o in observations
        if math.isfinite(o.value)
    }
    places: dict[tuple[str, str], set[tuple[int, int, str]]] = {}
    for family, wiring, seed, direction, mode in known:
        places.setdefault((family, wiring), set()).add((seed, direction, mode))
    facets = [sorted({place[k] for own in places.values() for place in own}) for k in range(3)]
    best: tuple[int, int] = (0, 0)
    chosen: tuple[list[tuple[str, str]], tuple[Any, ...]] | None = None
    for seeds, directions, modes in _choices(facets):
        wanted = set(itertools.product(seeds, directions, modes))
        wirings = [wiring for wiring, own in places.items() if own >= wanted]
        in_family = [family for family, _ in wirings]
        wirings = [wiring for wiring in wirings if in_family.count(wiring[0]) > 1]
        size = (len(wirings) * len(wanted), len(wirings))
        if size > best:
            best, chosen = size, (wirings, (seeds, directions, modes))
    if chosen is None:
        return None
    wirings, (seeds, directions, modes) = chosen
    shape = (len(wirings), len(seeds), len(directions), len(modes))
    every = itertools.product(wirings, seeds, directions, modes)
    values = np.reshape([known[*wiring, *place] for wiring, *place in every], shape)
    number = {family: k for k, family in enumerate(dict.fromkeys(f for f, _ in wirings))}
    left_out = len(observations) - values.size
    return BalancedValues(values, tuple(number[family] for family, _ in wirings), left_out)


def _choices(facets: Sequence[Sequence[Any]]) -> Iterator[tuple[tuple[Any, ...], ...]]:
    """Return sets of seeds (two or more), directions and modes; the beginnings if too many."""
    options = [subsets(facet) for facet in facets]
    if math.prod(map(len, options)) > _MOST_SUBSETS:
        options = [[tuple(f[:count]) for count in range(1, len(f) + 1)] for f in facets]
    options[0] = [seeds for seeds in options[0] if len(seeds) > 1]
    yield from itertools.product(*options)


def measure_reliability(
    study: StudyRecord, cells: Collection[str] | None = None
) -> tuple[Reliability, ...]:
    """Return the reliability of every measure, in each setting of a study.

    A probed measure has one entry for each BatchNorm mode, and one for all modes together. Measures
    without two wirings of a family at two equal seeds have none.

    Args:
        study: a study with its results.
        cells: labels of the cells that enter; None for all. Choose measures on some of the wirings
            and judge them on the others: a measure that was chosen for its share has a smaller one.

    Raises:
        StudyError: the study has no cell of that label.
    """
    labels = list(dict.fromkeys(trial.label for trial in study.trials))
    unknown = [cell for cell in cells or () if cell not in labels]
    if unknown:
        raise StudyError(
            f"Expected cells of the study ({', '.join(labels[:12])}), but got {unknown[0]!r}"
        )
    entries: list[Reliability] = []
    chosen_trials = [trial for trial in study.trials if cells is None or trial.label in cells]
    for setting in dict.fromkeys(setting_of(trial) for trial in chosen_trials):
        trials = [trial for trial in chosen_trials if setting_of(trial) == setting]
        for what, observations in _measured(study, trials):
            modes = sorted({o.mode for o in observations})
            chosen = [[mode] for mode in modes] + ([modes] if len(modes) > 1 else [])
            for some in chosen:
                balanced = balance([o for o in observations if o.mode in some])
                if balanced is not None and (len(some) == 1 or balanced.values.shape[3] > 1):
                    mode = some[0] if len(some) == 1 else BOTH
                    entries.append(
                        _entry(setting.data, setting.learning_rate, what, mode, balanced)
                    )
    return tuple(entries)


@dataclass(frozen=True)
class _What:
    """A measure at a place."""

    group: Group
    key: str
    title: str
    at: str = ""
    images: str = ""


def _entry(
    data: str, rate: float | None, what: _What, mode: str, balanced: BalancedValues
) -> Reliability:
    shares = variance_shares(balanced.values, balanced.families)
    wirings, seeds, directions, modes = balanced.values.shape
    return Reliability(
        data,
        rate,
        what.group,
        what.key,
        what.title,
        what.at,
        what.images,
        mode,
        None if math.isnan(shares.wiring) else shares,
        len(set(balanced.families)),
        wirings,
        seeds,
        directions,
        modes,
        balanced.left_out,
    )


def _measured(
    study: StudyRecord, trials: Sequence[TrialRecord]
) -> Iterator[tuple[_What, list[Observation]]]:
    """Return every measure with its values: those of trainings, then those of probes."""
    for group, measure in trial_measures(shared_levels(study)):
        yield (
            _What(group, measure.key, measure.title),
            [
                Observation(t.family, t.label, t.seed, measure.compared(t))
                for t in trials
                if t.training is not None
            ],
        )
    for place in places_of(trials):
        probes = [(trial, probe) for trial in trials for probe in probes_at(trial, place)]
        grids = Counter(plane_of(probe, seed=False) for _, probe in probes)
        ((grid, _),) = grids.most_common(1)  # other grids are left out
        if balance([_observed(trial, probe, 0.0) for trial, probe in probes]) is None:
            continue  # before all numbers of all probes are computed
        registry = [probed for probed in PROBE_MEASURES.values() if probed.kind == place.kind]
        values: dict[str, list[Observation]] = {probed.key: [] for probed in registry}
        for trial, probe in probes:  # all numbers of a probe at once
            here = plane_of(probe, seed=False) == grid
            for probed in registry:
                value = probed.number(probe, _classes(trial)) if here else math.nan
                compared = compare(value, probed.scale)
                values[probed.key].append(_observed(trial, probe, compared))
        for probed in registry:
            what = _What(probed.group, probed.key, probed.title, place.at, place.data)
            yield what, values[probed.key]


def _observed(trial: TrialRecord, probe: ProbeRecord, value: float) -> Observation:
    direction = int(probe.settings.get("seed", 0))
    return Observation(trial.family, trial.label, trial.seed, value, direction, mode_of(probe))


def _classes(trial: TrialRecord) -> int | None:
    classes = trial.data.get("classes")
    return classes if isinstance(classes, int) else None
