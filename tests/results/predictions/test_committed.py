"""The committed results of the population follow from its standings, and the page states them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy import stats

FOLDER = Path(__file__).parents[3] / "docs/results"
PAGE = (FOLDER / "predicted.md").read_text(encoding="utf-8")
STANDINGS = pandas.read_csv(FOLDER / "predicted/standings.csv")
MEANS = pandas.read_csv(FOLDER / "predicted/means.csv")
PUBLISHED = STANDINGS[~STANDINGS.control]
LAST = PUBLISHED[PUBLISHED.epoch == 98]


def stated(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


@pytest.mark.parametrize(
    "row", list(MEANS.itertuples()), ids=lambda row: f"{row.measure}-{row.epoch}"
)
def test_means_follow_from_the_standings(row):
    """Computed again in a few lines, with a bootstrap over papers of its own."""
    at = PUBLISHED[PUBLISHED.epoch == row.epoch].dropna(subset=[row.measure])
    assert (row.cells, row.papers) == (len(at), at.paper.nunique())
    groups = [values.to_numpy() for _, values in at.groupby("paper", sort=False)[row.measure]]
    assert row.mean == pytest.approx(np.concatenate(groups).mean())
    assert row.paper_mean == pytest.approx(np.mean([group.mean() for group in groups]))
    over_cells, over_papers = [], []
    for places in np.random.default_rng(0).integers(len(groups), size=(2000, len(groups))):
        drawn = [groups[place] for place in places]
        over_cells.append(np.concatenate(drawn).mean())
        over_papers.append(np.mean([group.mean() for group in drawn]))
    assert (row.low, row.high) == pytest.approx(tuple(np.percentile(over_cells, [2.5, 97.5])))
    ends = tuple(np.percentile(over_papers, [2.5, 97.5]))
    assert (row.paper_low, row.paper_high) == pytest.approx(ends)


ROWS = {
    "quantile, mean over cells": ("quantile", "", 1, ""),
    "quantile, mean over papers": ("quantile", "paper_", 1, ""),
    "quantile given width and depth, over cells": ("quantile_given_topology", "", 1, ""),
    "quantile given width and depth, over papers": ("quantile_given_topology", "paper_", 1, ""),
    "ρ of width over a cell's rewirings": ("rho_width", "", 1, "+"),
    "ρ of depth": ("rho_depth", "", 1, ""),
    "ρ of width given depth": ("rho_width_given_depth", "", 1, "+"),
    "ρ of depth given width": ("rho_depth_given_width", "", 1, ""),
    "points per c, depth equal": ("slope_width", "", 100, "+"),
    "points per level, width equal": ("slope_depth", "", 100, ""),
}


@pytest.mark.parametrize("title", ROWS)
def test_the_page_states_the_means(title):
    measure, prefix, scale, sign = ROWS[title]
    cells = []
    for row in MEANS[MEANS.measure == measure].to_dict("records"):
        mean = row[f"{prefix}mean"] if prefix else row["mean"]
        low, high = (stated(scale * row[f"{prefix}{end}"]) for end in ("low", "high"))
        cells.append(f"{sign}{stated(scale * mean)} [{low}, {high}]")
    assert f"| {title} | {' | '.join(cells)} |" in PAGE


def test_the_page_states_what_the_cells_show():
    def words(text: str) -> bool:
        return text in " ".join(PAGE.split())

    assert words(f"{len(LAST)} cells of {LAST.paper.nunique()} papers")
    assert words(f"{STANDINGS[STANDINGS.epoch == 98].rewirings.sum():,} in total")
    assert words(
        f"{(LAST['quantile'] > 0.9).mean():.0%}".replace("%", " %")
        + " of the cells are above nine tenths"
    )
    assert words(f"{(LAST['quantile'] < 0.1).mean():.0%}".replace("%", " %") + " below nine tenths")
    rho = stats.spearmanr(LAST["quantile"], LAST.width).statistic
    assert words(f"rank correlation of {rho:.2f} with the cell's own width")
    assert (PUBLISHED.rho_width > 0).all()
    early = PUBLISHED[PUBLISHED.epoch == 1]
    rho = stats.spearmanr(early["quantile"], LAST["quantile"]).statistic  # in the same order
    assert words(f"(rank correlation over cells: {rho:.2f})")
    milenas = LAST.paper.str.contains("MiLeNAS")
    assert words(f"mean quantile of {LAST['quantile'][milenas].mean():.2f}")
    assert words(f"Without MiLeNAS the mean is {LAST['quantile'][~milenas].mean():.2f} [")
    perturbed = LAST.paper.str.contains("Perturbation")
    assert words(f"perturbation-based regularization {LAST['quantile'][perturbed].mean():.2f}")
    darts, snas = (LAST[LAST.name == name].iloc[0] for name in ("DARTS", "SNAS"))
    assert words(f"DARTS' is at {darts['quantile']:.2f}, SNAS' at {snas['quantile']:.2f}")
    assert words(f"SNAS' cell is at {snas.quantile_given_topology:.2f} among")
    assert words(f"DARTS' at {darts.quantile_given_topology:.2f}")
