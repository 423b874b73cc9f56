"""Checkpoints as files: the records in the header, and what verifies them. Imports no torch.

The header holds the records of the training as a sealed JSON object, so that they can be verified
without reading the weights, and the checksum of the records and all tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from nascope._src.errors import CheckpointError
from nascope._src.records.checksums import (
    DIGESTS_KEY,
    checksum,
    digest_array,
    is_checksum_of,
    sealed,
)
from nascope._src.records.files import from_json, plain

RECORDS_KEY = "nascope"  # metadata entry of the header that holds the records, a JSON object
CHECKSUM_KEY = "checksum"  # metadata entry: of the records and all tensors
CORRECT_KEY = "records.correct"  # (test images,) uint8: 1 where the final network is right


class DamagedCheckpoint(CheckpointError):
    """A checkpoint whose content is not what nascope wrote."""


def make_metadata(tensors: Mapping[str, np.ndarray], records: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata of a checkpoint's header.

    Args:
        tensors: contiguous tensors by name.
        records: the records of the training.
    """
    digests = {name: digest_array(tensors[name]) for name in (CORRECT_KEY,) if name in tensors}
    text = json.dumps(sealed({**plain(records), DIGESTS_KEY: digests}))
    return {RECORDS_KEY: text, CHECKSUM_KEY: checksum(tensors, text)}


def read_header(path: Path, *, identity: str | None = None) -> dict[str, Any]:
    """Read the records in a checkpoint's header, and verify their checksum.

    Args:
        identity: expected identity of the training.

    Raises:
        CheckpointError: the file is missing, damaged, not nascope's, or of another training.
    """
    records = read_records(path, identity=identity)
    records.pop(DIGESTS_KEY, None)
    return records


def read_records(path: Path, *, identity: str | None = None) -> dict[str, Any]:
    """Read the records like `read_header`, with the checksums that they hold."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a checkpoint")
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path}: expected a plain file, but found a pipe or a device")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (OSError, SafetensorError) as error:
        raise DamagedCheckpoint(f"{path}: damaged, or not a checkpoint ({error})") from None
    if RECORDS_KEY not in metadata and CHECKSUM_KEY not in metadata:
        raise CheckpointError(f"{path}: not a checkpoint of nascope")
    try:
        records: dict[str, Any] = from_json(metadata[RECORDS_KEY])
        actual = records["identity"] if identity is not None else None
    except (KeyError, TypeError, ValueError, RecursionError):
        raise DamagedCheckpoint(f"{path}: damaged, its records do not match") from None
    check_identity(path, actual, identity)
    return records


def check_identity(path: Path, actual: Any, expected: str | None) -> None:
    """Raise a `CheckpointError` if a checkpoint belongs to another training than expected."""
    if expected is not None and actual != expected:
        raise CheckpointError(
            f"{path} belongs to another training ({actual}, not {expected}): choose another "
            "output, or move this file away"
        )


def read_correct(path: Path, records: Mapping[str, Any]) -> np.ndarray | None:
    """Return which test images the network classifies correctly, if the checkpoint says so.

    Args:
        records: the checkpoint's records, from `read_records`.

    Raises:
        DamagedCheckpoint: the tensor does not match its checksum.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            names = file.keys()
            correct = file.get_tensor(CORRECT_KEY) if CORRECT_KEY in names else None
    except (OSError, SafetensorError) as error:
        raise DamagedCheckpoint(f"{path}: damaged, or not a checkpoint ({error})") from None
    if DIGESTS_KEY in records:
        found = digest_array(correct) if correct is not None else None
        if found != records[DIGESTS_KEY].get(CORRECT_KEY):
            raise DamagedCheckpoint(f"{path}: damaged, {CORRECT_KEY} does not match its checksum")
    return correct.astype(bool) if correct is not None else None


def is_intact(path: Path) -> bool:
    """Return whether a checkpoint exists and all of its content matches its checksum."""
    try:
        read_records(path)
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
        return is_checksum_of(header[CHECKSUM_KEY], tensors, header[RECORDS_KEY])
    except (CheckpointError, OSError, SafetensorError, KeyError, TypeError):
        return False
