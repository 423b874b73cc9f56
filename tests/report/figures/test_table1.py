"""Table 1: the paper's numbers and ours."""

from __future__ import annotations

import dataclasses

import pytest

from nascope._src.cells.catalog import names as cell_names
from nascope._src.records.read import read_study
from nascope._src.report.accuracies import parts_of
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.table1 import draw_table
from nascope._src.results.paper.numbers import TABLE_1
from nascope._src.results.stats.paired import equivalence
from tests.report.figures.drawings import DIGITS, LACKING, words, written
from tests.report.synthetic import Fake, family, write_study


def adapted_pairs() -> list[Fake]:
    fakes = []
    for name in cell_names():
        (original,) = family(name, variants=0, landscape=None, variance=None)
        adapted = dataclasses.replace(
            original, label=f"{name}-adapted", variant="adapted", roughness=1.2
        )
        fakes += [original, adapted]
    fakes[-1] = dataclasses.replace(fakes[-1], diverged_at=3)
    fakes[-3] = dataclasses.replace(fakes[-3], started=False)
    return fakes


def test_the_table_has_the_papers_numbers_beside_ours(tmp_path):
    record = read_study(write_study(tmp_path, adapted_pairs()))
    columns = [DIGITS, LACKING]
    parts = parts_of(arrange(record), columns, ["cifar10", "cifar100"])
    drawing = draw_table(parts, "Table 1", style="paper")
    rows = written(drawing, tmp_path)
    assert len(rows) == 20
    text = words(drawing)
    for original, adapted in [*TABLE_1["cifar10"].values(), *TABLE_1["cifar100"].values()]:
        assert f"{original:.2f}" in text
        assert f"{adapted:.2f}" in text
    assert text.count("no data") >= 10
    assert "diverged" in text
    first = next(row for row in rows if row["family"] == "NASNet" and row["form"] == "adapted")
    (trial,) = [t for t in record.trials if t.label == "NASNet-adapted"]
    error = 100 - 100 * trial.training.last.test_accuracy
    assert float(first["error_percent"]) == pytest.approx(error)
    assert float(first["paper_error_percent"]) == 2.80
    ours = parts[0].lines[0]
    assert ours.difference == pytest.approx(
        float(first["error_percent"]) - float(rows[0]["error_percent"])
    )
    assert parts[0].lines[-1].difference is None  # one of the two diverged
    assert parts[0].lines[-1].pair is None
    (pair,) = [line.pair for line in parts[0].lines if line.family == "NASNet"]
    assert float(first["difference_points"]) == pytest.approx(ours.difference)
    assert float(first["difference_low"]) == pytest.approx(-100 * pair.high)
    assert float(first["difference_high"]) == pytest.approx(-100 * pair.low)
    assert first["within_margin"] == equivalence(pair.low, pair.high)
    assert float(first["mcnemar_p"]) == pytest.approx(pair.p)
    assert rows[0]["mcnemar_p"] == ""  # an original is compared with nothing


def test_a_difference_rests_on_common_seeds(tmp_path):
    """The adapted cell's hard seed diverged: what is left of it must not be held against all."""
    (original,) = family(variants=0, landscape=None, variance=None)
    adapted = dataclasses.replace(original, label="DARTS-adapted", variant="adapted", roughness=1.2)
    hard = {"seed": 1, "roughness": 6.0}
    fakes = [
        original,
        dataclasses.replace(original, **hard),
        adapted,
        dataclasses.replace(adapted, **hard, diverged_at=3),
    ]
    record = read_study(write_study(tmp_path, fakes))
    (part,) = parts_of(arrange(record), [DIGITS], ["cifar10"])
    (line,) = part.lines
    assert line.original.mean.mean < line.adapted.mean.mean  # of other seeds
    assert line.difference == -100 * line.pair.difference > 0
    drawing = draw_table([part], "Table 1", style="paper")
    assert f"+{line.difference:.2f}" in words(drawing)
