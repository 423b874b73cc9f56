"""The files of a training: its checkpoint, the one before, and the weights kept on the way."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nascope._src.errors import CheckpointError
from nascope._src.records.checkpoint_files import DamagedCheckpoint
from nascope._src.records.files import set_aside
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nascope._src.training.moments import Moment
from nascope._src.training.state import TrainingState

AGAIN = "again.safetensors"
"""In the folder of snapshots, the checkpoint of a training that is repeated for missing ones."""


def snapshot_folder(path: Path) -> Path:
    """Return the default folder of a checkpoint's snapshots, next to it."""
    return path.with_name(f"{path.stem}-snapshots")


@dataclass(frozen=True)
class TrainingFiles:
    """Where a training is stored.

    Args:
        path: The checkpoint.
        previous: Where the checkpoint before is kept, in case the newest is damaged.
        snapshots: The folder of the weights that are kept on the way; by default
            `snapshot_folder`.
    """

    path: Path
    previous: Path | None = None
    snapshots: Path | None = None

    @property
    def snapshot_folder(self) -> Path:
        """The folder of the weights that are kept on the way."""
        return self.snapshots or snapshot_folder(self.path)

    def load(self, identity: str) -> Checkpoint | None:
        """Return the training's checkpoint, if there is an intact one.

        Damaged files are set aside, so that the training starts again and nothing is lost.

        Raises:
            CheckpointError: A file belongs to another training, or is not nascope's.
        """
        existing = [path for path in (self.path, self.previous) if path and path.exists()]
        if not existing:
            return None
        try:
            return load_checkpoint(self.path, previous=self.previous, identity=identity)
        except DamagedCheckpoint as error:
            kept = [set_aside(path) for path in existing]
            names = " and ".join(path.name for path in kept)
            warnings.warn(f"{error}; training again (kept as {names})", stacklevel=2)
            return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.path, checkpoint, previous=self.previous)


@dataclass(frozen=True)
class Snapshots:
    """The moments whose weights a training keeps.

    Args:
        folder: Where they are stored.
        moments: Which moments.
        epochs: For a repeated training, the epoch at which the original run reached each moment.
            Another device rounds differently, and may reach a training loss elsewhere.
    """

    folder: Path
    moments: tuple[Moment, ...]
    epochs: Mapping[Moment, float] = field(default_factory=dict)

    @classmethod
    def of_moments(cls, folder: Path, moments: Sequence[Moment]) -> Snapshots:
        """Return those moments that need a snapshot."""
        return cls(folder, tuple(moment for moment in moments if moment.needs_snapshot))

    def due(self, state: TrainingState) -> list[Moment]:
        """Return the moments that the training reaches at this step."""
        return [
            moment
            for moment in self.moments
            if self.epochs.get(moment, moment.place(state.curve)) == state.passes
        ]

    def save(self, checkpoint: Checkpoint, state: TrainingState) -> None:
        """Write the weights of the moments that are due."""
        for moment in self.due(state):
            weights = checkpoint.weights_only(str(moment))
            save_checkpoint(moment.path(self.folder), weights)

    def missing(self, checkpoint: Checkpoint) -> dict[Moment, float]:
        """Return the moments already passed that have no intact snapshot, and their epochs."""
        missing = {}
        for moment in self.moments:
            epoch = moment.place(checkpoint.curve)
            if epoch is None:
                continue
            try:
                load_checkpoint(moment.path(self.folder), identity=checkpoint.records["identity"])
            except CheckpointError:
                missing[moment] = epoch
        return missing
