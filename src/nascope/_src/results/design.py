"""The design of a study: settings, families and their members, on equal seeds.

A comparison is made within a *setting*: one data set and one recipe. A *family* is an original
cell, its variants, and the adapted original. A *member* of a family is a cell with its trials, one
per seed.

Families that share wirings are not independent samples, because a wiring affects networks alike in
every family. A seed gives all cells of one size the same wiring, in the authors' code as in
nascope; a smaller cell gets the beginning of it (Appendix A.2). Searches also find some wirings
repeatedly, above all SNAS'.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from nascope._src.cells.catalog import cells_in
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import Topology, topology
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.paper.claims import RATE
from nascope._src.runtime.by_identity import once_per_object

Item = TypeVar("Item")
SourceKey = tuple[str, tuple[int, ...]]
"""A cell's kind, "normal" or "reduce", and the sources of its edges, in order."""


@dataclass(frozen=True)
class Setting:
    """What all trials of a comparison share. Equal settings compare equal.

    Attributes:
        data: name of the data set.
        digest: digest of its images.
        recipe: the recipe without its learning rate, as `recipe_key` writes it.
        learning_rate: None if learning rates are compared.
        study: name of the study, if several studies are shown together.
    """

    data: str
    digest: str
    recipe: str
    learning_rate: float | None
    study: str = ""

    def value(self, name: str) -> Any:
        """Return an entry of the recipe; None if it has none of this name."""
        return self._entries.get(name)

    @functools.cached_property
    def _entries(self) -> dict[str, Any]:
        entries: dict[str, Any] = json.loads(self.recipe)
        return entries


@dataclass(frozen=True)
class Member:
    """A cell of a family with its trials.

    Attributes:
        label: name of the cell, unique within the study.
        family: label of the original.
        variant: "original", "adapted", or how the variant was made.
        genotype: the cell.
        trials: one per seed.
    """

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
        """Topology of the normal cell, with its width and depth."""
        return _topology(self.genotype.normal)

    def at(self, seeds: Sequence[int]) -> Member:
        """Return the member with its trials at some seeds only."""
        return replace(self, trials=tuple(trial for trial in self.trials if trial.seed in seeds))


@dataclass(frozen=True)
class Family:
    """An original, its variants and its adapted cell in one setting.

    Attributes:
        name: label of the original.
        setting: what all their trials share.
        original: None if the setting has no trial of it.
        variants: the original with random or designed wirings.
        adapted: the original with the widest, shallowest wiring; None if there is none.
    """

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
        """Whether the original has trials and there are variants."""
        return self.original is not None and bool(self.original.trials and self.variants)

    def normal_only(self) -> tuple[Member, ...]:
        """Return the variants with the original's reduction cell, thus with equal parameters."""
        if self.original is None:
            return ()
        kept = self.original.genotype.reduce
        return tuple(variant for variant in self.variants if variant.genotype.reduce == kept)


@functools.lru_cache(maxsize=4096)
def _topology(cell: Cell) -> Topology:
    return topology(cell)


# ---------------------------------------------------------------- settings


@once_per_object
def setting_of(trial: TrialRecord, *, rate: bool = True) -> Setting:
    """Return a trial's setting.

    Args:
        trial: a trial.
        rate: whether the setting includes the learning rate; not if learning rates are compared.
    """
    return Setting(
        data=str(trial.data.get("name")),
        digest=str(trial.data.get("digest")),
        recipe=recipe_key(trial.recipe),
        learning_rate=float(trial.recipe.get("learning_rate", RATE)) if rate else None,
        study=trial.study,
    )


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """Return a recipe without its learning rate, as text that is equal for equal recipes."""
    items = tuple((name, value) for name, value in recipe.items() if name != "learning_rate")
    try:
        return _recipe_key(items, tuple(type(value) for _, value in items))
    except TypeError:  # a value that cannot be hashed
        return _recipe_key.__wrapped__(items, ())


@functools.lru_cache(maxsize=4096)
def _recipe_key(items: tuple[tuple[str, Any], ...], types: tuple[type, ...]) -> str:
    return json.dumps(dict(items), sort_keys=True, default=str)


def settings_of(study: StudyRecord) -> list[Setting]:
    """Return the settings of a study, in its order."""
    return list(dict.fromkeys(setting_of(trial) for trial in study.trials))


@once_per_object
def main_settings(study: StudyRecord, *, rate: bool = True) -> list[Setting]:
    """Return, for each data set of a study, the setting in which claims are judged.

    Settings with a comparable family come first. Among them, the setting whose learning rate is
    nearest to the paper's 0.025 is chosen, then the one with the most comparable families, then
    the one with the most planned trials.

    Args:
        study: a study with its results.
        rate: whether the settings include the learning rate; not if learning rates are compared.
    """
    chosen: list[Setting] = []
    for name in dict.fromkeys(str(trial.data.get("name")) for trial in study.trials):
        trials: dict[Setting, list[TrialRecord]] = {}
        for trial in study.trials:
            if trial.data.get("name") == name:
                trials.setdefault(setting_of(trial), []).append(trial)
        best = min(trials, key=lambda setting: _precedence(setting, trials[setting]))
        chosen.append(best if rate else replace(best, learning_rate=None))
    return chosen


def _precedence(setting: Setting, trials: Sequence[TrialRecord]) -> tuple[bool, float, int, int]:
    """Return a sort key, smallest for the setting in which claims are judged."""
    comparable = sum(family.is_comparable for family in _families(trials, setting))
    distance = round(abs((setting.learning_rate or RATE) - RATE), 9)  # 0.02 is as near as 0.03
    return comparable == 0, distance, -comparable, -len(trials)


# ---------------------------------------------------------------- families


