"""Damage of every kind: to bytes, to text, and to values that are written in a valid form."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from typing import Any

ODD = (
    None, True, 0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.0, math.nan, math.inf, "", "a", "1", "nan",
    "\ud800", "\x1b[31m", "=1+1", "x" * 300, [], {}, [[]], {"$number": None}, {"$number": "nan"},
    {"$number": "x"}, [1, "a", None], {"a": {"b": []}},
)  # fmt: skip
"""Values that a field seldom has."""


def damage_bytes(generator: random.Random, content: bytes) -> bytes:
    """Flip, cut, repeat or insert bytes, some of them at the start, where headers are."""
    damaged = bytearray(content)
    for _ in range(generator.choice((1, 1, 1, 1, 2, 8))):
        if not damaged:
            return bytes(damaged)
        reach = len(damaged) if generator.random() < 0.6 else min(len(damaged), 64)
        place = generator.randrange(reach)
        length = generator.choice((1, 1, 2, 4, 8, 64))
        match generator.randrange(6):
            case 0:
                damaged[place] ^= 1 << generator.randrange(8)
            case 1:
                damaged[place : place + length] = generator.randbytes(length)
            case 2:
                damaged[place : place + length] = generator.choice((b"\x00", b"\xff")) * length
            case 3:
                del damaged[place : place + length]
            case 4:
                damaged[place:place] = damaged[place : place + length] * generator.choice((1, 3))
            case _:
                del damaged[place:]
    return bytes(damaged)


def damage_value(generator: random.Random, value: Any) -> Any:
    """Return plain data with a few of its values replaced, removed or renamed."""
    changed = json.loads(json.dumps(value))
    for _ in range(generator.choice((1, 1, 2, 4))):
        changed = _changed_once(generator, changed, depth=0)
    return changed


def _odd(generator: random.Random) -> Any:
    return copy.deepcopy(generator.choice(ODD))  # later damage must not change it


def _changed_once(generator: random.Random, value: Any, depth: int) -> Any:
    if not value or not isinstance(value, dict | list) or generator.random() < 0.1 * depth:
        return _odd(generator)
    key: Any
    if isinstance(value, dict):
        key = generator.choice(list(value))
        if generator.random() < 0.1:
            del value[key]
            return value
        if generator.random() < 0.1:
            value[generator.choice(("a", "", "name", "$number"))] = value.pop(key)
            return value
    else:
        key = generator.randrange(len(value))
        if generator.random() < 0.1:
            value.insert(key, _odd(generator))
            return value
    value[key] = _changed_once(generator, value[key], depth + 1)
    return value


def damage_json(
    generator: random.Random, content: bytes, seal: Callable[[Any], Any] = lambda value: value
) -> bytes:
    """Damage the values of a JSON text, or its bytes. ``seal`` makes checksums right again."""
    if generator.random() < 0.3:
        return damage_bytes(generator, content)
    value = damage_value(generator, json.loads(content))
    return json.dumps(seal(value)).encode()
