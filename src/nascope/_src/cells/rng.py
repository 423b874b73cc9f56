"""Uniform integers that are exact, and the same on every version of Python.

They rest on ``random.Random.random`` alone, the one method whose sequence Python guarantees.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_BITS = 53  # that one call of random() gives

T = TypeVar("T")


def below(generator: random.Random, n: int) -> int:
    """A uniform integer in 0 … n−1, however large n is.

    >>> below(random.Random(1), 10**30) < 10**30
    True
    """
    bits = (n - 1).bit_length()
    while True:
        value = 0
        for _ in range(-(-bits // _BITS)):
            value = value << _BITS | int(generator.random() * (1 << _BITS))
        value >>= -bits % _BITS
        if value < n:
            return value


def weighted(generator: random.Random, weights: Sequence[int]) -> int:
    """An index with probability in proportion to its integer weight."""
    left = below(generator, sum(weights))
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    raise AssertionError("weights sum to more than they are")


def subset(generator: random.Random, size: int, chosen: int) -> list[int]:
    """A uniform subset of 0 … size−1, in increasing order (Floyd's algorithm)."""
    picked: set[int] = set()
    for last in range(size - chosen, size):
        candidate = below(generator, last + 1)
        picked.add(last if candidate in picked else candidate)
    return sorted(picked)


def shuffled(generator: random.Random, items: Sequence[T]) -> list[T]:
    """A uniform order of the items (Fisher and Yates)."""
    out = list(items)
    for last in range(len(out) - 1, 0, -1):
        other = below(generator, last + 1)
        out[last], out[other] = out[other], out[last]
    return out
