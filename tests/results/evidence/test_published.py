"""The numbers of docs/results/evidence.md, computed again with scipy from the tables.

They are skipped without the tables, in the folder ``tables`` of the one that NASCOPE_DATA names.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from nascope._src.results.evidence.design import make_design
from nascope._src.results.external.accuracies import MeasuredTable, read_tables
from nascope._src.results.stats.rank_bootstrap import Estimate, correlations, rank_moments
from nascope._src.results.text.evidence import in_brackets
from tests.results.evidence import reference

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs" / "results" / "evidence"
PAGE = (ROOT / "docs" / "results" / "evidence.md").read_text(encoding="utf-8")
TABLES = Path(os.environ.get("NASCOPE_DATA", "none")) / "tables"
SMALL = ("nasbench101-500-zero-cost.json", "darts-214-random-cells.parquet",
         "nasbench301-725-zero-cost.json")  # fmt: skip
LARGE = ("nasbench201-cifar10.csv", "nasbench201-imagenet16-120.csv")

needs_tables = pytest.mark.skipif(not TABLES.is_dir(), reason="needs the published tables")


def rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def of(table: str, name: str = "rows") -> list[dict[str, str]]:
    return [row for row in rows(name) if row["table"] == table]


def number(text: str) -> float:
    return float(text) if text else np.nan


def epoch_of(row: dict[str, str]) -> int | None:
    return int(row["epoch"]) if row["epoch"] else None


def columns(table: MeasuredTable, epochs: list[int | None]) -> tuple[np.ndarray, ...]:
    design = make_design(table)
    places = [0 if epoch is None else table.epochs.index(epoch) for epoch in epochs]
    return design.values, table.accuracies[:, 0, places].T, design.control_values


@needs_tables
@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_every_rho_and_slope(name: str) -> None:
    (table,) = read_tables(TABLES / name)
    found = of(name)
    epochs = list(dict.fromkeys(map(epoch_of, found)))
    x, y, z = columns(table, epochs)
    raw, adjusted = reference.rank_correlations(x, y, z)
    measures = list(make_design(table).measures)
    for row in found:
        i, j = measures.index((row["cell"], row["measure"])), epochs.index(epoch_of(row))
        assert number(row["rho"]) == pytest.approx(raw[i, j], abs=1e-9, nan_ok=True)
        assert number(row["adjusted_rho"]) == pytest.approx(adjusted[i, j], abs=1e-7, nan_ok=True)
        if row["slope"]:
            assert number(row["slope"]) == pytest.approx(reference.slope(x[i], y[j]))


@needs_tables
@pytest.mark.parametrize("name", SMALL)
def test_every_interval(name: str) -> None:
    (table,) = read_tables(TABLES / name)
    found = of(name)
    epochs = [e for e in dict.fromkeys(map(epoch_of, found)) if e in (None, 1, 10, 60, 600)]
    x, y, z = columns(table, epochs)
    draws = reference.draws(len(table.members), 2000)
    again = [reference.rank_correlations(x[:, d], y[:, d], z[:, d]) for d in draws]
    raws, adjusteds = (np.array(values) for values in zip(*again, strict=True))
    measures = list(make_design(table).measures)
    for row in found:
        if epoch_of(row) in epochs and row["rho"]:
            place = measures.index((row["cell"], row["measure"])), epochs.index(epoch_of(row))
            for prefix, values in (("", raws), ("adjusted_", adjusteds)):
                expected = reference.interval(values[(slice(None), *place)])
                given = [number(row[prefix + end]) for end in ("low", "high")]
                assert given == pytest.approx(expected, abs=1e-6)


@needs_tables
def test_the_resamples_of_a_large_table() -> None:
    (table,) = read_tables(TABLES / LARGE[0])
    x, y, z = columns(table, [None])
    raw = rank_moments([*x, *z, *y], resamples=20)
    adjusted = raw.given(range(len(x), len(x) + len(z)))
    last = raw.covariance.shape[1] - 1
    for number_of, draw in enumerate(reference.draws(len(table.members), 20), start=1):
        plain, given = reference.rank_correlations(x[:, draw], y[:, draw], z[:, draw])
        for moments, expected in ((raw, plain), (adjusted, given)):
            value = correlations(moments.covariance, 1, last)[number_of]
            assert value == pytest.approx(expected[1, 0], abs=1e-8)


@needs_tables
def test_digests_of_the_tables() -> None:
    found = {
        hashlib.sha256((TABLES / name).read_bytes()).hexdigest()[:16] for name in SMALL + LARGE
    }
    assert found == set(re.findall(r"`([0-9a-f]{16})`", PAGE))


def test_the_page_quotes_its_data() -> None:
    """Every verdict, and width and depth at every epoch that the page's table shows."""
    for row in rows("statements"):
        if row["value"]:
            assert written(row, "value", "low", "high") in PAGE.replace("\n", " ")
            assert row["verdict"] in PAGE
    darts = of("darts-214-random-cells.parquet")
    for line in re.findall(r"^\| (\d+)(?: \(early\))? \| (.*) \|$", PAGE, re.MULTILINE):
        cells = line[1].split(" | ")
        width, depth = (
            next(
                r for r in darts if (r["cell"], r["measure"], r["epoch"]) == ("normal", m, line[0])
            )
            for m in ("fractional_width", "depth")
        )
        assert cells == [
            written(width, "rho", "low", "high"),
            written(width, "adjusted_rho", "adjusted_low", "adjusted_high"),
            written(width, "slope", "slope_low", "slope_high"),
            written(depth, "rho", "low", "high"),
            written(depth, "adjusted_rho", "adjusted_low", "adjusted_high"),
        ]


