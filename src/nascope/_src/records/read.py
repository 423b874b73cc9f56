"""Read what a study has stored. Imports no torch.

The records of a training are stored in the header of its checkpoint, so that they always agree with
the weights.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from nascope._src.cells.designs import DesignPlace
from nascope._src.cells.genotype import Genotype
from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records.checkpoint_files import DamagedCheckpoint, read_parts
from nascope._src.records.checksums import DIGESTS_KEY
from nascope._src.records.files import read_arrays, read_json
from nascope._src.records.paths import ProbePaths, StudyPaths
from nascope._src.records.plan import PlannedTrial, read_study_plan
from nascope._src.runtime.input_files import open_file
from nascope._src.runtime.types import Arrays, Plain

_REMEDY = "run the study again to replace it"

ARRAYS_NAME = "arrays"  # of the arrays among the checksums in a probe's summary

GRID_ARRAYS = {
    "landscape": ("loss", "accuracy"),
    "variance": ("variance", "mean_gradient_norm", "loss"),
}
"""Names of the arrays over the whole grid that a probe of a kind must have."""


@dataclass(frozen=True)
class CurvePoint:
    """A point of the training curves. Losses are means per image, accuracies fractions in [0, 1].

    Training figures are averages since the previous point, over augmented images and changing
    weights: over the epoch for a completed epoch, and since the previous early point for an early
    point. Test figures are those of the weights at this point, in evaluation mode.
    """

    epoch: float  # passes over the training set so far
    learning_rate: float
    train_loss: float
    train_accuracy: float
    train_top5: float
    test_loss: float
    test_accuracy: float
    test_top5: float
    gradient_norm: float  # of all parameters before clipping, mean over the steps
    seconds: float  # training and evaluation
    images_per_second: float  # training only
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_top5: float | None = None


CURVE_COLUMNS = (*(column.name for column in fields(CurvePoint)), "epoch_train_loss")
"""The columns of a curve as a table."""


@dataclass(frozen=True)
class TrainingRecord:
    """A trial's training so far."""

    epochs: tuple[CurvePoint, ...]  # one per completed epoch
    early: tuple[CurvePoint, ...]  # several per epoch, for the first epochs
    diverged_at: int | None  # the epoch with a non-finite loss or weight
    finished: bool  # all epochs done, or diverged
    provenance: Plain  # versions, device, threads, host, durations, parameters
    correct: np.ndarray | None = field(default=None, compare=False)  # (test images,) bool

    @property
    def last(self) -> CurvePoint | None:
        """The latest completed epoch, if there is one."""
        return self.epochs[-1] if self.epochs else None

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The early points, followed by the epochs after them."""
        covered = self.early[-1].epoch if self.early else 0
        return (*self.early, *(epoch for epoch in self.epochs if epoch.epoch > covered))

    @property
    def curve_rows(self) -> tuple[dict[str, float | None], ...]:
        """The curve as rows of a table, with `CURVE_COLUMNS`.

        At an early point, ``train_loss`` is the mean since the point before, also if the point is
        the end of an epoch. ``epoch_train_loss`` is the mean over the whole epoch at the end of
        each epoch, and None elsewhere; its sum is the area under the training-loss curve.
        """
        whole = {epoch.epoch: epoch.train_loss for epoch in self.epochs}
        return tuple(
            {**asdict(point), "epoch_train_loss": whole.get(point.epoch)} for point in self.curve
        )


@dataclass(frozen=True)
class ProbeRecord:
    """A completed probe.

    A "landscape" or a "variance" holds the coordinates ``alphas`` (A,) and, for a plane, ``betas``
    (B,), and the arrays named in `GRID_ARRAYS`, of shape (A, B), or (A,) for a line. Entry [i, j]
    belongs to the point (alphas[i], betas[j]). Non-finite values are results and are kept. The
    arrays of a "curvature" are those of `nascope._src.probes.curvature`.

    Attributes:
        kind: "landscape", "variance" or "curvature".
        settings: what was probed and how, such as the moment of the training ("at") and the part
            of the data set ("data").
    """

    kind: str
    identity: str
    settings: Plain
    provenance: Plain
    arrays: Arrays = field(compare=False)

    @property
    def is_plane(self) -> bool:
        """Whether the points form a plane, rather than a line."""
        return "betas" in self.arrays

    @property
    def is_standard(self) -> bool:
        """Whether it probes the final network, on test images, along random directions."""
        return (
            self.settings.get("at", "end") == "end"
            and self.settings.get("data", "test") == "test"
            and self.settings.get("along", "random") == "random"
        )


@dataclass(frozen=True)
class TrialRecord:
    """A trial (one cell, data set, recipe and seed), and what is stored of it.

    Attributes:
        label: name of the cell, unique within the study: "DARTS", "DARTS-r2".
        family: label of the original that the cell is a variant of; the original's own label.
        variant: "original", or how the variant was made: "random 2", "published 2", "adapted",
            "contrast 1", "factorial 1".
        error: traceback of the last failure, if the trial failed, and what is damaged.
        damaged: number of trainings and probes that are left out because a file is damaged.
        study: name of the study, if several studies were combined.
        design: the place of a designed variant in its design.
    """

    identity: str
    label: str
    family: str
    variant: str
    genotype: Genotype
    data: Plain
    recipe: Plain
    seed: int
    training: TrainingRecord | None = None
    probes: tuple[ProbeRecord, ...] = ()
    error: str | None = None
    study: str = ""
    design: DesignPlace | None = None
    damaged: int = 0

    def __repr__(self) -> str:
        return f"TrialRecord({self.label!r}, seed {self.seed}, {self.identity})"

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the trial among those of several studies."""
        return self.study, self.label, self.identity

    @property
    def diverged(self) -> bool:
        """Whether the training diverged."""
        return self.training is not None and self.training.diverged_at is not None

    def standard_probes(self, kind: str) -> list[ProbeRecord]:
        """Return the completed probes of a kind that are standard; grids over planes only."""
        return [
            probe
            for probe in self.probes
            if probe.kind == kind
            and probe.is_standard
            and (kind not in GRID_ARRAYS or probe.is_plane)
        ]

    def probe(self, kind: str) -> ProbeRecord | None:
        """Return the first of `standard_probes`, if there is one."""
        return next(iter(self.standard_probes(kind)), None)


