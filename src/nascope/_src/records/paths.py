"""The one owner of every path that a study writes.

STUDY/
  study.json                     the resolved plan: the list of its trials
  study.lock                     held by the process that adds to the plan
  report.html, figures/*.png     written by the report
  theory/*.json                  the theory's results, where a reproduction computed them
  candidates.jsonl, best.jsonl   of a search: what it tried, and its best so far at each
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
      lock                       held by the process that puts it together, or by all those
                                 together that compute some of its chunks
      chunks/NNNN.npz            finished chunks of a grid, removed at the end
      chunks/part-K-of-N.lock    held by the process that computes some of them
      chunks/part-K-of-N.json    who has worked on it, and for how many seconds
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def part_lock(self, place: int, of: int) -> Path:
        """Of the process that computes a part of the chunks, its place from 0."""
        return self.chunks / f"part-{place + 1}-of-{of}.lock"

    def spent(self, place: int, of: int) -> Path:
        """Processes that worked on a part of the chunks; the probe as a whole is part 0 of 1."""
        return self.chunks / f"part-{place + 1}-of-{of}.json"

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
        """The traceback of the last failure; removed when the trial lacks nothing."""
        return self.folder / "error.txt"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def locks(self) -> Iterator[Path]:
        """Every lock of the trial and its probes that is there."""
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
        return TrialPaths(self.trials / f"{slug(label)}-{identity}")


def slug(text: str) -> str:
    """``text`` as part of a file name: letters, digits, dot, dash and underscore only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:60] or "cell"
