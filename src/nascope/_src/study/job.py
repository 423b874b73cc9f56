"""A job: the training of one trial, one of its probes, or a part of a probe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nascope._src.probes.chunks import Share
from nascope._src.records.paths import TrialPaths
from nascope._src.records.plan import PlannedProbe, PlannedTrial


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do, as plain data that can be sent to another process.

    Args:
        folder: the trial's folder; absolute, because workers may run in another folder.
        device: "cpu", "cuda", …
        probe: the probe to compute; None: the training.
        share: the part of the probe's chunks to compute; None: the whole probe.
    """

    folder: Path
    device: str
    trial: PlannedTrial
    probe: PlannedProbe | None = None
    share: Share | None = None

    @property
    def kind(self) -> str:
        """Kind of work: "training", or the kind of the probe."""
        return self.probe.kind if self.probe is not None else "training"

    @property
    def yields_result(self) -> bool:
        """Whether a result is complete when the job is done: not after a part of a probe."""
        return self.share is None

    @property
    def paths(self) -> TrialPaths:
        """Where the trial's results are stored."""
        return TrialPaths(self.folder)

    @property
    def result(self) -> Path:
        """The file that exists once the result is complete."""
        return (
            self.paths.checkpoint if self.probe is None else self.probe.paths_in(self.paths).summary
        )

    @property
    def name(self) -> str:
        """Unique name within the study."""
        name = self.folder.name
        if self.probe is not None:
            name += f"/{self.probe.kind}/{self.probe.identity}"
        if self.share is not None:
            name += f"/part {self.share.index + 1} of {self.share.count}"
        return name

    @property
    def title(self) -> str:
        """The cell's label, and the kind of the probe."""
        return self.trial.label if self.probe is None else f"{self.trial.label} {self.probe.kind}"

    @property
    def lock(self) -> Path:
        """The lock that a process holds while it does the job."""
        if self.probe is None:
            return self.paths.lock
        probe = self.probe.paths_in(self.paths)
        if self.share is None:
            return probe.lock
        return probe.part_lock(self.share.index, self.share.count)
