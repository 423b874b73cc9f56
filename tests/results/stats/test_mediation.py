"""Mediation: against least squares, planted shares, nulls, and the coverage of its intervals."""

from __future__ import annotations

import numpy as np
import pytest

from nascope._src.results.stats import mediation
from nascope._src.results.stats.mediation import Mediation, mediate


def planted(
    random: np.random.Generator, pairs: int, a: float, b: float, direct: float
) -> Mediation:
    """Pairs whose mediator differs by a, with slope b of the outcome and a direct effect."""
    change, level = a + random.normal(size=pairs), random.normal(size=pairs)
    outcome = direct + b * change + 0.3 * level + 0.7 * random.normal(size=pairs)
    parts = mediate(outcome, np.stack([level + change / 2, level - change / 2], axis=1))
    assert parts is not None
    return parts


def test_coefficients_are_those_of_least_squares() -> None:
    random = np.random.default_rng(1)
    mediator, outcome = random.normal(size=(12, 2)), random.normal(size=12)
    change, level = mediator[:, 0] - mediator[:, 1], mediator.mean(axis=1)
    design = np.stack([np.ones(12), change, level - level.mean()], axis=1)
    (direct, slope, _), *_ = np.linalg.lstsq(design, outcome, rcond=None)
    parts = mediate(outcome, mediator)
    assert parts is not None
    assert parts.slope == pytest.approx(slope)
    assert parts.direct == pytest.approx(direct)
    assert parts.total == pytest.approx(outcome.mean())
    assert parts.indirect == pytest.approx(slope * change.mean())
    assert parts.total == pytest.approx(parts.direct + parts.indirect)


def test_a_planted_share_is_recovered() -> None:
    parts = planted(np.random.default_rng(2), 400, a=1.0, b=0.7, direct=0.3)
    assert parts.is_found
    assert parts.share == pytest.approx(0.7, abs=0.1)
    assert parts.share_low < 0.7 < parts.share_high
    assert parts.share_high - parts.share_low < 0.4
    assert parts.needed is None


def test_a_mediator_without_an_effect_is_not_found() -> None:
    parts = planted(np.random.default_rng(3), 20, a=1.0, b=0.0, direct=1.0)
    assert not parts.is_found
    assert parts.share_low < 0 < parts.share_high
    assert parts.needed > 20


def test_without_a_total_effect_there_is_no_share() -> None:
    parts = planted(np.random.default_rng(4), 20, a=0.0, b=1.0, direct=0.0)
    assert (parts.share, parts.share_low, parts.share_high) == (None, None, None)


@pytest.mark.parametrize(
    ("a", "b", "direct"), [(0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0)]
)
def test_intervals_cover_the_planted_effect_for_ten_pairs(
    a: float, b: float, direct: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mediation, "RESAMPLES", 1000)
    random = np.random.default_rng(5)
    drawn = [planted(random, 10, a, b, direct) for _ in range(200)]
    covered = sum(parts.low <= a * b <= parts.high for parts in drawn)
    assert covered >= 0.93 * 200
    if a * b == 0:
        assert sum(parts.is_found for parts in drawn) <= 0.07 * 200
    else:
        assert sum(parts.is_found for parts in drawn) >= 0.4 * 200


def test_pairs_of_a_block_are_drawn_together() -> None:
    random = np.random.default_rng(6)
    mediator, outcome = random.normal(size=(16, 2)), random.normal(size=16)
    alone = mediate(outcome, mediator)
    twice = mediate(np.repeat(outcome, 2), np.repeat(mediator, 2, axis=0), np.repeat(range(16), 2))
    assert alone is not None
    assert twice is not None
    assert twice.indirect == pytest.approx(alone.indirect)
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high))
    uneven = mediate(outcome, mediator, [0, 0, *range(1, 15)])
    assert uneven is not None
    assert uneven.low < uneven.indirect < uneven.high


def test_what_cannot_be_split() -> None:
    random = np.random.default_rng(7)
    mediator, outcome = random.normal(size=(10, 2)), random.normal(size=10)
    assert mediate(outcome[:5], mediator[:5]) is None
    assert mediate(outcome, mediator, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]) is None  # five blocks
    assert mediate(np.r_[outcome[:9], np.inf], mediator) is None
    assert mediate(outcome, np.c_[mediator[:, 0], mediator[:, 0] - 1]) is None
    assert mediate([], []) is None
    level = mediate(outcome, np.c_[mediator[:, 0], -mediator[:, 0]])  # all pairs at one level
    assert level is not None
