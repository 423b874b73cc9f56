"""Trials and settings in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.stats.intervals import MIN_BOOTSTRAP, MIN_SEEDS


def status(trial: TrialRecord) -> str:
    """Return what became of a trial."""
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


def why_not_drawn(trial: TrialRecord) -> str:
    """Return why a trial has no result to draw."""
    if trial.training is not None and trial.training.diverged_at is not None:
        return f"diverged at\nepoch {trial.training.diverged_at}"
    return "failed" if trial.error is not None else "not run yet"


def shortened(label: str, limit: int = 26) -> str:
    """Cut a label in its middle to at most ``limit`` characters.

    >>> shortened("a-very-long-name-that-ends-in-7", 16)
    'a-very-…nds-in-7'
    """
    return label if len(label) <= limit else f"{label[: limit - 9]}…{label[-8:]}"


def describe_trials(study: StudyRecord) -> list[str]:
    """Return, for each trial, what its setting differs in from the study's others."""
    return describe_settings(
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


def describe_settings(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe each setting by as few of its entries as tell it from the others.

    >>> describe_settings([{"learning_rate": 0.1, "epochs": 5}, {"learning_rate": 1, "epochs": 5}])
    ['learning rate 0.1', 'learning rate 1']
    """
    names = dict.fromkeys(name for setting in settings for name in setting)
    telling: list[str] = []
    distinct = 1  # settings that the names so far tell apart
    for name in names:
        values = {repr([setting.get(n) for n in [*telling, name]]) for setting in settings}
        if len(values) > distinct:
            telling.append(name)
            distinct = len(values)
    return [
        ", ".join(f"{name.replace('_', ' ')} {setting.get(name)}" for name in telling)
        for setting in settings
    ]


def caveat(trials: Sequence[TrialRecord]) -> str:
    """Return what so few runs can and cannot show, in a sentence or two."""
    seeds = len({trial.seed for trial in trials})
    epochs = {trial.recipe.get("epochs") for trial in trials}
    counted = "One seed" if seeds == 1 else f"{seeds} seeds"
    length = f", {epochs.pop()} epochs" if len(epochs) == 1 else ""
    scale = f"{counted}{length}; the paper trains for 600 epochs."
    if seeds < MIN_SEEDS:
        return f"{scale} Differences this small can be chance; on their own they prove nothing."
    kind = "Student's" if seeds < MIN_BOOTSTRAP else "bootstrap-t, or Student's below ten seeds"
    return f"{scale} Intervals over seeds are {kind}. A difference is not an explanation."
