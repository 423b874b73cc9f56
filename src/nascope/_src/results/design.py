"""The design of a study: settings, families and their members, on equal seeds.

A comparison is made within a *setting*: one data set, one recipe. Its unit is the *member* of a
family: a cell with its trials, one per seed. A *family* is an original cell, its variants, and the
original adapted.

Families that share wirings are not independent samples. A seed gives every cell of equal size the
same wiring, in the authors' code as in nascope, and a smaller cell the beginning of it (Appendix
A.2). Searches find some wirings again and again, SNAS' above all. What a wiring does to a network
in one family it does in every family.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from nascope._src.cells.catalog import cells_in
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import Topology, topology
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.paper.claims import RATE

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting:
    """What all trials of a comparison share. Two settings are the same if they compare equal.

    Attributes:
        data: name of the data set.
        digest: of its images.
        recipe: without the learning rate, as text that compares.
        learning_rate: None if several are compared.
        study: its name, if several studies are shown together.
    """

    data: str
    digest: str
    recipe: str
    learning_rate: float | None
    study: str = ""

    def value(self, name: str) -> Any:
        """Return an entry of the recipe; None if it has none of that name."""
        return self._entries.get(name)

    @functools.cached_property
    def _entries(self) -> dict[str, Any]:
        entries: dict[str, Any] = json.loads(self.recipe)
        return entries


@dataclass(frozen=True)
class Member:
    """A cell of a family with its trials, one per seed."""

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

    def at(self, seeds: Sequence[int]) -> Member:
        """Return the member with its trials at some of its seeds."""
        kept = tuple(trial for trial in self.trials if trial.seed in seeds)
        return Member(self.label, self.family, self.variant, self.genotype, kept)


@dataclass(frozen=True)
class Family:
    """An original, its variants and its adapted cell in one setting; None if missing."""

    name: str
    setting: Setting
    original: Member | None
    variants: tuple[Member, ...]
    adapted: Member | None = None

    @property
    def members(self) -> tuple[Member, ...]:
        """The original, if there is one, and the variants."""
        return (*((self.original,) if self.original else ()), *self.variants)

    @property
    def is_comparable(self) -> bool:
        """Whether there are an original with results and variants."""
        return self.original is not None and bool(self.original.trials and self.variants)

    def normal_only(self) -> tuple[Member, ...]:
        """Return the variants that keep the original's reduction cell: their parameters agree."""
        if self.original is None:
            return ()
        kept = self.original.genotype.reduce
        return tuple(variant for variant in self.variants if variant.genotype.reduce == kept)


@functools.lru_cache(maxsize=4096)
def _topology(cell: Cell) -> Topology:
    return topology(cell)


# ---------------------------------------------------------------- settings


def setting_of(trial: TrialRecord, *, rate: bool = True) -> Setting:
    """Return a trial's setting; without its learning rate if rates are compared."""
    return Setting(
        data=str(trial.data.get("name")),
        digest=str(trial.data.get("digest")),
        recipe=recipe_key(trial.recipe),
        learning_rate=float(trial.recipe.get("learning_rate", RATE)) if rate else None,
        study=trial.study,
    )


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """Return a recipe without its learning rate, as text that compares."""
    kept = {name: value for name, value in recipe.items() if name != "learning_rate"}
    return json.dumps(kept, sort_keys=True, default=str)


def settings_of(study: StudyRecord) -> list[Setting]:
    """Return the settings of a study, in its order."""
    return list(dict.fromkeys(setting_of(trial) for trial in study.trials))


def main_settings(study: StudyRecord, *, rate: bool = True) -> list[Setting]:
    """Return, for each data set of a study, the setting in which claims are judged.

    Among the settings with a comparable family, if there are any, this is the one whose learning
    rate is nearest to the paper's 0.025, then the one with the most comparable families, then the
    one with the most planned trials.
    """
    chosen: list[Setting] = []
    for name in dict.fromkeys(str(trial.data.get("name")) for trial in study.trials):
        trials: dict[Setting, list[TrialRecord]] = {}
        for trial in study.trials:
            if trial.data.get("name") == name:
                trials.setdefault(setting_of(trial), []).append(trial)
        best = min(trials, key=lambda setting: _precedence(setting, trials[setting]))
        kept = best.learning_rate if rate else None
        chosen.append(Setting(best.data, best.digest, best.recipe, kept, best.study))
    return chosen


def _precedence(setting: Setting, trials: Sequence[TrialRecord]) -> tuple[bool, float, int, int]:
    """Sort key: least for the setting in which a data set's trials are judged."""
    comparable = sum(family.is_comparable for family in _families(trials, setting))
    distance = round(abs((setting.learning_rate or RATE) - RATE), 9)  # 0.02 is as near as 0.03
    return comparable == 0, distance, -comparable, -len(trials)


# ---------------------------------------------------------------- families


def families_in(study: StudyRecord, setting: Setting) -> list[Family]:
    """Return the families of a study in a setting, in its order, with all their seeds."""
    rate = setting.learning_rate is not None
    trials = [trial for trial in study.trials if setting_of(trial, rate=rate) == setting]
    return _families(trials, setting)


