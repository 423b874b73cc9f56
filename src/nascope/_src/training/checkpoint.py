"""A training's state in one safetensors file: weights and momentum, with the records in its header.

The file is written under another name and then renamed. The previous file is kept, unless it is
damaged. Loading verifies the checksums of the tensors and the records; if the newest file is
damaged, the previous one is loaded.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nascope._src.errors import CheckpointError
from nascope._src.records.checkpoint_files import (
    CHECKSUM_KEY,
    RECORDS_KEY,
    DamagedCheckpoint,
    check_identity,
    is_intact,
    make_metadata,
    read_header,
)
from nascope._src.records.checksums import checksum, is_checksum_of
from nascope._src.records.files import write_bytes
from nascope._src.records.read import CurvePoint


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The content of a checkpoint.

    Args:
        tensors: Tensors by name: ``model.*`` (the state dict), ``momentum.*`` and
            ``records.correct``.
        records: Plain data: identity, genotype, recipe, seed, data, epochs, provenance.
    """

    tensors: Mapping[str, Tensor]
    records: Mapping[str, Any]

    @property
    def curve(self) -> list[CurvePoint]:
        """All points of the training's curves, early points and epochs, sorted."""
        points = [*self.records["early"], *self.records["epochs"]]
        return sorted((CurvePoint(**point) for point in points), key=lambda point: point.epoch)

    @property
    def weights(self) -> str:
        """Sixteen hexadecimal digits that identify the network's weights."""
        weights = {name: t for name, t in self.tensors.items() if name.startswith("model.")}
        return checksum(_numpy(weights), "").removeprefix("sha256:")[:16]

    def weights_only(self, moment: str) -> Checkpoint:
        """Return the network at a moment of the training, without what resuming needs."""
        tensors = {name: t for name, t in self.tensors.items() if name.startswith("model.")}
        return Checkpoint(tensors, {**self.records, "moment": moment, "finished": True})

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors under ``prefix.``, by the rest of their name."""
        start = len(prefix) + 1
        return {
            name[start:]: tensor
            for name, tensor in self.tensors.items()
            if name.startswith(f"{prefix}.")
        }


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, previous: Path | None = None) -> None:
    """Replace the checkpoint at ``path``.

    Args:
        path: The checkpoint's file.
        checkpoint: Its content.
        previous: Where the file that it replaces is kept, if that is intact.

    Raises:
        StudyError: The folder cannot be written.
    """
    # safetensors accepts contiguous tensors only; loading restores channels_last.
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()
    }
    content = save(tensors, metadata=make_metadata(_numpy(tensors), checkpoint.records))
    kept = previous if previous is not None and is_intact(path) else None
    write_bytes(path, content, previous=kept)


def _numpy(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def load_checkpoint(
    path: str | Path, *, previous: Path | None = None, identity: str | None = None
) -> Checkpoint:
    """Read a checkpoint and verify its checksum.

    Args:
        path: The checkpoint's file.
        previous: The file to read if that one is damaged.
        identity: The expected identity of the training; None accepts any.

    Raises:
        CheckpointError: Neither file can be read, or it belongs to another training.
    """
    path = Path(path)
    checkpoint = _newest(path, previous)
    check_identity(path, checkpoint.records.get("identity"), identity)
    return checkpoint


def _newest(path: Path, previous: Path | None) -> Checkpoint:
    try:
        return _load(path)
    except CheckpointError as error:
        if previous is None or not previous.exists():
            raise
        try:
            spare = _load(previous)
        except DamagedCheckpoint:
            raise error from None
        if path.exists():
            warnings.warn(f"{error}; using {previous.name} instead", stacklevel=3)
        return spare


def _load(path: Path) -> Checkpoint:
    records = read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        intact = is_checksum_of(metadata[CHECKSUM_KEY], _numpy(tensors), metadata[RECORDS_KEY])
    except (OSError, SafetensorError) as error:
        raise DamagedCheckpoint(f"{path}: damaged, or not a checkpoint ({error})") from None
    except (KeyError, TypeError):
        intact = False
    if not intact:
        raise DamagedCheckpoint(f"{path}: damaged, its checksum does not match")
    return Checkpoint(tensors, records)
