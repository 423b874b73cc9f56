"""Figure 9: accuracies as the records have them."""

from __future__ import annotations

import dataclasses

import pytest

from nascope._src.records.read import read_study
from nascope._src.report.accuracies import place_of_original
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.accuracies import draw_accuracies
from tests.report.figures.drawings import DIGITS, LACKING, record_of, words, written
from tests.report.synthetic import HOSTILE_NAME, family, write_study


def test_accuracies_are_the_records(tmp_path):
    record = record_of("plain", tmp_path)
    drawing = draw_accuracies(arrange(record), [DIGITS], "Accuracy", style="paper")
    rows = written(drawing, tmp_path)
    found = {row["cell"]: float(row["test_accuracy_percent"]) for row in rows}
    expected = {t.label: 100 * t.training.last.test_accuracy for t in record.trials}
    assert found == pytest.approx(expected)
    group = arrange(record).group_of(DIGITS, "DARTS")
    better = sum(value > expected["DARTS"] for value in expected.values())
    place = place_of_original(group)
    assert (place.rank, place.members) == (1 + better, 5)
    assert place.chance == pytest.approx((1 + better) / 5)
    assert place.chance_of_a_better_one == pytest.approx(4 / 5)
    for row in rows:  # a row's place is its own cell's
        rank = 1 + sum(value > found[row["cell"]] for value in found.values())
        assert (int(row["rank"]), int(row["of"])) == (rank, 5)
        assert float(row["chance_of_such_a_rank_or_better"]) == pytest.approx(rank / 5)
        assert float(row["chance_that_another_is_better"]) == pytest.approx(0.8)


@pytest.mark.parametrize("name", ["hostile", "planned", "single"])
def test_any_study_has_accuracies(name, tmp_path):
    drawing = draw_accuracies(arrange(record_of(name, tmp_path)), [DIGITS], "Any", style="paper")
    rows = written(drawing, tmp_path)
    assert all(row["cell"] for row in rows)
    if name == "hostile":
        assert "diverged" in words(drawing)
        assert HOSTILE_NAME in {row["cell"] for row in rows}
    if name == "planned":
        assert "not run yet" in words(drawing)


def test_a_data_set_that_is_not_there_says_so(tmp_path):
    arrangement = arrange(record_of("families", tmp_path))
    drawing = draw_accuracies(arrangement, [DIGITS, LACKING], "Accuracy", style="paper")
    assert "no data: CIFAR-100" in words(drawing)


def test_what_diverged_is_marked(tmp_path):
    fakes = family(variants=2)
    fakes[0] = dataclasses.replace(fakes[0], diverged_at=2)
    record = read_study(write_study(tmp_path, fakes))
    assert "diverged" in words(draw_accuracies(arrange(record), [DIGITS], "Accuracy"))


def test_cells_without_a_common_seed_have_no_rank(tmp_path):
    original, variant = family(variants=1)
    fakes = [original, dataclasses.replace(variant, seed=1)]
    record = read_study(write_study(tmp_path, fakes))
    drawing = draw_accuracies(arrange(record), [DIGITS], "Accuracy", style="paper")
    assert [row["rank"] for row in written(drawing, tmp_path)] == ["", ""]
