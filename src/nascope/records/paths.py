"""The one owner of every path that a study writes.

STUDY/
  study.json                     the resolved plan: the list of its trials
  report.html, figures/*.png     written by the report
  trials/LABEL-IDENTITY/
    trial.json                   what the trial is
    checkpoint.safetensors       weights, per-image correctness on the test set, and in
                                 the header the records of training
    previous.safetensors         the checkpoint before, in case the newest is damaged
    snapshots/MOMENT.safetensors the weights at chosen moments of the training
    log.txt                      what happened, with times
    error.txt                    the traceback, where the trial failed
    lock                         held by the process that works on the trial
    PROBE-IDENTITY/
      result.npz, result.json    arrays; settings, numbers and provenance
      chunks/NNNN.npz            finished parts of a grid, removed at the end
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProbePaths:
    """Files of one probe of one trial."""

    folder: Path

    @property
    def arrays(self) -> Path:
        return self.folder / "result.npz"

    @property
    def summary(self) -> Path:
        """Written last: its presence says that the probe is complete."""
        return self.folder / "result.json"

    @property
    def chunks(self) -> Path:
        return self.folder / "chunks"

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
        """The traceback of the last failure; removed when the trial succeeds."""
        return self.folder / "error.txt"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

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
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def trials(self) -> Path:
        return self.folder / "trials"

    def trial(self, label: str, identity: str) -> TrialPaths:
        return TrialPaths(self.trials / f"{slug(label)}-{identity}")


def slug(text: str) -> str:
    """``text`` as part of a file name: letters, digits, dot, dash and underscore only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:60] or "cell"
