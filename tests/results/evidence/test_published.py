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
