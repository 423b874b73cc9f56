"""Repeating a training for weights on the way that were not kept."""

from __future__ import annotations

from pathlib import Path

from nascope._src.errors import CheckpointError
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.files import AGAIN, Snapshots, TrainingFiles
from nascope._src.training.loop import Training, run_epochs


def add_missing_snapshots(training: Training, snapshots: Snapshots, checkpoint: Checkpoint) -> None:
    """Train again up to the last moment that a training is past without a snapshot, if any.

    The repeated training gives the same weights. It has its own checkpoint among the snapshots,
    so that it can resume, and the finished checkpoint is not touched.

    Args:
        training: The training.
        snapshots: The moments whose weights should be there.
        checkpoint: How far the training is.
    """
    again = snapshots.folder / AGAIN
    if epochs := snapshots.missing(checkpoint):
        _discard_unless_before(again, training.identity, min(epochs.values()))
        files = TrainingFiles(again, snapshots=snapshots.folder)
        repeated = Snapshots(snapshots.folder, tuple(epochs), epochs)
        resume = files.load(training.identity)
        if resume is None or not resume.records["finished"]:
            run_epochs(training, files, repeated, resume=resume, until=max(epochs.values()))
    again.unlink(missing_ok=True)


def _discard_unless_before(again: Path, identity: str, epoch: float) -> None:
    """Remove a repeated training that has reached an epoch, or cannot resume."""
    try:
        curve = load_checkpoint(again, identity=identity).curve
        if curve and curve[-1].epoch >= epoch:
            again.unlink()
    except CheckpointError:
        again.unlink(missing_ok=True)
