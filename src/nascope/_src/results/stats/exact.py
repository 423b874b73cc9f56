"""Sums of independent discrete variables, exactly: the p-values of small designs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Null = tuple[tuple[Fraction, int], ...]
"""A variable's values with their integer weights, values increasing."""
Array = np.ndarray[tuple[int, ...], np.dtype[Any]]


def tails(nulls: Sequence[Null], total: Fraction) -> tuple[float, float]:
    """P(S ≥ total) and P(S ≤ total) for a sum S of independent discrete variables.

    By convolution in double precision: all terms are positive, so that small probabilities are
    right to many digits too. Values are compared as integers, exactly.

    Args:
        nulls: of each variable, its values with integer weights.

    >>> coin = ((Fraction(0), 1), (Fraction(1), 1))
    >>> tails([coin] * 10, Fraction(9))  # 11/1024, 1023/1024
    (0.0107421875, 0.9990234375)
    """
    unit = math.lcm(total.denominator, *(value.denominator for null in nulls for value, _ in null))
    sums = [_power(null, times, unit) for null, times in Counter(nulls).items()]
    sums.sort(key=lambda one: len(one[0]))
    values: Array = np.zeros(1, np.int64)
    weights: Array = np.ones(1)
    for other_values, other_weights in sums[:-1]:
        every = np.add.outer(values, other_values).ravel()
        values, place = np.unique(every, return_inverse=True)
        weights = np.bincount(place, np.outer(weights, other_weights).ravel())
    large, probabilities = sums[-1]
    upto = np.concatenate([[0.0], np.cumsum(probabilities)])  # of the values below each
    above = np.concatenate([np.cumsum(probabilities[::-1])[::-1], [0.0]])
    goal = int(total * unit) - values
    greater = weights @ above[np.searchsorted(large, goal, "left")]
    less = weights @ upto[np.searchsorted(large, goal, "right")]
    return min(1.0, float(greater)), min(1.0, float(less))


def _power(null: Null, times: int, unit: int) -> tuple[Array, Array]:
    """Values (in 1/unit) and probabilities of the sum of so many copies of one variable."""
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