def trials_in(study: StudyRecord, setting: Setting) -> list[TrialRecord]:
    """Return the trials of a study in a setting, in the study's order."""
    rate = setting.learning_rate is not None
    return [trial for trial in study.trials if setting_of(trial, rate=rate) == setting]


def families_in(study: StudyRecord, setting: Setting) -> list[Family]:
    """Return the families of a study in a setting, with all seeds, in the study's order.

    Designed variants are in no family: they are compared with one another (`results.blocks`).
    """
    return _families(trials_in(study, setting), setting)


def _families(trials: Sequence[TrialRecord], setting: Setting) -> list[Family]:
    members: dict[str, list[Member]] = {}
    for member in members_of([trial for trial in trials if trial.design is None]):
        members.setdefault(member.family, []).append(member)
    return [_family(name, setting, cells) for name, cells in members.items()]


def members_of(trials: Sequence[TrialRecord]) -> list[Member]:
    """Return the cells of some trials, each with its trials by seed."""
    by_cell: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in trials:
        by_cell.setdefault((trial.family, trial.label), []).append(trial)
    return [
        Member(
            label,
            family,
            same[0].variant,
            same[0].genotype,
            tuple(sorted(same, key=lambda trial: trial.seed)),
        )
        for (family, label), same in by_cell.items()
    ]


def _family(name: str, setting: Setting, members: Sequence[Member]) -> Family:
    return Family(
        name,
        setting,
        next((member for member in members if member.is_original), None),
        tuple(member for member in members if not (member.is_original or member.is_adapted)),
        next((member for member in members if member.is_adapted), None),
    )


def is_constructed(genotype: Genotype) -> bool:
    """Return whether a cell is one of the authors' adapted cells, which are wide on purpose."""
    return genotype in _adapted_cells()


@functools.cache
def _adapted_cells() -> tuple[Genotype, ...]:
    return tuple(cell.genotype for cell in cells_in("adapted"))


def judged_families(study: StudyRecord, setting: Setting) -> list[Family]:
    """Return the families on which claims about popular cells are judged.

    Families with a constructed original are left out: no search found it.
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
    """Return a family on equal seeds: each member that is kept has a result at every seed.

    The set of seeds is the one that keeps the most trials, (members with a result at all these
    seeds) × seeds, or the most members. The original is always kept. The choice depends on which
    results exist, never on their values.

    Args:
        family: a family with all its trials.
        seeds: by label, the seeds at which a member has a result.
        most: what to keep the most of.

    Returns:
        The family with these members and seeds. If no variant has a seed in common with the
        original, there are no trials and no variants.
    """
    if family.original is None:
        return family
    available = sorted(seeds.get(family.original.label, frozenset()))
    largest = (0, 0)
    chosen: tuple[int, ...] = ()
    variants: list[Member] = []
    for subset in subsets(available):
        complete = [
            variant
            for variant in family.variants
            if seeds.get(variant.label, frozenset()).issuperset(subset)
        ]
        trials = (1 + len(complete)) * len(subset)
        size = (trials, len(complete)) if most == "trials" else (len(complete), trials)
        if complete and size > largest:
            largest, chosen, variants = size, subset, complete
    return replace(
        family,
        original=family.original.at(chosen),
        variants=tuple(variant.at(chosen) for variant in variants),
    )


def subsets(values: Sequence[Item]) -> list[tuple[Item, ...]]:
    """Return all non-empty subsets, by size.

    Of more than ten values there would be too many; then only their beginnings are returned.

    >>> subsets([0, 1, 2])
    [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    """
    if len(values) > 10:
        return [tuple(values[:count]) for count in range(1, len(values) + 1)]
    return [
        subset
        for count in range(1, len(values) + 1)
        for subset in itertools.combinations(values, count)
    ]


# ---------------------------------------------------------------- wirings that families share


def shared_wirings(families: Sequence[Family]) -> dict[str, list[int]]:
    """Return, by family, a number for each variant's wiring; equal wirings have equal numbers.

    A variant's wiring is that of its normal cell, or of its reduction cell if it keeps the
    original's normal cell. Cells of different sizes have the same wiring if one wiring is the
    beginning of the other.
    """
    wirings = {
        family.name: [_wiring(variant, family.original) for variant in family.variants]
        for family in families
    }
    number: dict[SourceKey, int] = {}
    for kind, sources in sorted(
        {wiring for variants in wirings.values() for wiring in variants},
        key=lambda wiring: (len(wiring[1]), wiring),  # shortest first, so that beginnings are known
    ):
        beginnings = (
            number[kind, sources[:length]]
            for length in range(len(sources), 0, -1)
            if (kind, sources[:length]) in number
        )
        number[kind, sources] = next(beginnings, len(number))
    return {name: [number[wiring] for wiring in variants] for name, variants in wirings.items()}


def original_wirings(families: Sequence[Family]) -> dict[str, Hashable]:
    """Return, by family, its original's wiring; equal wirings compare equal.

    It is the wiring of the normal cell, or of the reduction cell if all variants keep the normal
    cell. The order of a node's edges does not matter.
    """
    wirings: dict[str, Hashable] = {}
    for family in families:
        if family.original is not None:
            kinds = {_wiring(variant, family.original)[0] for variant in family.variants}
            kind = "reduce" if kinds == {"reduce"} else "normal"
            cell = getattr(family.original.genotype, kind)
            wirings[family.name] = (kind, tuple(tuple(sorted(node)) for node in cell.sources))
    return wirings


def _wiring(member: Member, original: Member | None) -> SourceKey:
    """Return the kind and the sources of the cell that a variant rewires."""
    kind, cell = "normal", member.genotype.normal
    if original is not None and cell.sources == original.genotype.normal.sources:
        kind, cell = "reduce", member.genotype.reduce
    return kind, tuple(source for node in cell.sources for source in node)