@dataclass(frozen=True)
class StudyRecord:
    """A study: its name, its folder, and its trials in the planned order."""

    name: str
    folder: Path
    trials: tuple[TrialRecord, ...]

    def __repr__(self) -> str:
        return f"StudyRecord({self.name!r} in {self.folder}: {len(self.trials)} trials)"


def read_study(folder: str | Path, *, correct: bool = True) -> StudyRecord:
    """Read everything that a study has stored in ``folder``. The study may still be running.

    A damaged file of one trial does not affect the others: it is reported in that trial's
    ``error``.

    Args:
        correct: also read which test images each network classifies correctly.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    plan = read_study_plan(paths)
    trials = tuple(read_trial(paths, trial, correct=correct) for trial in plan.trials)
    return StudyRecord(plan.name, paths.folder, trials)


def warn_of_damage(study: StudyRecord) -> None:
    """Warn if files of a study are damaged, so that their numbers are missing from its results."""
    count = sum(trial.damaged for trial in study.trials)
    if count:
        files = "1 file is" if count == 1 else f"{count} files are"  # not all were verified
        warnings.warn(
            f"{study.folder}: at least {files} damaged, and left out: run `nascope study check "
            f"{study.folder}`",
            stacklevel=3,
        )


def combine_studies(studies: Sequence[StudyRecord]) -> StudyRecord:
    """Combine several studies into one, in which each trial names its study.

    If two studies use one label for different cells, the later study's label gets the name of the
    study as a suffix. A single study is returned as it is.

    Raises:
        StudyError: no study is given.
    """
    if not studies:
        raise StudyError("no study to read")
    if len(studies) == 1:
        return studies[0]
    names = _distinct_names(studies)
    known: dict[tuple[str, str], Genotype] = {}
    trials = []
    for name, study in zip(names, studies, strict=True):
        for trial in study.trials:
            label = trial.label
            if known.setdefault((trial.family, label), trial.genotype) != trial.genotype:
                label = f"{label} ({name})"
            trials.append(replace(trial, label=label, study=name))
    return StudyRecord(" · ".join(names), studies[0].folder, tuple(trials))


def _distinct_names(studies: Sequence[StudyRecord]) -> list[str]:
    """Return the studies' names; if two are equal, with their folders, or else with numbers."""
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


