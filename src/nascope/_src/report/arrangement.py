"""How a study's trials are laid out for the eye: settings, families, cells and seeds.

A family's original is shown first. What belongs together is decided by `results.design`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nascope._src.cells.genotype import Genotype
from nascope._src.palette import CellLook, cell_look
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.design import Family, Setting, families_in, setting_of, settings_of
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.text.trials import describe_trials

MAX_CELLS, MAX_GRIDS = 300, 600  # on a page


@dataclass(frozen=True)
class ShownCell:
    """A cell, and how it looks everywhere. ``key`` is unique and safe to use in HTML."""

    key: str
    label: str
    family: str
    variant: str
    genotype: Genotype
    look: CellLook

    @property
    def is_original(self) -> bool:
        """Whether it is the cell that the others of its family are variants of."""
        return self.variant == "original"


@dataclass(frozen=True)
class Group:
    """The trials of one family in one setting: what one figure shows.

    Attributes:
        setting: in words; empty if the study has one setting only.
        compared: the family as it is compared; None if its trials are of several settings.
        trials: by cell key, one per seed.
    """

    key: str
    setting: str
    family: str
    trials: Mapping[str, tuple[TrialRecord, ...]]
    compared: Family | None = None


@dataclass(frozen=True)
class Arrangement:
    """A study, laid out."""

    study: StudyRecord
    cells: tuple[ShownCell, ...]
    groups: tuple[Group, ...]
    settings: tuple[str, ...]
    families: tuple[str, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the trials, in order."""
        return tuple(sorted({trial.seed for trial in self.study.trials}))

    @property
    def probed_seeds(self) -> tuple[int, ...]:
        """The seeds of those trials that have a probe."""
        return tuple(sorted({trial.seed for trial in self.study.trials if trial.probes}))

    @functools.cached_property
    def shown_seeds(self) -> tuple[int, ...]:
        """The seeds whose grids are drawn: the first few if all of them had too many grids."""
        grids = Counter(
            trial.seed for trial in self.study.trials for probe in trial.probes if probe.is_plane
        )
        shown: list[int] = []
        count = 0
        for seed in self.probed_seeds:
            count += grids[seed]
            if shown and count > MAX_GRIDS:
                break
            shown.append(seed)
        return tuple(shown)

    @functools.cached_property
    def shown_cells(self) -> tuple[ShownCell, ...]:
        """The cells that are drawn: all originals, and the first of the others if they are many."""
        room = MAX_CELLS - sum(cell.is_original for cell in self.cells)
        shown = []
        for cell in self.cells:
            room -= not cell.is_original
            if cell.is_original or room >= 0:
                shown.append(cell)
        return tuple(shown)

    @functools.cached_property
    def _shown_keys(self) -> frozenset[str]:
        return frozenset(cell.key for cell in self.shown_cells)

    def shows(self, key: str) -> bool:
        """Return whether the cell of that key is drawn."""
        return key in self._shown_keys

    @functools.cached_property
    def _by_key(self) -> dict[str, ShownCell]:
        return {cell.key: cell for cell in self.cells}

    def cell(self, key: str) -> ShownCell:
        """Return the cell of that key."""
        return self._by_key[key]

    def cells_of(self, family: str) -> tuple[ShownCell, ...]:
        """Return a family's cells, the original first."""
        return tuple(cell for cell in self.cells if cell.family == family)

    def group_of(self, column: FigureColumn, family: str) -> Group:
        """Return a family's trials that belong to a column of a figure."""
        trials = tuple(
            trial for trial in self.study.trials if trial.family == family and column.holds(trial)
        )
        study = StudyRecord(self.study.name, self.study.folder, trials)
        settings = settings_of(study)
        families = families_in(study, settings[0]) if len(settings) == 1 else []
        compared = families[0] if families else None
        by_cell = _by_cell(self.cells_of(family), trials)
        return Group(f"{family} {column.title}", column.title, family, by_cell, compared)


def arrange(study: StudyRecord) -> Arrangement:
    """Lay out a study's trials."""
    cells = _cells(study.trials)
    words = dict(zip(map(id, study.trials), describe_trials(study), strict=True))
    families = tuple(dict.fromkeys(cell.family for cell in cells))
    together: dict[tuple[Setting, str], list[TrialRecord]] = {}
    for trial in study.trials:
        together.setdefault((setting_of(trial), trial.family), []).append(trial)
    groups: list[Group] = []
    for setting in settings_of(study):
        compared = {family.name: family for family in families_in(study, setting)}
        for family in families:
            if trials := together.get((setting, family)):
                own = tuple(cell for cell in cells if cell.family == family)
                key, name = f"g{len(groups)}", words[id(trials[0])]
                groups.append(Group(key, name, family, _by_cell(own, trials), compared.get(family)))
    settings = tuple(dict.fromkeys(words.values()))
    return Arrangement(study, cells, tuple(groups), settings, families)


def _by_cell(
    cells: Sequence[ShownCell], trials: Sequence[TrialRecord]
) -> dict[str, tuple[TrialRecord, ...]]:
    by_label: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        by_label.setdefault(trial.label, []).append(trial)
    return {cell.key: tuple(by_label[cell.label]) for cell in cells if cell.label in by_label}


def _cells(trials: Sequence[TrialRecord]) -> tuple[ShownCell, ...]:
    by_family: dict[str, dict[str, TrialRecord]] = {}
    for trial in trials:
        by_family.setdefault(trial.family, {}).setdefault(trial.label, trial)
    cells: list[ShownCell] = []
    for family, members in by_family.items():
        # Adapted last, so that a variant's look doesn't depend on whether there is such a cell.
        places = {"original": 0, "adapted": 2}
        ordered = sorted(members.values(), key=lambda trial: places.get(trial.variant, 1))
        first = 0 if ordered[0].variant == "original" else 1  # the original's look is its own
        for index, trial in enumerate(ordered, start=first):
            key = f"c{len(cells)}"
            look = cell_look(index)
            cells.append(ShownCell(key, trial.label, family, trial.variant, trial.genotype, look))
    return tuple(cells)
