"""Exact uniform integers that are the same on every version of Python.

They use ``random.Random.random`` only, the one method whose sequence Python guarantees.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_BITS = 53  # of one random()

T = TypeVar("T")


def below(generator: random.Random, n: int) -> int:
    """Draw a uniform integer in 0 … n−1, for any n.

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
    """Draw an index with a probability in proportion to its integer weight."""
    left = below(generator, sum(weights))
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    raise AssertionError("the sum of the weights is wrong")


def subset(generator: random.Random, size: int, chosen: int) -> list[int]:
    """Draw a uniform subset of 0 … size−1, in increasing order (Floyd's algorithm)."""
    picked: set[int] = set()
    for last in range(size - chosen, size):
        candidate = below(generator, last + 1)
        picked.add(last if candidate in picked else candidate)
    return sorted(picked)


def shuffled(generator: random.Random, items: Sequence[T]) -> list[T]:
    """Return the items in a uniform random order (Fisher and Yates)."""
    out = list(items)
    for last in range(len(out) - 1, 0, -1):
        other = below(generator, last + 1)
        out[last], out[other] = out[other], out[last]
    return out