def _families(trials: Sequence[TrialRecord], setting: Setting) -> list[Family]:
    by_cell: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in trials:
        by_cell.setdefault((trial.family, trial.label), []).append(trial)
    members: dict[str, list[Member]] = {}
    for (family, label), same in by_cell.items():
        by_seed = tuple(sorted(same, key=lambda trial: trial.seed))
        member = Member(label, family, same[0].variant, same[0].genotype, by_seed)
        members.setdefault(family, []).append(member)
    return [_family(name, setting, cells) for name, cells in members.items()]


def _family(name: str, setting: Setting, members: Sequence[Member]) -> Family:
    return Family(
        name,
        setting,
        next((member for member in members if member.is_original), None),
        tuple(member for member in members if not (member.is_original or member.is_adapted)),
        next((member for member in members if member.is_adapted), None),
    )


def is_constructed(genotype: Genotype) -> bool:
    """Return whether it is one of the authors' adapted cells, wide on purpose."""
    return any(cell.genotype == genotype for cell in cells_in("adapted"))


def judged_families(study: StudyRecord, setting: Setting) -> list[Family]:
    """Return the families that claims about popular cells are judged on.

    Families whose original was constructed, not found by a search, are left out.
    """
    return [
        family
        for family in families_in(study, setting)
        if family.original is None or not is_constructed(family.original.genotype)
    ]


def balanced(
    family: Family,
    seeds: Mapping[str, frozenset[int]],
    *,
    most: Literal["trials", "members"] = "trials",
) -> Family:
    """Return a family on equal seeds: every member that is kept has a result at each of them.

    Of all sets of seeds, choose the one that uses the most trials, (members that have them all) ×
    seeds, or with ``most="members"`` the most members. The original is always kept. The choice
    depends on which results exist, never on what they are.

    Args:
        seeds: for each label, the seeds at which there is a result.
    """
    if family.original is None:
        return family
    available = sorted(seeds.get(family.original.label, frozenset()))
    best: tuple[tuple[int, int], tuple[int, ...], list[Member]] = ((0, 0), (), [])
    for subset in subsets(available):
        kept = [v for v in family.variants if seeds.get(v.label, frozenset()).issuperset(subset)]
        trials = (1 + len(kept)) * len(subset)
        size = (trials, len(kept)) if most == "trials" else (len(kept), trials)
        if kept and size > best[0]:
            best = (size, subset, kept)
    _, chosen, kept = best
    return Family(
        family.name,
        family.setting,
        family.original.at(chosen),
        tuple(variant.at(chosen) for variant in kept),
        family.adapted,
    )


def subsets(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    """Return all non-empty subsets, by size; of more than ten values only the first runs."""
    if len(values) > 10:
        return [tuple(values[:count]) for count in range(1, len(values) + 1)]
    return [
        subset
        for count in range(1, len(values) + 1)
        for subset in itertools.combinations(values, count)
    ]


# ---------------------------------------------------------------- wirings that families share


def shared_wirings(families: Sequence[Family]) -> dict[str, list[int]]:
    """Return, by family, a number for the wiring of each variant; equal for equal wirings.

    A variant's wiring is that of its normal cell, or of its reduction cell if it keeps the
    original's normal cell. Two cells of different sizes have the same wiring if one is the
    beginning of the other.
    """
    wirings = {
        family.name: [_wiring(variant, family.original) for variant in family.variants]
        for family in families
    }
    distinct = sorted(
        {wiring for own in wirings.values() for wiring in own},
        key=lambda wiring: (len(wiring[1]), wiring),
    )
    number: dict[tuple[str, tuple[int, ...]], int] = {}
    for kind, sources in distinct:  # shortest first, so that beginnings are known
        start = next(
            (
                number[kind, sources[:length]]
                for length in range(len(sources), 0, -1)
                if (kind, sources[:length]) in number
            ),
            len(number),
        )
        number[kind, sources] = start
    return {name: [number[wiring] for wiring in own] for name, own in wirings.items()}


def original_wirings(families: Sequence[Family]) -> dict[str, Hashable]:
    """Return, by family, the wiring of its original; equal for equal wirings.

    This is the wiring of the normal cell, or of the reduction cell if all variants keep the normal
    cell. The order of a node's edges does not count.
    """
    wirings: dict[str, Hashable] = {}
    for family in families:
        if family.original is not None:
            kinds = {_wiring(variant, family.original)[0] for variant in family.variants}
            kind = "reduce" if kinds == {"reduce"} else "normal"
            cell = getattr(family.original.genotype, kind)
            wirings[family.name] = (kind, tuple(tuple(sorted(node)) for node in cell.sources))
    return wirings


def _wiring(member: Member, original: Member | None) -> tuple[str, tuple[int, ...]]:
    kind, cell = "normal", member.genotype.normal
    if original is not None and cell.sources == original.genotype.normal.sources:
        kind, cell = "reduce", member.genotype.reduce
    return kind, tuple(source for node in cell.sources for source in node)
