"""Reading a study's records: what analysis and report know of it. Loads no torch.

The records of training stand in the header of the checkpoint itself, so they cannot disagree
with the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from safetensors import SafetensorError, safe_open

from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Genotype
from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records.files import from_json, read_arrays, read_json
from nascope._src.records.paths import ProbePaths, StudyPaths
from nascope._src.records.plan import Entry, plan_in

RECORDS_KEY = "nascope"  # the header's one metadata entry, a JSON object
CORRECT_KEY = "records.correct"  # (test images,) uint8: 1 where the final network is right

GRID_ARRAYS = {
    "landscape": ("loss", "accuracy"),
    "variance": ("variance", "mean_gradient_norm", "loss"),
}
"""Arrays over the whole grid that a probe of a kind must have."""


@dataclass(frozen=True)
class CurvePoint:
    """A point of the training curves. Losses are means per image, accuracies shares in [0, 1].

    Training figures are those met over the stretch that ends here, on augmented images with the
    weights changing: a completed epoch's stretch is that epoch, an early point's begins at the
    early point before. Test figures are taken here, in evaluation mode.
    """

    epoch: float  # passes over the training set so far
    learning_rate: float
    train_loss: float
    train_accuracy: float
    train_top5: float
    test_loss: float
    test_accuracy: float
    test_top5: float
    gradient_norm: float  # mean over the steps, of all parameters, before it is clipped
    seconds: float  # training and evaluation
    images_per_second: float  # of training
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_top5: float | None = None


@dataclass(frozen=True)
class TrainingRecord:
    """A trial's training so far."""

    epochs: tuple[CurvePoint, ...]  # one a completed epoch
    early: tuple[CurvePoint, ...]  # several within the first epochs, their ends included
    diverged_at: int | None  # the epoch whose loss or weights were not finite
    finished: bool  # all epochs done, or diverged
    provenance: Mapping[str, Any]  # versions, device, threads, host, durations, parameters
    correct: np.ndarray | None = field(default=None, compare=False)  # (test images,) bool

    @property
    def last(self) -> CurvePoint | None:
        """The newest epoch, if there is one."""
        return self.epochs[-1] if self.epochs else None

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The early points, then the epochs after them."""
        covered = self.early[-1].epoch if self.early else 0
        return (*self.early, *(epoch for epoch in self.epochs if epoch.epoch > covered))


@dataclass(frozen=True)
class ProbeRecord:
    """One completed probe: ``kind`` is "landscape", "variance" or "curvature".

    The first two hold ``alphas`` (A,) and ``betas`` (B,), the coordinates along the directions (a
    line has no betas), and arrays (A, B) with entry [i, j] at (alphas[i], betas[j]), named in
    `GRID_ARRAYS`; see `nascope._src.probes.landscape` and the like. Non-finite values are results:
    they stay. ``settings`` say what was probed: "at" a moment of the training, on which "data".
    """

    kind: str
    identity: str
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(compare=False)


@dataclass(frozen=True)
class TrialRecord:
    """One (cell, data, recipe, seed), and what is on disk of it."""

    identity: str
    label: str  # unique cell name within the study, e.g. "DARTS" or "DARTS-r2"
    family: str  # the original that a variant was made from; the original's own name
    variant: str  # "original", or how the variant was made: "random 2", "published 2"
    genotype: Genotype
    data: Mapping[str, Any]
    recipe: Mapping[str, Any]
    seed: int
    training: TrainingRecord | None = None
    probes: tuple[ProbeRecord, ...] = ()
    error: str | None = None  # the traceback of a failed trial
    study: str = ""  # its name, where several are shown together

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others on a page: studies may share trials, as labels do."""
        return self.study, self.label, self.identity

    @property
    def diverged(self) -> bool:
        """Whether its training did."""
        return self.training is not None and self.training.diverged_at is not None

    def probe(self, kind: str) -> ProbeRecord | None:
        """The first completed probe of that kind of the trained network, on the test set.

        Of a grid, one over a plane.
        """
        return next(
            (
                probe
                for probe in self.probes
                if probe.kind == kind
                and (kind not in GRID_ARRAYS or "betas" in probe.arrays)
                and probe.settings.get("at", "end") == "end"
                and probe.settings.get("data", "test") == "test"
                and probe.settings.get("along", "random") == "random"
            ),
            None,
        )


