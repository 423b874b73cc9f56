"""The checksum of a checkpoint's tensors and records, stored in its header. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from nascope._src.records.read import RECORDS_KEY

CHECKSUM_KEY = "checksum"


def checksum(tensors: Mapping[str, np.ndarray], records: str) -> str:
    """Return the checksum of a checkpoint.

    Args:
        tensors: contiguous tensors by name.
        records: the records as written to the header.
    """
    digest = hashlib.sha256(records.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def is_intact(path: Path) -> bool:
    """Return whether a checkpoint exists and its content matches its checksum."""
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
        return header[CHECKSUM_KEY] == checksum(tensors, header[RECORDS_KEY])
    except (OSError, SafetensorError, KeyError, TypeError):
        return False
