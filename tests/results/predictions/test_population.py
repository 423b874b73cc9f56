"""Published cells against all of their rewirings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from nascope._src.cells.catalog import find, load
from nascope._src.cells.graph import topology
from nascope._src.results.predictions.population import (
    MEASURES,
    population,
    population_means,
    quantile,
    rewirings_of,
    stand_in_population,
    standing,
)
from nascope._src.surrogate.model import open_surrogate
from tests.surrogate.linear import write_surrogate


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="needs the extra surrogate")
    return open_surrogate(write_surrogate(tmp_path_factory.mktemp("surrogate")))


@pytest.fixture(scope="module")
def rewirings():
    return rewirings_of(load("DARTS"))


def test_the_population_is_the_catalogue_in_the_surrogates_space(surrogate):
    cells = population(surrogate)
    assert len(cells) == len({cell.genotype for cell in cells}) == 171
    assert len({cell.paper for cell in cells}) == 20
    assert {"DARTS", "SNAS"} <= {cell.genotype.name for cell in cells}
    assert not any(cell.group == "adapted" for cell in cells)


def test_width_and_depth_are_the_topologys(rewirings):
    assert rewirings.genotypes[rewirings.original] == load("DARTS")
    for place in range(0, 2880, 97):
        numbers = topology(rewirings.genotypes[place].normal)
        assert rewirings.width[place] == float(numbers.fractional_width)
        assert rewirings.depth[place] == numbers.depth


def test_numbers_are_their_definitions(rewirings):
    generator = np.random.default_rng(0)
    accuracies = 0.9 + 0.01 * rewirings.width - 0.002 * rewirings.depth
    accuracies = accuracies + generator.normal(0, 0.01, 2880)
    found = standing(find("DARTS"), rewirings, 98, accuracies)
    value = accuracies[rewirings.original]
    assert found.quantile == pytest.approx(stats.percentileofscore(accuracies, value, "mean") / 100)
    alike = accuracies[(rewirings.width == 3.5) & (rewirings.depth == 3)]
    assert found.quantile_given_topology == pytest.approx(
        stats.percentileofscore(alike, value, "mean") / 100
    )
    width, depth = (stats.rankdata(x) for x in (rewirings.width, rewirings.depth))
    ranks = stats.rankdata(accuracies)
    assert found.rho_width == pytest.approx(np.corrcoef(width, ranks)[0, 1])
    assert found.rho_depth == pytest.approx(np.corrcoef(depth, ranks)[0, 1])

    def left(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        line = stats.linregress(x, y)
        return y - line.intercept - line.slope * x

    assert found.rho_width_given_depth == pytest.approx(
        np.corrcoef(left(width, depth), left(ranks, depth))[0, 1]
    )
    assert found.rho_depth_given_width == pytest.approx(
        np.corrcoef(left(depth, width), left(ranks, width))[0, 1]
    )
    assert found.slope_width == pytest.approx(0.01, abs=0.001)
    assert found.slope_depth == pytest.approx(-0.002, abs=0.001)
    assert (found.rewirings, found.width, found.depth) == (2880, 3.5, 3)


def test_equal_predictions_are_chance(rewirings):
    found = standing(find("DARTS"), rewirings, 1, np.full(2880, 0.9))
    assert found.quantile == 0.5
    assert math.isnan(found.quantile_given_topology)
    assert math.isnan(found.rho_width)


def test_rewirings_that_are_one_cell_do_not_change_the_numbers(rewirings):
    """Two nodes of DARTS' cell have one operation: 720 cells, each of them four times."""
    ordered = {
        tuple(frozenset(node) for node in variant.normal.nodes): place
        for place, variant in enumerate(rewirings.genotypes)
    }
    assert len(ordered) == 720
    value = {key: float(k) for k, key in enumerate(sorted(ordered, key=str))}
    every = np.array(
        [value[tuple(frozenset(n) for n in v.normal.nodes)] for v in rewirings.genotypes]
    )
    once = np.array(list(value.values()))
    assert quantile(every[rewirings.original], every) == pytest.approx(
        quantile(every[rewirings.original], once)
    )


def test_means_are_over_cells_and_over_papers(rewirings):
    base = standing(find("DARTS"), rewirings, 1, np.linspace(0, 1, 2880))
    values = {"a": [0.9] * 10, **{f"paper {k}": [0.1 * (k % 5)] for k in range(11)}}
    standings = [
        replace(base, paper=paper, quantile=value)
        for paper, cells in values.items()
        for value in cells
    ]
    mean = next(m for m in population_means(standings) if m.measure == "quantile")
    every = [value for cells in values.values() for value in cells]
    assert (mean.cells, mean.papers) == (21, 12)
    assert mean.mean == pytest.approx(np.mean(every))
    assert mean.paper_mean == pytest.approx(np.mean([np.mean(cells) for cells in values.values()]))
    assert mean.interval is not None
    assert mean.interval[0] < mean.mean < mean.interval[1]
    assert mean.above == pytest.approx(np.mean([value > 0.5 for value in every]))
    row = mean.as_row()
    assert (row["low"], row["high"]) == mean.interval
    assert (row["paper_low"], row["paper_high"]) == mean.paper_interval


def test_cells_without_a_number_are_left_out(rewirings):
    base = standing(find("DARTS"), rewirings, 1, np.linspace(0, 1, 2880))
    lost = replace(base, rho_width=math.nan)
    (mean,) = (m for m in population_means([base, lost]) if m.measure == "rho_width")
    assert (mean.cells, mean.interval) == (1, None)


def test_every_cell_and_epoch_has_a_standing(surrogate):
    steps = []
    standings = stand_in_population(
        surrogate, (1, 98), cells=[find("DARTS"), find("SNAS")],
        progress=lambda share, words: steps.append((share, words)),
    )  # fmt: skip
    assert [(s.name, s.epoch) for s in standings] == [
        ("DARTS", 1), ("DARTS", 98), ("SNAS", 1), ("SNAS", 98),
    ]  # fmt: skip
    assert standings[0].quantile == standings[1].quantile  # the linear surrogate only adds epochs
    assert steps[-1] == (1, "SNAS, 2 of 2 cells")
    assert [share for share, _ in steps] == sorted(share for share, _ in steps)
    assert {mean.measure for mean in population_means(standings)} == set(MEASURES)
