"""The tables of the contrast hold matched pairs, and the page's numbers follow from them."""

from __future__ import annotations

import functools
import math
import re
import statistics

import pytest

from nascope._src.cells.graph import depth, fractional_width
from nascope._src.results.blocks import blocks_in
from nascope._src.results.design import settings_of
from nascope._src.results.findings.designs import judge_designs
from nascope._src.results.measures import AREA
from nascope._src.results.text.numbers import signed
from tests.docs.pages import ROOT
from tests.results.committed import committed_study, rows_of

TEXT = re.sub(r"\s+", " ", (ROOT / "docs/results/contrast.md").read_text(encoding="utf-8"))
ROWS = rows_of("contrast", "trials")


def test_members_of_a_pair_have_equal_parameters():
    sizes: dict[tuple[str, str], set[str]] = {}
    for row in ROWS:
        sizes.setdefault((row["family"], row["design_allocation"]), set()).add(row["parameters"])
    assert {len(counts) for counts in sizes.values()} == {1}
    study = committed_study("contrast")
    (setting, *_) = settings_of(study)
    pairs = [block for block in blocks_in(study, setting, "contrast") if len(block.members) == 2]
    assert len(pairs) == 10
    for block in pairs:
        operations = {
            tuple(edge.operation for edge in member.genotype.normal.edges)
            for member in block.members.values()
        }
        assert len(operations) == 1


def test_rows_are_about_the_cells_that_they_name():
    for trial, row in zip(committed_study("contrast").trials, ROWS, strict=True):
        cell = trial.genotype.normal
        assert float(fractional_width(cell)) == float(row["normal_width"])
        assert trial.design.level == (fractional_width(cell), depth(cell))


def test_areas_follow_from_the_curves():
    for trial, row in zip(committed_study("contrast").trials, ROWS, strict=True):
        assert AREA.value(trial) == pytest.approx(float(row["area_under_loss"]), rel=2e-5)


@functools.cache
def findings():
    return {(f.claim, f.learning_rate): f for f in judge_designs(committed_study("contrast"))}


def interval(finding, digits):
    return f"[{signed(finding.low, digits)}, {signed(finding.high, digits)}]"


def test_the_primary_results_are_those_of_the_tables():
    assert all(math.isfinite(float(row["area_under_loss"])) for row in ROWS)
    assert len(ROWS) == 40
    for rate, p, digits, predicted in ((0.025, "0.020", 2, "−9.2"), (0.25, "0.014", 1, "−17.2")):
        finding = findings()[2, rate]
        assert (finding.outcome, finding.ahead, len(finding.pairs)) == ("supported", 8, 10)
        assert f"{finding.p:.3f}" == p
        shift = f"{signed(finding.effect, digits)} %"
        middle = 100 * math.expm1(statistics.median(pair.value for pair in finding.pairs))
        assert (
            f"| {rate:g} | 8 of 10 | {p} | {shift} {interval(finding, digits)} "
            f"| {signed(middle, 1)} % | {predicted} % |"
        ) in TEXT
    values = {(f.family, f.allocation): f.value for f in findings()[2, 0.25].pairs}
    worst = values.pop(("AmoebaNet", 2))
    assert f"hardly learns ({signed(100 * math.expm1(worst), 1)} %)" in TEXT
    rest = statistics.fmean(values.values())
    assert f"Without that pair the mean would be {signed(100 * math.expm1(rest), 1)} %" in TEXT


def test_what_is_said_of_the_families():
    shifts = {
        nodes: [
            100 * math.expm1(pair.value)
            for pair in findings()[2, 0.25].pairs
            if (pair.family in ("DARTS", "SNAS")) == (nodes == 4)
        ]
        for nodes in (4, 5)
    }
    assert len(shifts[5]) == 6
    assert max(shifts[5]) < -7.0
    assert sum(shift < 0 for shift in shifts[4]) == 2
    assert sum(abs(shift) < 1.5 for shift in shifts[4]) == 3


@pytest.mark.parametrize(
    ("claim", "rate", "name", "unit", "digits", "p"),
    [
        (3, 0.025, "3 steadier | 0.025", " % of the loss", 2, "0.58 | 0.64"),
        (3, 0.25, "3 steadier | 0.25", " % of the loss", 2, "0.21 | 0.64"),
        (4, None, "4 grows with the rate | both", " per decade", 3, "0.018 | 0.070"),
        (7, 0.025, "7 ahead early | 0.025", " points", 2, "0.21 | 0.64"),
        (7, 0.25, "7 ahead early | 0.25", " points", 2, "0.0078 | 0.039"),
    ],
)
def test_the_secondary_results_are_those_of_the_tables(claim, rate, name, unit, digits, p):
    finding = findings()[claim, rate]
    for text, value in zip(p.split(" | "), (finding.p, finding.holm), strict=True):
        assert f"{value:.{len(text) - 2}f}" == text
    row = (
        f"| {name} | {finding.ahead} of 10 | {p} | {signed(finding.effect, digits)}{unit} "
        f"{interval(finding, digits)} | {finding.outcome} |"
    )
    assert row in TEXT


def test_the_spreads_are_those_of_the_pairs():
    found = [
        statistics.stdev(pair.value for pair in findings()[2, rate].pairs) / math.sqrt(2)
        for rate in (0.025, 0.25)
    ]
    assert f"{found[0]:.3f} instead of 0.029 at rate 0.025, and {found[1]:.3f} instead of" in TEXT
    assert f"detects {findings()[2, 0.25].detectable:.0f} % with a power of 80 %" in TEXT
    assert all(f.late == (20, 20) for (claim, _), f in findings().items() if claim == 8)