def read_trial(study: StudyPaths, planned: PlannedTrial, *, correct: bool = True) -> TrialRecord:
    """Read what a planned trial has stored. Damaged files are reported in ``error``."""
    paths = planned.paths_in(study)
    problems: list[str] = []
    training = None
    if paths.checkpoint.exists():
        try:
            training = read_training(paths.checkpoint, identity=planned.identity, correct=correct)
        except CheckpointError as error:
            problems.append(str(error))
    probes = []
    for planned_probe in planned.probes:
        probe_paths = planned_probe.paths_in(paths)
        if probe_paths.summary.exists():
            try:
                probes.append(read_probe(probe_paths))
            except StudyError as error:
                problems.append(str(error))
    damaged = len(problems)
    complete = training is not None and training.finished and len(probes) == len(planned.probes)
    if not complete and paths.error.is_file():  # else it belongs to a probe no longer planned
        problems.insert(0, paths.error.read_text(encoding="utf-8", errors="replace"))
    return TrialRecord(
        identity=planned.identity,
        label=planned.label,
        family=planned.family,
        variant=planned.variant,
        genotype=planned.genotype,
        data=planned.data,
        recipe=planned.recipe,
        seed=planned.seed,
        training=training,
        probes=tuple(probes),
        error="\n".join(problems) or None,
        design=planned.design,
        damaged=damaged,
    )


def read_training(
    path: Path, *, identity: str | None = None, correct: bool = True
) -> TrainingRecord:
    """Read the training that a checkpoint records.

    Args:
        identity: expected identity of the training.
        correct: also read which test images are classified correctly; otherwise only the header
            is read.

    Raises:
        CheckpointError: the file is missing, damaged, not nascope's, or of another training.
    """
    records, images = read_parts(path, identity=identity, correct=correct)
    try:
        return replace(training_record(records), correct=images)
    except (KeyError, TypeError, ValueError):
        raise DamagedCheckpoint(
            f"{path}: damaged, or not a checkpoint of this version of nascope"
        ) from None


def training_record(records: Mapping[str, Any]) -> TrainingRecord:
    """Return the training that the records in a checkpoint's header describe.

    A network whose last test loss is not finite diverged; older versions did not say so.

    Raises:
        KeyError, TypeError: they are not those of this version of nascope.
    """
    epochs = tuple(map(_curve_point, records["epochs"]))
    diverged_at, finished = records["diverged_at"], records["finished"]
    if not isinstance(finished, bool) or not isinstance(diverged_at, int | None):
        raise TypeError("finished must be a bool, and diverged_at the number of an epoch")
    if finished and diverged_at is None and epochs and not math.isfinite(epochs[-1].test_loss):
        diverged_at = len(epochs)
    return TrainingRecord(
        epochs=epochs,
        early=tuple(map(_curve_point, records["early"])),
        diverged_at=diverged_at,
        finished=finished,
        provenance=_mapping(records["provenance"]),
    )


def _curve_point(point: Mapping[str, Any]) -> CurvePoint:
    for name, value in _mapping(point).items():
        if type(value) is float or type(value) is int:  # a bool is neither
            continue
        if value is not None or not name.startswith("validation_"):
            raise TypeError(f"{name} must be a number, got {value!r:.60}")
    return CurvePoint(**point)


def _mapping(value: Any) -> Plain:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, got {value!r:.60}")
    return value


