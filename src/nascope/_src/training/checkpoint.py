"""A training's state in one safetensors file: weights, momentum, and in the header the records.

The file is written aside and renamed; the one before it is kept, unless it is damaged. A checksum
over the tensors and the records is verified on load, and a damaged newest file falls back to the
one before.
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
    """What a checkpoint holds.

    Args:
        tensors: by name, ``model.*`` (the state dict), ``momentum.*`` and ``records.correct``.
        records: plain data: identity, genotype, recipe, seed, data, epochs, provenance.
    """

    tensors: Mapping[str, Tensor]
    records: Mapping[str, Any]

    @property
    def curve(self) -> list[CurvePoint]:
        """All points of the training's curves, early points and epochs, in order."""
        points = [*self.records["early"], *self.records["epochs"]]
        return sorted((CurvePoint(**point) for point in points), key=lambda point: point.epoch)

    @property
    def weights(self) -> str:
        """Sixteen hexadecimal digits that name the network's weights."""
        own = {name: t for name, t in self.tensors.items() if name.startswith("model.")}
        return _checksum(own, "")[:16]

    def weights_only(self, moment: str) -> Checkpoint:
        """The network alone, without what a resume needs, as of a moment of the training."""
        tensors = {name: t for name, t in self.tensors.items() if name.startswith("model.")}
        return Checkpoint(tensors, {**self.records, "moment": moment, "finished": True})

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under ``prefix.``, by the rest of their name."""
        start = len(prefix) + 1
        return {
            name[start:]: tensor
            for name, tensor in self.tensors.items()
            if name.startswith(f"{prefix}.")
        }


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, previous: Path | None = None) -> None:
    """Replace the checkpoint at ``path``; keep the one that lay there as ``previous``, if sound.

    Raises:
        StudyError: the folder cannot be written.
    """
    # safetensors refuses other strides than the contiguous ones; channels_last returns on load.
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
    """Read a checkpoint and verify its checksum; a damaged one falls back to ``previous``.

    Args:
        identity: what the training must be; any where None.

    Raises:
        CheckpointError: neither can be read, or it belongs to another training.
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
            hint = "; delete it to start anew" if path.is_file() else ""
            raise CheckpointError(f"{error}{hint}") from None
        if path.exists():
            warnings.warn(f"{error}; going on from {previous.name}", stacklevel=3)
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
