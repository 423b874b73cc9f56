"""Basins, SMAD and persistence: a slow reference, published implementations, invariances."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.results.metrics.topology import basins, smad, total_persistence


def components(below: np.ndarray) -> list[set[tuple[int, ...]]]:
    """The connected parts of a set of grid points, by flooding each."""
    left = {tuple(int(k) for k in point) for point in np.argwhere(below)}
    parts = []
    while left:
        part, front = set(), [left.pop()]
        while front:
            point = front.pop()
            part.add(point)
            for axis in range(below.ndim):
                for step in (-1, 1):
                    other = (*point[:axis], point[axis] + step, *point[axis + 1 :])
                    if other in left:
                        left.remove(other)
                        front.append(other)
        parts.append(part)
    return parts


def reference(loss: np.ndarray) -> dict[float, tuple[float | None, float | None]]:
    """By minimum, its first saddle and its death: each level is flooded again, from the start.

    All values of the landscape must differ.
    """
    found: dict[float, tuple[float | None, float | None]] = {}
    before: list[set[float]] = []  # the minima in each component
    for level in np.sort(loss[np.isfinite(loss)]):
        parts = components(loss <= level)
        now = [
            {m for minima in before for m in minima if any(loss[p] == m for p in part)}
            or {float(level)}
            for part in parts
        ]
        for minima in now:
            joined = [old for old in before if old <= minima]
            if not joined:
                found[float(level)] = (None, None)
            if len(joined) > 1:
                for old in joined:
                    lowest = min(old)
                    first, death = found[lowest]
                    death = float(level) if lowest != min(minima) else death
                    found[lowest] = (float(level) if first is None else first, death)
        before = now
    return found


@pytest.mark.parametrize("shape", [(9,), (5, 6), (7, 4), (3, 4, 3)])
def test_basins_agree_with_flooding_each_level(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(len(shape))
    for _ in range(5):
        loss = random.random(shape)
        loss.flat[random.integers(loss.size)] = np.inf
        loss.flat[random.integers(loss.size)] = np.nan
        every = basins(loss)
        assert {b.minimum: (b.first_saddle, b.death) for b in every} == reference(loss)
        assert [b.minimum for b in every] == sorted(b.minimum for b in every)


def waves(kind: int) -> np.ndarray:
    """A landscape with several minima, in exact numbers."""
    i, j = np.meshgrid(np.arange(9), np.arange(9), indexing="ij")
    return ((7 * i * i + 11 * j * j + 3 * i * j + kind * (i * 5 + j)) % 64) / 8


# Pairs by gudhi 3.13.0: the finite intervals of CubicalComplex(vertices=tied) in dimension 0. SMAD by
# landscaper 1.2.1: LossLandscape(tied, [range(9)] * 2).smad(), from the merge tree. Version 1.3.1
# takes the edges of the contour tree, which can end at a saddle between two maxima.
PUBLISHED = {
    0: (16, 44.24997138977051, 2.3823549607220817),
    1: (16, 46.12495517730713, 2.6323507533353916),
    2: (17, 47.99991798400879, 2.340276453230116),
}
"""By kind: persistence pairs, total persistence and SMAD."""


@pytest.mark.parametrize("kind", sorted(PUBLISHED))
def test_numbers_of_published_implementations(kind: int) -> None:
    pairs, total, average = PUBLISHED[kind]
    tied = waves(kind) + np.arange(81).reshape(9, 9) / 2**20  # all values differ
    every = basins(tied)
    assert len([b for b in every if b.death is not None]) == pairs
    assert total_persistence(tied) == pytest.approx(total, rel=1e-12)
    assert smad(tied) == pytest.approx(average, rel=1e-12)


def test_landscapes_without_a_saddle() -> None:
    axis = np.linspace(-1, 1, 11)
    bowl = np.add.outer(axis**2, axis**2)
    assert len(basins(bowl)) == 1
    assert smad(bowl) == total_persistence(bowl) == 0
    assert smad(np.ones((4, 4))) == total_persistence(np.ones((4, 4))) == 0
    assert math.isnan(smad(np.full((2, 2), np.nan)))
    assert math.isnan(total_persistence(np.full((2, 2), np.inf)))
    cut = np.array([0.0, np.inf, 1.0])  # two basins that never meet
    assert [(b.first_saddle, b.death) for b in basins(cut)] == [(None, None)] * 2
    assert smad(cut) == total_persistence(cut) == 0


@given(st.integers(0, 2**32), st.floats(0.01, 100), st.floats(-10, 10))
def test_invariances(seed: int, factor: float, constant: float) -> None:
    loss = np.random.default_rng(seed).normal(size=(5, 6))
    for number in (smad, total_persistence):
        expected = pytest.approx(number(loss), rel=1e-9)
        assert number(loss.T) == expected
        assert number(loss[::-1]) == expected
        assert number(loss + constant) == expected
        assert number(factor * loss) / factor == expected
    logarithms = basins(np.exp(loss))  # the pairs depend on the order only
    assert [b.death for b in logarithms] == pytest.approx(
        [None if b.death is None else math.exp(b.death) for b in basins(loss)]
    )
