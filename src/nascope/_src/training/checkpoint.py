"""A training's state in one safetensors file: weights and momentum, with the records in its header.

The file is written under another name and then renamed. The previous file is kept, unless it is
damaged. Loading verifies a checksum over the tensors and the records; if the newest file is
damaged, the previous one is loaded.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nascope._src.errors import CheckpointError
from nascope._src.records.checksums import CHECKSUM_KEY, checksum, is_intact
from nascope._src.records.files import plain, write_bytes
from nascope._src.records.read import RECORDS_KEY, CurvePoint, check_identity, read_header


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
        return _checksum(weights, "")[:16]

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
    records = json.dumps(plain(checkpoint.records))
    metadata = {RECORDS_KEY: records, CHECKSUM_KEY: _checksum(tensors, records)}
    content = save(tensors, metadata=metadata)
    kept = previous if previous is not None and is_intact(path) else None
    write_bytes(path, content, previous=kept)


def _checksum(tensors: Mapping[str, Tensor], records: str) -> str:
    return checksum({name: tensor.numpy() for name, tensor in tensors.items()}, records)


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
    check_identity(path, checkpoint.records, identity)
    return checkpoint


def _newest(path: Path, previous: Path | None) -> Checkpoint:
    try:
        return _load(path)
    except CheckpointError as error:
        if previous is None or not previous.exists():
            hint = "; delete it to start again" if path.is_file() else ""
            raise CheckpointError(f"{error}{hint}") from None
        if path.exists():
            warnings.warn(f"{error}; resuming from {previous.name}", stacklevel=3)
        return _load(previous)


def _load(path: Path) -> Checkpoint:
    records = read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged, or not a checkpoint ({error})") from None
    if metadata.get(CHECKSUM_KEY) != _checksum(tensors, metadata[RECORDS_KEY]):
        raise CheckpointError(f"{path}: damaged, its checksum does not match")
    return Checkpoint(tensors, records)