def written(row: dict[str, str], *keys: str) -> str:
    return in_brackets(Estimate(*(number(row[key]) for key in keys)))


@needs_tables
def test_the_average_of_ten_early_epochs() -> None:
    """What the page says about a single noisy epoch, with scipy alone."""
    (table,) = read_tables(TABLES / "darts-214-random-cells.parquet")
    design = make_design(table)
    width = design.values[list(design.measures).index(("normal", "fractional_width"))]
    by_epoch = dict(zip(table.epochs, table.accuracies[:, 0].T, strict=True))
    early = np.mean([by_epoch[epoch] for epoch in range(51, 61)], axis=0)
    final = by_epoch[600]
    assert f"ρ is {spearmanr(early, final)[0]:.2f} [0.32, 0.54]" in " ".join(PAGE.split())
    assert f"ρ is {spearmanr(width, early)[0]:+.2f} [+0.29, +0.52]" in " ".join(PAGE.split())
    gap = spearmanr(width, early)[0] - spearmanr(width, final)[0]
    assert f"by {gap:.2f} [−0.04, +0.22]" in " ".join(PAGE.split())
    jumps = [spearmanr(width, by_epoch[epoch])[0] for epoch in range(48, 71)]
    assert f"between {min(jumps):+.2f} and {max(jumps):+.2f}" in " ".join(PAGE.split())
    for epoch, spreads in ((1, "0.71 standard deviations"), (600, "0.75 at the end")):
        slope = np.polyfit(width, by_epoch[epoch], 1)[0] / np.std(by_epoch[epoch], ddof=1)
        assert f"{slope:.2f}" in spreads
        assert spreads in " ".join(PAGE.split())


@needs_tables
@pytest.mark.parametrize(
    ("name", "depth", "width"), [(LARGE[0], "−0.01", "+0.11"), (LARGE[1], "−0.02", "+0.16")]
)
def test_cells_with_the_same_operations(name: str, depth: str, width: str) -> None:
    """Within groups of the same counts: ranks less their group's mean."""
    (table,) = read_tables(TABLES / name)
    design = make_design(table)
    counts = [
        tuple(sorted((key, n) for key, n in dict(facts.operations).items() if key[0] == "normal"))
        for facts in (table.cells.facts[member] for member in table.members)
    ]
    group = {key: place for place, key in enumerate(sorted(set(counts)))}
    assert len(group) == 209
    places = np.array([group[key] for key in counts])

    def within(values: np.ndarray) -> np.ndarray:
        ranks = rankdata(values)
        means = np.bincount(places, ranks) / np.bincount(places)
        return ranks - means[places]

    measures = list(design.measures)
    wide, deep = (
        within(design.values[measures.index(("normal", measure))])
        for measure in ("fractional_width", "depth")
    )
    accuracy = within(table.accuracies[:, 0, -1])
    left = [values - wide * (values @ wide) / (wide @ wide) for values in (deep, accuracy)]
    assert f"{np.corrcoef(*left)[0, 1]:+.2f}".replace("-", "−") == depth
    assert f"{np.corrcoef(wide, accuracy)[0, 1]:+.2f}" == width
    assert depth in PAGE
    assert width in PAGE
