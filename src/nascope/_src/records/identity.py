"""Identities: hashes of everything that determines a result, and of nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from nascope._src.runtime.types import Plain

NUMERICS_VERSION = {
    "training": 4,
    "imported": 2,
    "landscape": 3,
    "variance": 4,
    "curvature": 4,
    "regime": 2,
}
"""Version of the numerics, by kind of result.

Whoever changes the numbers that a run yields bumps it by hand; tests of golden values fail
otherwise. Results of an older version stay on disk, but are computed again.
"""

_compact = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def compute_identity(kind: str, inputs: Plain) -> str:
    """Return the identity of a result, sixteen hexadecimal digits.

    Args:
        kind: kind of result, a key of `NUMERICS_VERSION`.
        inputs: everything that the numbers depend on, as plain data.
    """
    content = {"kind": kind, "numerics": NUMERICS_VERSION[kind], **inputs}
    try:
        text = _compact.encode(content)
    except (TypeError, ValueError):  # NumPy's numbers, or non-finite ones
        from nascope._src.records.files import plain  # noqa: PLC0415  (imports NumPy)

        text = _compact.encode(plain(content))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def non_defaults(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults.

    Identities hash only these, so that a new field at its default changes no identity.
    """
    changed = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if value != default:
            changed[field.name] = value
    return changed


def derived_seed(*parts: int | str) -> int:
    """Return a seed of 63 bits for one purpose, such as ("epoch", seed, 7).

    Random numbers then depend on their purpose only, never on what was drawn before.

    >>> derived_seed("epoch", 0, 1) == derived_seed("epoch", 0, 1)
    True
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
