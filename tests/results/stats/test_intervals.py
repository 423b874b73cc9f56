"""Intervals: none below three seeds, and about 95 % of them hold the truth."""

import math
import random
import statistics
from collections.abc import Sequence

import numpy as np
import pytest

from nascope._src.results.stats.intervals import (
    bootstrap_t,
    cluster_bootstrap,
    detectable,
    over_seeds,
    student_quantile,
)


def test_no_interval_below_three_seeds() -> None:
    assert over_seeds([1.0, 2.0]).low is None
    assert over_seeds([1.0]).high is None
    assert over_seeds([]).seeds == 0


def test_against_a_printed_table() -> None:
    # t with 4 degrees of freedom, 97.5 %: 2.776
    estimate = over_seeds([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * math.sqrt(2.5) / math.sqrt(5)
    assert estimate.mean == 3
    assert estimate.low == pytest.approx(3 - half, abs=1e-3)
    assert estimate.high == pytest.approx(3 + half, abs=1e-3)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_lost_seed_leaves_no_mean(lost: float) -> None:
    estimate = over_seeds([1.0, 2.0, lost])
    assert math.isnan(estimate.mean)
    assert estimate.low is None


@pytest.mark.parametrize("seeds", [3, 5])
def test_coverage_at_the_n_really_used(seeds: int) -> None:
    generator, draws = random.Random(0), 4000
    held = 0
    for _ in range(draws):
        estimate = over_seeds([generator.gauss(0, 1) for _ in range(seeds)])
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 0 <= estimate.high
    assert held / draws == pytest.approx(0.95, abs=0.012)  # some 3.5 standard errors


@pytest.mark.parametrize("seeds", [10, 15, 30])
@pytest.mark.parametrize("skewed", [False, True])
def test_coverage_of_the_bootstrap(seeds: int, skewed: bool) -> None:
    """At least as near to 95 % as Student's, and within 2.5 points of it, also for a skew."""
    generator, draws = random.Random(1), 1500
    truth = math.exp(0.125) if skewed else 0.0
    held, students = 0, 0
    for _ in range(draws):
        values = [generator.gauss(0, 0.5 if skewed else 1) for _ in range(seeds)]
        values = [math.exp(value) for value in values] if skewed else values
        estimate = over_seeds(values)
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= truth <= estimate.high
        half = student_quantile(seeds - 1) * statistics.stdev(values) / math.sqrt(seeds)
        students += abs(statistics.fmean(values) - truth) <= half
    assert held / draws == pytest.approx(0.95, abs=0.025)
    if skewed:
        assert held >= students


def test_equal_values_leave_no_width() -> None:
    assert bootstrap_t([2.0] * 12) == (2.0, 2.0)


def test_the_bootstrap_draws_the_same_each_time() -> None:
    values = [float(k * k) for k in range(11)]
    assert bootstrap_t(values) == bootstrap_t(values)


def test_the_detectable_effect_is_found_at_its_power() -> None:
    generator, draws, detected = random.Random(2), 3000, 0
    for _ in range(draws):
        effect = detectable(1 / math.sqrt(8), 7)
        values = [generator.gauss(effect, 1) for _ in range(8)]
        estimate = over_seeds(values)
        detected += bool(estimate.low is not None and estimate.low > 0)
    assert detected / draws == pytest.approx(0.8, abs=0.04)


def test_whole_clusters_are_resampled() -> None:
    """With clusters of equal values, the interval is that of the clusters' means."""
    means = [float(k % 7) for k in range(12)]
    each_once = cluster_bootstrap(means, range(12))
    assert each_once is not None
    values = [mean for mean in means for _ in range(5)]
    papers = [k for k in range(12) for _ in range(5)]
    assert cluster_bootstrap(values, papers) == pytest.approx(each_once)
    low, high = cluster_bootstrap(values, range(60)) or (0.0, 0.0)
    assert high - low < 0.6 * (each_once[1] - each_once[0])


def test_clusters_can_count_once() -> None:
    values = [1.0] * 91 + [2.0 + k for k in range(9)]
    papers = [0] * 91 + list(range(1, 10))
    low, high = cluster_bootstrap(values, papers, each_once=True) or (0.0, 0.0)
    assert low < statistics.fmean([1.0, *(2.0 + k for k in range(9))]) < high
    assert low > 2


def test_nine_clusters_have_no_interval() -> None:
    assert cluster_bootstrap([1.0, 2.0] * 9, list(range(9)) * 2) is None


PAPERS = (45, 37, 20, 17, 16, 10, 3, 3, 3, 2, 2, 2, 2, *[1] * 7)  # of docs/results/predicted.md


@pytest.mark.parametrize(
    ("sizes", "each_once", "share"),
    [([4] * 25, False, 0.93), (PAPERS, False, 0.90), (PAPERS, True, 0.93)],
)
def test_coverage_of_the_cluster_bootstrap(
    sizes: Sequence[int], each_once: bool, share: float
) -> None:
    """Percentile intervals are a bit short, and more so if the sizes differ."""
    generator, draws, held = np.random.default_rng(5), 1000, 0
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    for _ in range(draws):
        values = generator.normal(0, 0.13, len(sizes))[clusters]
        values = values + generator.normal(0, 0.26, len(clusters))
        low, high = cluster_bootstrap(values, clusters.tolist(), each_once=each_once) or (0, 0)
        held += low <= 0 <= high
    assert held / draws == pytest.approx(share, abs=0.025)