def read_probe(paths: ProbePaths) -> ProbeRecord:
    """Read a completed probe.

    Raises:
        StudyError: one of its files is missing, damaged or of another probe.
    """
    summary = read_summary(paths)
    try:
        digest = arrays_digest(summary)
        arrays = read_arrays(paths.arrays, expected=digest, remedy=_REMEDY)
        return probe_record(summary, arrays)
    except (KeyError, TypeError):
        raise StudyError(f"{paths.folder} holds a damaged probe: {_REMEDY}") from None


def read_summary(paths: ProbePaths) -> Plain:
    """Read what was probed, and verify that it is the probe whose place this is.

    Raises:
        StudyError: the file is missing, damaged or of another probe.
    """
    summary = read_json(paths.summary, remedy=_REMEDY)
    try:
        kind, identity = summary["kind"], summary["identity"]
    except (KeyError, TypeError):
        raise StudyError(f"{paths.summary} does not describe a probe: {_REMEDY}") from None
    if not paths.is_place_of(kind, identity):
        raise StudyError(f"{paths.summary} belongs to another probe ({identity}): {_REMEDY}")
    return _mapping(summary)


def arrays_digest(summary: Any) -> str | None:
    """Return the checksum of a probe's arrays that its summary holds; older ones hold none.

    Raises:
        TypeError: the summary does not describe a probe.
    """
    digests = _mapping(summary).get(DIGESTS_KEY)
    return None if digests is None else str(_mapping(digests).get(ARRAYS_NAME))


def probe_record(summary: Mapping[str, Any], arrays: Arrays) -> ProbeRecord:
    """Return the probe that a summary, as it is stored, and arrays describe.

    Raises:
        KeyError, TypeError: the summary does not describe a probe.
    """
    kind, identity = summary["kind"], summary["identity"]
    if not isinstance(kind, str) or not isinstance(identity, str):
        raise TypeError("kind and identity must be text")
    _check_arrays(kind, arrays)
    return ProbeRecord(
        kind=kind,
        identity=identity,
        settings=_mapping(summary["settings"]),
        provenance=_mapping(summary["provenance"]),
        arrays=arrays,
    )


def _check_arrays(kind: str, arrays: Arrays) -> None:
    """Raise a KeyError or TypeError unless a probe's arrays are those of its kind."""
    if any(array.dtype.kind not in "fiu" for name, array in arrays.items() if name != "blocks"):
        raise TypeError("expected arrays of numbers")
    if kind in GRID_ARRAYS:
        axes = [arrays["alphas"], *(arrays[name] for name in ("betas",) if name in arrays)]
        if any(axis.ndim != 1 or not len(axis) for axis in axes):
            raise TypeError("expected the coordinates of a line or a plane")
        shape = tuple(map(len, axes))
        needed = [arrays[name] for name in GRID_ARRAYS[kind]]
        if any(array.shape != shape or array.dtype.kind != "f" for array in needed):
            raise TypeError("expected a value for each point")


def is_complete(paths: ProbePaths, *, thorough: bool = True) -> bool:
    """Return whether a probe's results exist and can be read.

    Args:
        thorough: read the arrays; otherwise only check that both files are whole, which does not
            detect damage within an array.
    """
    if not paths.summary.is_file():
        return False
    try:
        if not thorough:
            return _looks_complete(paths)
        read_probe(paths)
    except StudyError:
        return False
    return True


def _looks_complete(paths: ProbePaths) -> bool:
    summary = read_summary(paths)
    try:
        kind = summary["kind"]
        _ = summary["settings"], summary["provenance"]
        with open_file(paths.arrays) as stream, ZipFile(stream) as file:  # reads its end
            sizes = {entry.filename: entry.file_size for entry in file.infolist()}
        if kind not in GRID_ARRAYS:
            return True
        return "alphas.npy" in sizes and len({sizes[f"{n}.npy"] for n in GRID_ARRAYS[kind]}) == 1
    except (KeyError, TypeError, ValueError, OSError, BadZipFile, NotImplementedError):
        return False
