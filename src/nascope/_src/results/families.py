"""What is compared with what: an original cell, its variants, on equal terms and equal seeds.

The unit of every comparison is the *wiring*: a cell, its numbers averaged over its seeds.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nascope._src.cells.catalog import cells_in
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import Topology, topology
from nascope._src.records.read import StudyRecord, TrialRecord

Value = TypeVar("Value")

RATE = 0.025  # the paper's own learning rate


@dataclass(frozen=True)
class Setting:
    """What all trials of a comparison share.

    Attributes:
        data: name of the data set.
        digest: of its images.
        recipe: without the learning rate, as text that compares.
        learning_rate: None where several are compared.
    """

    data: str
    digest: str
    recipe: str
    learning_rate: float | None


@dataclass(frozen=True)
class Wiring:
    """A cell of a family with its trials, one a seed."""

    label: str
    family: str
    variant: str
    genotype: Genotype
    trials: tuple[TrialRecord, ...]

    @property
    def is_original(self) -> bool:
        return self.variant == "original"

    @property
    def is_adapted(self) -> bool:
        return self.variant == "adapted"

    @property
    def normal(self) -> Topology:
        """Width and depth of its normal cell."""
        return _topology(self.genotype.normal)

    def on(self, seeds: Sequence[int]) -> Wiring:
        """Itself, on some of its seeds."""
        kept = tuple(trial for trial in self.trials if trial.seed in seeds)
        return Wiring(self.label, self.family, self.variant, self.genotype, kept)


@dataclass(frozen=True)
class Family:
    """An original, its variants, and itself adapted, under one setting; None where missing."""

    name: str
    setting: Setting
    original: Wiring | None
    variants: tuple[Wiring, ...]
    adapted: Wiring | None = None

    @property
    def members(self) -> tuple[Wiring, ...]:
        """The original, where there is one, and the variants."""
        return (*((self.original,) if self.original else ()), *self.variants)

    @property
    def is_comparable(self) -> bool:
        """Whether an original with results stands beside variants."""
        return self.original is not None and bool(self.original.trials and self.variants)

    def normal_only(self) -> tuple[Wiring, ...]:
        """The variants whose reduction cell is the original's: their parameters are equal."""
        if self.original is None:
            return ()
        kept = self.original.genotype.reduce
        return tuple(one for one in self.variants if one.genotype.reduce == kept)


@functools.lru_cache(maxsize=4096)
def _topology(cell: Cell) -> Topology:
    return topology(cell)


def setting_of(trial: TrialRecord, *, rate: bool = True) -> Setting:
    """A trial's setting; without its learning rate where rates are what is compared."""
    recipe = {name: value for name, value in trial.recipe.items() if name != "learning_rate"}
    return Setting(
        data=str(trial.data.get("name")),
        digest=str(trial.data.get("digest")),
        recipe=json.dumps(recipe, sort_keys=True, default=str),
        learning_rate=float(trial.recipe.get("learning_rate", RATE)) if rate else None,
    )


def main_settings(study: StudyRecord, *, rate: bool = True) -> list[Setting]:
    """For each data set of a study, in its order, the setting that comparisons are made in.

    Of those in which an original stands beside variants, where there are such, the one at the
    learning rate nearest to the paper's 0.025, with the recipe under which most families are
    comparable, and most trials planned.
    """
    found: list[Setting] = []
    for name in dict.fromkeys(str(trial.data.get("name")) for trial in study.trials):
        trials: dict[Setting, list[TrialRecord]] = {}
        for trial in study.trials:
            if trial.data.get("name") == name:
                trials.setdefault(setting_of(trial), []).append(trial)
        best = min(trials, key=lambda one: _precedence(one, trials[one]))
        kept = best.learning_rate if rate else None
        found.append(Setting(best.data, best.digest, best.recipe, kept))
    return found


def _precedence(setting: Setting, own: Sequence[TrialRecord]) -> tuple[bool, float, int, int]:
    """Least for the setting of a data set's trials that is judged."""
    comparable = sum(family.is_comparable for family in _families(own, setting))
    distance = round(abs((setting.learning_rate or RATE) - RATE), 9)  # 0.02 is as near as 0.03
    return comparable == 0, distance, -comparable, -len(own)


def families(study: StudyRecord, setting: Setting) -> list[Family]:
    """The families of a study under a setting, in its order, with all their seeds."""
    rate = setting.learning_rate is not None
    own = [trial for trial in study.trials if setting_of(trial, rate=rate) == setting]
    return _families(own, setting)


def _families(own: Sequence[TrialRecord], setting: Setting) -> list[Family]:
    wirings: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in own:
        wirings.setdefault((trial.family, trial.label), []).append(trial)
    grouped: dict[str, list[Wiring]] = {}
    for (family, label), trials in wirings.items():
        first = trials[0]
        by_seed = tuple(sorted(trials, key=lambda trial: trial.seed))
        one = Wiring(label, family, first.variant, first.genotype, by_seed)
        grouped.setdefault(family, []).append(one)
    return [_family(name, setting, members) for name, members in grouped.items()]


def constructed(genotype: Genotype) -> bool:
    """Whether it is one of the authors' adapted cells: wide on purpose, and found by no search."""
    return any(adapted.genotype == genotype for adapted in cells_in("adapted"))


def found_families(study: StudyRecord, setting: Setting) -> list[Family]:
    """The `families` that claims about popular cells speak of: none of a `constructed` original."""
    return [
        family
        for family in families(study, setting)
        if family.original is None or not constructed(family.original.genotype)
    ]


def _family(name: str, setting: Setting, members: Sequence[Wiring]) -> Family:
    return Family(
        name,
        setting,
        next((one for one in members if one.is_original), None),
        tuple(one for one in members if not (one.is_original or one.is_adapted)),
        next((one for one in members if one.is_adapted), None),
    )


def balanced(family: Family, has: Mapping[str, frozenset[int]], *, most: str = "trials") -> Family:
    """A family on equal seeds: each member that is kept has the same ones.

    Of all sets of seeds the one that uses the most trials, (members that have them all) × seeds,
    or with ``most="wirings"`` the most members; the original is always kept. What is chosen
    depends on which results are there, never on what they are.

    Args:
        has: for each label the seeds at which there is a result.
    """
    if family.original is None:
        return family
    own = sorted(has.get(family.original.label, frozenset()))
    best: tuple[tuple[int, int], tuple[int, ...], list[Wiring]] = ((0, 0), (), [])
    for seeds in subsets(own):
        kept = [v for v in family.variants if has.get(v.label, frozenset()).issuperset(seeds)]
        used = (1 + len(kept)) * len(seeds)
        worth = (used, len(kept)) if most == "trials" else (len(kept), used)
        if kept and worth > best[0]:
            best = (worth, seeds, kept)
    _, seeds, kept = best
    return Family(
        family.name,
        family.setting,
        family.original.on(seeds),
        tuple(variant.on(seeds) for variant in kept),
        family.adapted,
    )


def subsets(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    """All sets of up to ten values, by size; of more values the runs of the first ones."""
    if len(values) > 10:
        return [tuple(values[:count]) for count in range(1, len(values) + 1)]
    return [
        subset
        for count in range(1, len(values) + 1)
        for subset in itertools.combinations(values, count)
    ]


def recipe_value(setting: Setting, name: str) -> Any:
    """An entry of a setting's recipe; None where it has none."""
    return json.loads(setting.recipe).get(name)
