"""The layout of a study's folder. No other module builds a path within it.

STUDY/
  study.json                     the plan: a list of the trials
  study.lock                     held while a process changes the plan
  report.html, figures/*.png     written by the report
  checksums.json                 checksums of files that hold none: report, figures, search logs
  theory/*.json                  results about linear cells, written by a reproduction
  candidates.jsonl, best.jsonl   written by a search: its candidates, and the best one so far
  trials/LABEL-IDENTITY/
    trial.json                   the planned trial
    checkpoint.safetensors       weights, per-image correctness on the test set, and, in the header,
                                 the records of the training
    previous.safetensors         the checkpoint before that, in case the latest is damaged
    snapshots/MOMENT.safetensors weights at chosen moments of the training
    log.txt                      log with times
    error.txt                    traceback, if the trial failed
    lock                         held by the process that trains
    PROBE-IDENTITY/
      result.npz, result.json    arrays; settings, numbers and provenance
      lock                       held by the process that assembles the result, and shared by the
                                 processes that compute parts of it
      chunks/NNNN.npz            completed chunks of a grid, removed at the end
      chunks/part-K-of-N.lock    held by the process that computes a part
      chunks/part-K-of-N.json    processes that worked on a part, each with its seconds
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LONGEST_NAME = 180  # characters of a file's name; file systems take 255 bytes
FORECAST_MARK = "forecast.json"
"""The file that shows that a temporary folder is that of a forecast."""


@dataclass(frozen=True)
class ProbePaths:
    """Files of one probe of a trial."""

    folder: Path

    def is_place_of(self, kind: str, identity: str) -> bool:
        """Return whether the result of this probe belongs here."""
        return self.folder.name == f"{kind}-{identity}"

    @property
    def arrays(self) -> Path:
        return self.folder / "result.npz"

    @property
    def summary(self) -> Path:
        """Written last: if it exists, the probe is complete."""
        return self.folder / "result.json"

    @property
    def chunks(self) -> Path:
        return self.folder / "chunks"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def part_lock(self, index: int, count: int) -> Path:
        """Return the lock of one of ``count`` parts of the chunks; ``index`` starts at 0."""
        return self.chunks / f"part-{index + 1}-of-{count}.lock"

    def part_times(self, index: int, count: int) -> Path:
        """Return the record of who worked on a part; the probe as a whole is part 0 of 1."""
        return self.chunks / f"part-{index + 1}-of-{count}.json"

    def chunk(self, index: int) -> Path:
        return self.chunks / f"{index:04d}.npz"


@dataclass(frozen=True)
class TrialPaths:
    """Files of one trial."""

    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "trial.json"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def previous_checkpoint(self) -> Path:
        return self.folder / "previous.safetensors"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def error(self) -> Path:
        """Traceback of the last failure; removed once the trial is complete."""
        return self.folder / "error.txt"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def locks(self) -> Iterator[Path]:
        """Yield the existing lock files of the trial and its probes."""
        if self.folder.is_dir():
            yield self.lock
            yield from self.folder.glob("*/lock")
            yield from self.folder.glob("*/chunks/*.lock")

    def probe(self, kind: str, identity: str) -> ProbePaths:
        return ProbePaths(self.folder / f"{kind}-{identity}")


@dataclass(frozen=True)
class StudyPaths:
    """Files of one study."""

    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "study.json"

    @property
    def plan_lock(self) -> Path:
        return self.folder / "study.lock"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def checksums(self) -> Path:
        return self.folder / "checksums.json"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def theory(self) -> Path:
        return self.folder / "theory"

    @property
    def candidates(self) -> Path:
        return self.folder / "candidates.jsonl"

    @property
    def best(self) -> Path:
        return self.folder / "best.jsonl"

    @property
    def trials(self) -> Path:
        return self.folder / "trials"

    def trial(self, label: str, identity: str) -> TrialPaths:
        return TrialPaths(self.trials / trial_folder_name(label, identity))


def trial_folder_name(label: str, identity: str) -> str:
    """Return the name of a trial's folder."""
    return f"{slug(label)}-{identity}"


def name_with(stem: str, settings: Mapping[str, Any]) -> str:
    """Return a file's name, without its ending, that carries what sets it apart from others.

    >>> name_with("DARTS", {})
    'DARTS'
    >>> name_with("DARTS", {"scale": "small", "learning_rate": 0.25, "flip": False, "seed": 1})
    'DARTS-scale-small-learning-rate-0.25-no-flip-seed-1'
    """
    whole = "-".join([stem, *(_word_of(name, value) for name, value in settings.items())])
    if len(whole) <= _LONGEST_NAME:
        return whole
    return f"{whole[:_LONGEST_NAME]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _word_of(name: str, value: Any) -> str:
    name = name.replace("_", "-")
    match value:
        case bool():
            return name if value else f"no-{name}"
        case float():
            value = f"{value:g}"
        case list() | tuple():
            value = "-".join(map(str, value))
    return f"{name}-{slug(str(value).replace(' ', ''))}"


def slug(text: str) -> str:
    """Return ``text`` as part of a file name: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:60] or "cell"
