"""How a study's trials are laid out for the eye: settings, families, cells, seeds.

A *setting* is what differs between trials apart from cell and seed, mostly the learning rate. A
*family* is an original cell and its variants, shown together and the original first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nascope._src.cells.genotype import Genotype
from nascope._src.palette import CellLook, cell_look
from nascope._src.records.read import StudyRecord, TrialRecord


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
    """The trials of one family under one setting: what is shown in one figure."""

    key: str
    setting: str  # in words; empty where the study has one setting only
    family: str
    trials: Mapping[str, tuple[TrialRecord, ...]]  # cell key → its trials, one a seed


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

    def cell(self, key: str) -> ShownCell:
        """The cell of that key."""
        return next(cell for cell in self.cells if cell.key == key)

    def cells_of(self, family: str) -> tuple[ShownCell, ...]:
        """A family's cells, the original first."""
        return tuple(cell for cell in self.cells if cell.family == family)


def arrange(study: StudyRecord) -> Arrangement:
    """Lay out a study's trials."""
    cells = _cells(study.trials)
    keys = {(cell.family, cell.label): cell.key for cell in cells}
    settings = describe_settings(
        [
            {
                "study": trial.study,
                "data": trial.data.get("name"),
                **trial.recipe,
                "data digest": dict(trial.data),
            }
            for trial in study.trials
        ]
    )
    families = tuple(dict.fromkeys(cell.family for cell in cells))
    groups: list[Group] = []
    for setting in dict.fromkeys(settings):
        for family in families:
            trials: dict[str, tuple[TrialRecord, ...]] = {}
            for cell in cells:  # in the cells' order
                own = tuple(
                    trial
                    for trial, of in zip(study.trials, settings, strict=True)
                    if of == setting and keys[trial.family, trial.label] == cell.key
                )
                if own and cell.family == family:
                    trials[cell.key] = own
            if trials:
                groups.append(Group(f"g{len(groups)}", setting, family, trials))
    return Arrangement(study, cells, tuple(groups), tuple(dict.fromkeys(settings)), families)


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


def shortened(label: str, limit: int = 26) -> str:
    """A label cut in its middle to so many signs, for where there is little room.

    >>> shortened("a-very-long-name-that-ends-in-7", 16)
    'a-very-…nds-in-7'
    """
    return label if len(label) <= limit else f"{label[: limit - 9]}…{label[-8:]}"


def describe_settings(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells each setting from the others, in words, by as few of its entries as will do.

    >>> describe_settings([{"learning_rate": 0.1, "epochs": 5}, {"learning_rate": 1, "epochs": 5}])
    ['learning rate 0.1', 'learning rate 1']
    """
    names = dict.fromkeys(name for setting in settings for name in setting)
    telling: list[str] = []
    told = 1  # distinct settings that the names so far tell apart
    for name in names:
        distinct = {repr([setting.get(n) for n in [*telling, name]]) for setting in settings}
        if len(distinct) > told:
            telling.append(name)
            told = len(distinct)
    return [
        ", ".join(f"{name.replace('_', ' ')} {setting.get(name)}" for name in telling)
        for setting in settings
    ]


def status(trial: TrialRecord) -> str:
    """What became of a trial, in a few words."""
    training = trial.training
    if training is not None and training.diverged_at is not None:
        return f"diverged at epoch {training.diverged_at}"
    if training is not None and training.finished and trial.error is None:
        return "finished"
    done = len(training.epochs) if training is not None else 0
    planned = trial.recipe.get("epochs", "?")
    if trial.error is not None:
        return f"failed after epoch {done} of {planned}" if done else "failed"
    return f"epoch {done} of {planned} so far" if done else "not started"