@dataclass(frozen=True)
class StudyRecord:
    """A study: its name, its trials in the planned order, and where they lie."""

    name: str
    folder: Path
    trials: tuple[TrialRecord, ...]


def read_study(folder: str | Path) -> StudyRecord:
    """Read everything that a study has left in ``folder``, also while it is still running.

    A damaged file of a trial stops no other: that trial's ``error`` says what is wrong.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    plan = plan_in(paths)
    try:
        trials = tuple(read_trial(paths, entry) for entry in plan.trials)
    except (KeyError, TypeError, AttributeError):
        raise StudyError(f"{paths.plan} is damaged: run the study again to write it anew") from None
    return StudyRecord(plan.name, paths.folder, trials)


def together(studies: Sequence[StudyRecord]) -> StudyRecord:
    """Several studies as one, each trial under its study's name; one study as it is.

    A label that stands for another cell in a later study gets that study's name behind it.

    Raises:
        StudyError: there is none.
    """
    if not studies:
        raise StudyError("no study to read")
    if len(studies) == 1:
        return studies[0]
    names = _distinct(studies)
    known: dict[tuple[str, str], Genotype] = {}
    trials = []
    for name, study in zip(names, studies, strict=True):
        for trial in study.trials:
            label = trial.label
            if known.setdefault((trial.family, label), trial.genotype) != trial.genotype:
                label = f"{label} ({name})"
            trials.append(replace(trial, label=label, study=name))
    return StudyRecord(" · ".join(names), studies[0].folder, tuple(trials))


def _distinct(studies: Sequence[StudyRecord]) -> list[str]:
    """A name for each, where need be by its folder, or that and a number."""
    ways: list[Callable[[StudyRecord], str]] = [
        lambda study: study.name,
        lambda study: f"{study.name} ({study.folder.name})",
        lambda study: f"{study.name} ({study.folder})",
    ]
    for way in ways:
        names = [way(study) for study in studies]
        if len(set(names)) == len(names):
            return names
    return [f"{name}, {number}" for number, name in enumerate(names, start=1)]


def read_trial(study: StudyPaths, entry: Entry) -> TrialRecord:
    """What a planned trial has left on disk. A damaged file of it is told in ``error``."""
    paths = study.trial(entry["label"], entry["identity"])
    problems: list[str] = []
    training = None
    if paths.checkpoint.is_file():
        try:
            training = read_training(paths.checkpoint, identity=entry["identity"])
        except CheckpointError as error:
            problems.append(str(error))
    probes = []
    for probe in entry["probes"]:
        files = paths.probe(probe["kind"], probe["identity"])
        if files.summary.is_file():
            try:
                probes.append(read_probe(files))
            except StudyError as error:
                problems.append(str(error))
    complete = training is not None and training.finished and len(probes) == len(entry["probes"])
    if not complete and paths.error.is_file():  # else it is of a probe that was planned once
        problems.insert(0, paths.error.read_text(encoding="utf-8", errors="replace"))
    return TrialRecord(
        identity=entry["identity"],
        label=entry["label"],
        family=entry["family"],
        variant=entry["variant"],
        genotype=from_dict(entry["genotype"]).named(entry["label"]),
        data=entry["data"],
        recipe=entry["recipe"],
        seed=entry["seed"],
        training=training,
        probes=tuple(probes),
        error="\n".join(problems) or None,
    )


def read_header(path: Path, *, identity: str | None = None) -> dict[str, Any]:
    """The records in a checkpoint's header.

    Args:
        identity: what the training must be.

    Raises:
        CheckpointError: the file is missing, damaged, not nascope's, or of another training.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a checkpoint")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            records: dict[str, Any] = from_json(metadata[RECORDS_KEY])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged, or not a checkpoint ({error})") from None
    except KeyError:
        raise CheckpointError(f"{path}: not a checkpoint of nascope") from None
    check_identity(path, records, identity)
    return records


