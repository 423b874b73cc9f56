"""Exact p-values of small designs: tails of sums of independent discrete variables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Null = tuple[tuple[Fraction, int], ...]
"""A variable's values, increasing, with integer weights."""
Array = np.ndarray[tuple[int, ...], np.dtype[Any]]


def tails(nulls: Sequence[Null], total: Fraction) -> tuple[float, float]:
    """Return P(S ≥ total) and P(S ≤ total) for a sum S of independent discrete variables.

    The distribution of S is a convolution in double precision. All terms are positive, so even
    small probabilities have many correct digits. Values are compared exactly, as integers.

    Args:
        nulls: for each variable, its values with integer weights.
        total: the value with which S is compared.

    >>> coin = ((Fraction(0), 1), (Fraction(1), 1))
    >>> tails([coin] * 10, Fraction(9))  # 11/1024, 1023/1024
    (0.0107421875, 0.9990234375)
    """
    unit = math.lcm(total.denominator, *(value.denominator for null in nulls for value, _ in null))
    sums = [_power(null, times, unit) for null, times in Counter(nulls).items()]
    sums.sort(key=lambda distribution: len(distribution[0]))
    values: Array = np.zeros(1, np.int64)
    weights: Array = np.ones(1)
    for other_values, other_weights in sums[:-1]:
        every = np.add.outer(values, other_values).ravel()
        values, place = np.unique(every, return_inverse=True)
        weights = np.bincount(place, np.outer(weights, other_weights).ravel())
    large, probabilities = sums[-1]
    below = np.concatenate([[0.0], np.cumsum(probabilities)])  # P(less than each value)
    above = np.concatenate([np.cumsum(probabilities[::-1])[::-1], [0.0]])  # P(at least)
    goal = int(total * unit) - values
    greater = weights @ above[np.searchsorted(large, goal, "left")]
    less = weights @ below[np.searchsorted(large, goal, "right")]
    return min(1.0, float(greater)), min(1.0, float(less))


def _power(null: Null, times: int, unit: int) -> tuple[Array, Array]:
    """Return values (in 1/unit) and probabilities of the sum of ``times`` copies of a variable."""
    numbers = [int(value * unit) for value, _ in null]
    step = math.gcd(*(number - numbers[0] for number in numbers)) or 1
    places = [(number - numbers[0]) // step for number in numbers]
    total = sum(weight for _, weight in null)
    power: Array = np.ones(1)
    for _ in range(times):
        longer: Array = np.zeros(len(power) + max(places))
        for place, (_, weight) in zip(places, null, strict=True):
            longer[place : place + len(power)] += power * (weight / total)
        power = longer
    (reached,) = np.nonzero(power)
    return reached * step + times * numbers[0], power[reached]
