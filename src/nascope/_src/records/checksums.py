"""Checksums: what is compared with a file's content whenever it is read.

A JSON object that nascope writes is *sealed*: its key "checksum" holds the checksum of all the
rest. A record that vouches for other content, such as a file of arrays next to it, holds the
checksum of that content under "digests", by name.

Older files have no checksums. They are read as they are, and count as unverified.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

SEAL_KEY = "checksum"
DIGESTS_KEY = "digests"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(content: bytes) -> str:
    """Return the checksum of some bytes.

    >>> digest(b"")[:20]
    'sha256:e3b0c44298fc1'
    """
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def digest_array(array: np.ndarray) -> str:
    """Return the checksum of an array's type, shape and numbers."""
    what = f"{array.dtype.str}{array.shape}".encode()
    return digest(what + np.ascontiguousarray(array).tobytes())


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the checksum of its content, whatever the order of its keys.

    >>> sorted(sealed({"epochs": 3}))
    ['checksum', 'epochs']
    """
    return {**content, SEAL_KEY: _seal(content)}


def is_sealed(content: Any) -> bool:
    """Return whether a value parsed from JSON has a checksum."""
    return isinstance(content, dict) and SEAL_KEY in content


def unsealed(content: Any) -> Any:
    """Return a value parsed from JSON without its checksum, if it has one.

    Raises:
        ValueError: the checksum does not match the rest.
    """
    if not isinstance(content, dict):
        return content
    rest = {key: value for key, value in content.items() if key != SEAL_KEY}
    if SEAL_KEY in content:
        if content[SEAL_KEY] != _seal(rest):
            raise ValueError("its checksum does not match")
    elif any(isinstance(value, str) and _DIGEST.fullmatch(value) for value in rest.values()):
        raise ValueError("its checksum has another name")
    return rest


def _seal(content: Mapping[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def checksum(tensors: Mapping[str, np.ndarray], records: str) -> str:
    """Return the checksum of a checkpoint: of the names, types, shapes and numbers, and records.

    Args:
        tensors: contiguous tensors by name.
        records: the records as written to the header.
    """
    return f"sha256:{_hash_of(tensors, records, with_layout=True)}"


def is_checksum_of(text: str, tensors: Mapping[str, np.ndarray], records: str) -> bool:
    """Return whether ``text`` is the checksum of a checkpoint, also of an older one.

    Older versions left out the types and shapes.
    """
    if text.startswith("sha256:"):
        return text == checksum(tensors, records)
    return text == _hash_of(tensors, records, with_layout=False)


def _hash_of(tensors: Mapping[str, np.ndarray], records: str, *, with_layout: bool) -> str:
    total = hashlib.sha256(records.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(name.encode())
        if with_layout:
            total.update(f"{tensor.dtype.str}{tensor.shape}".encode())
        total.update(tensor.reshape(-1).view(np.uint8).data)
    return total.hexdigest()