def check_identity(path: Path, records: Mapping[str, Any], identity: str | None) -> None:
    """Raise a CheckpointError where the records are those of another training than expected."""
    found = records.get("identity")
    if identity is not None and found != identity:
        raise CheckpointError(
            f"{path} belongs to another training ({found}, not {identity}): delete it, or choose "
            "another output"
        )


def read_training(
    path: Path, *, identity: str | None = None, correct: bool = True
) -> TrainingRecord:
    """The training that a checkpoint records.

    Args:
        identity: what the training must be.
        correct: read the test images that it is right on, too; else the header alone.

    Raises:
        CheckpointError: the file is missing, damaged, not nascope's, or of another training.
    """
    records = read_header(path, identity=identity)
    images = None
    if correct:
        with safe_open(path, framework="numpy") as file:
            if CORRECT_KEY in file.keys():  # noqa: SIM118  (not a mapping)
                images = file.get_tensor(CORRECT_KEY).astype(bool)
    try:
        return TrainingRecord(
            epochs=tuple(CurvePoint(**point) for point in records["epochs"]),
            early=tuple(CurvePoint(**point) for point in records["early"]),
            diverged_at=records["diverged_at"],
            finished=records["finished"],
            provenance=records["provenance"],
            correct=images,
        )
    except (KeyError, TypeError):
        raise CheckpointError(f"{path}: not a checkpoint of this version of nascope") from None


def read_probe(paths: ProbePaths) -> ProbeRecord:
    """A completed probe.

    Raises:
        StudyError: a file of it is missing or damaged.
    """
    summary = read_json(paths.summary)
    arrays = read_arrays(paths.arrays)
    try:
        needed = GRID_ARRAYS.get(summary["kind"], ())
        if needed:
            shape = (*arrays["alphas"].shape, *(arrays["betas"].shape if "betas" in arrays else ()))
            if len(shape) not in {1, 2}:
                raise TypeError
            if any(arrays[n].shape != shape or arrays[n].dtype.kind != "f" for n in needed):
                raise TypeError
        return ProbeRecord(
            kind=summary["kind"],
            identity=summary["identity"],
            settings=summary["settings"],
            provenance=summary["provenance"],
            arrays=arrays,
        )
    except (KeyError, TypeError):
        raise StudyError(
            f"{paths.folder} holds a damaged probe: delete that folder, and run the study again"
        ) from None


def is_complete(paths: ProbePaths, *, thorough: bool = True) -> bool:
    """Whether a probe is there and can be read; one that can't is to be done again.

    Args:
        thorough: read its arrays; else only what tells that both files are whole, which finds no
            damage within an array.
    """
    try:
        if not paths.summary.is_file():
            return False
        return bool(read_probe(paths)) if thorough else _looks_complete(paths)
    except StudyError:
        return False


def _looks_complete(paths: ProbePaths) -> bool:
    summary = read_json(paths.summary)
    try:
        kind = summary["kind"]
        _ = summary["identity"], summary["settings"], summary["provenance"]
        with paths.arrays.open("rb") as stream, ZipFile(stream) as file:  # its list is at the end
            sizes = {entry.filename: entry.file_size for entry in file.infolist()}
        if kind not in GRID_ARRAYS:
            return True
        return "alphas.npy" in sizes and len({sizes[f"{n}.npy"] for n in GRID_ARRAYS[kind]}) == 1
    except (KeyError, TypeError, ValueError, OSError, BadZipFile):
        return False
