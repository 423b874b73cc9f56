"""Checkpoints as files: the records in the header, and what verifies them. Imports no torch.

The header holds the records of the training with a checksum of their own, so that they can be
verified without reading the weights, and the checksum of the records and all tensors.
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
    digest,
    digest_array,
    is_checksum_of,
)
from nascope._src.records.files import from_json, plain
from nascope._src.runtime.input_files import check_file

RECORDS_KEY = "nascope"  # metadata entry of the header that holds the records, a JSON object
RECORDS_CHECKSUM_KEY = "nascope checksum"  # metadata entry: the checksum of the records
CHECKSUM_KEY = "checksum"  # metadata entry: the checksum of the records and all tensors
CORRECT_KEY = "records.correct"  # (test images,) uint8: 1 where the final network is right


class DamagedCheckpoint(CheckpointError):
    """A checkpoint whose content is not what nascope wrote."""


class OtherTraining(CheckpointError):
    """A checkpoint that belongs to another training than expected."""


def make_metadata(tensors: Mapping[str, np.ndarray], records: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata of a checkpoint's header.

    Args:
        tensors: contiguous tensors by name.
        records: the records of the training.
    """
    digests = {name: digest_array(tensors[name]) for name in (CORRECT_KEY,) if name in tensors}
    text = json.dumps({**plain(records), DIGESTS_KEY: digests})
    return {
        RECORDS_KEY: text,
        RECORDS_CHECKSUM_KEY: digest(text.encode()),
        CHECKSUM_KEY: checksum(tensors, text),
    }


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
    records, _ = read_parts(path, identity=identity, correct=False)
    return records


def read_parts(
    path: Path, *, identity: str | None, correct: bool
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Read the records like `read_records`.

    Args:
        correct: also read which test images the network classifies correctly.

    Returns:
        The records, and, for each test image, whether it is classified correctly, (n,) bool; None
        if the checkpoint does not say so.
    """
    _require_file(path)
    images = None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if correct and CORRECT_KEY in file.keys():  # noqa: SIM118  (not a mapping)
                images = file.get_tensor(CORRECT_KEY)
    except (OSError, SafetensorError) as error:
        raise DamagedCheckpoint(f"{path}: damaged, or not a checkpoint ({error})") from None
    if RECORDS_KEY not in metadata and CHECKSUM_KEY not in metadata:
        raise CheckpointError(f"{path}: not a checkpoint of nascope")
    try:
        records = _verified_records(metadata)
        actual = records["identity"] if identity is not None else None
        if correct and DIGESTS_KEY in records:
            found = digest_array(images) if images is not None else None
            if found != records[DIGESTS_KEY].get(CORRECT_KEY):
                raise ValueError(f"{CORRECT_KEY} has another checksum")
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise DamagedCheckpoint(f"{path}: damaged, its records do not match") from None
    check_identity(path, actual, identity)
    return records, images.astype(bool) if images is not None else None


def _require_file(path: Path) -> None:
    try:
        check_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except OSError as error:
        if path.is_dir():
            raise CheckpointError(f"{path} is a folder, not a checkpoint") from None
        raise CheckpointError(f"{path}: not a checkpoint ({error.strerror})") from None


def _verified_records(metadata: Mapping[str, str]) -> dict[str, Any]:
    text = metadata[RECORDS_KEY]
    records: dict[str, Any] = from_json(text)
    expected = metadata.get(RECORDS_CHECKSUM_KEY)
    if expected != digest(text.encode()) and (expected is not None or DIGESTS_KEY in records):
        raise ValueError("the records have another checksum")
    return records


def check_identity(path: Path, actual: Any, expected: str | None) -> None:
    """Raise an `OtherTraining` if a checkpoint belongs to another training than expected."""
    if expected is not None and actual != expected:
        raise OtherTraining(
            f"{path} belongs to another training ({actual}, not {expected}): choose another "
            "output, or move this file away"
        )


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
