"""Identities: a hash of what determines a result, and of nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

NUMERICS_VERSION = {
    "training": 3,
    "imported": 2,
    "landscape": 3,
    "variance": 3,
    "curvature": 3,
    "regime": 1,
}
"""By kind of result, bumped by hand when a commit changes the numbers that a run yields; golden
values guard it. Results of another version are kept on disk but not taken for current ones."""


_compact = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def compute_identity(kind: str, determines: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that name a result.

    Args:
        kind: one of `NUMERICS_VERSION`: keeps equal settings of different things apart.
        determines: everything that the numbers depend on, as plain data.
    """
    content = {"kind": kind, "numerics": NUMERICS_VERSION[kind], **determines}
    try:
        text = _compact.encode(content)
    except (TypeError, ValueError):  # numpy's numbers, or some that are not finite
        from nascope._src.records.files import plain  # noqa: PLC0415  (loads numpy)

        text = _compact.encode(plain(content))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def non_defaults(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults.

    A field added later, left at its default, then changes no identity.
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
    """A seed of 63 bits for one purpose, from its name and numbers.

    Randomness then depends on what it is for, ("epoch", seed, 7) say, and never on what was
    drawn before.

    >>> derived_seed("epoch", 0, 1) == derived_seed("epoch", 0, 1)
    True
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
