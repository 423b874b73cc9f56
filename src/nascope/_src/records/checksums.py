"""The checksum in a checkpoint's header, over its tensors and records. Loads no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from nascope._src.records.read import RECORDS_KEY

CHECKSUM_KEY = "checksum"


def checksum(tensors: Mapping[str, np.ndarray], records: str) -> str:
    """The checksum of a checkpoint.

    Args:
        tensors: by name, contiguous.
        records: as they are written.
    """
    digest = hashlib.sha256(records.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def is_intact(path: Path) -> bool:
    """Whether a checkpoint is there, with the content that was once written."""
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
        return header[CHECKSUM_KEY] == checksum(tensors, header[RECORDS_KEY])
    except (OSError, SafetensorError, KeyError, TypeError):
        return False
