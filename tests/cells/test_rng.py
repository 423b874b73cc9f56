"""Exact uniform integers."""

import random
from collections import Counter

from nascope._src.cells.rng import below, shuffled, subset, weighted

EXPECTED = [5, 339563, 410506798714325354520440623410]


def test_chance():
    generator = random.Random(3)
    assert {below(generator, 3) for _ in range(100)} == {0, 1, 2}
    assert below(generator, 1) == 0
    assert 0 <= below(generator, 10**100) < 10**100
    assert {weighted(generator, [0, 2, 0, 1]) for _ in range(100)} == {1, 3}
    assert subset(generator, 5, 5) == [0, 1, 2, 3, 4]
    pairs = Counter(tuple(subset(generator, 4, 2)) for _ in range(3000))
    assert len(pairs) == 6
    assert min(pairs.values()) > 400
    assert sorted(shuffled(generator, range(6))) == [0, 1, 2, 3, 4, 5]
    # the sequence is part of the interface: the same on every version of Python
    assert [below(random.Random(7), n) for n in (10, 10**6, 10**30)] == EXPECTED
