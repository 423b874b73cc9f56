"""Figures in the paper's arrangement, of invented studies: there, painted, with their data."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from nascope._src.report.figures.drawn import Drawn, in_print, write
from nascope._src.report.figures.paper_curves import draw_curves
from nascope._src.report.figures.paper_grids import draw_grids, in_mode

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.records.files import read_arrays
from nascope._src.records.read import read_study
from nascope._src.report.accuracies import accuracies_of, place_of_original
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.accuracies import draw_accuracies
from nascope._src.report.figures.curves import curve_figure, draw_lines
from nascope._src.report.figures.linear_cells import draw_linear_cells
from nascope._src.report.figures.table1 import draw_table, parts_of
from nascope._src.report.figures.topologies import draw_topologies
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.paper.numbers import TABLE_1
from nascope._src.results.stats.paired import equivalence
from tests.report.synthetic import HOSTILE_NAME, STUDIES, Fake, family, write_study
from tests.report.test_figures import is_painted

DIGITS = FigureColumn("digits", 0.025)
LACKING = FigureColumn("cifar100", 0.025, absent="no data: CIFAR-100")
RATES = [FigureColumn("digits", rate, rate_shown=True) for rate in (0.0025, 0.025, 0.25)]
ENDINGS = (".pdf", ".svg", ".png")


def study(folder: Path, name: str):
    return read_study(write_study(folder, STUDIES[name]()))


def words(drawn: Drawn) -> str:
    """Everything that is written in a figure."""
    drawn.figure.canvas.draw()
    return "\n".join(text.get_text() for text in drawn.figure.findobj(Text))


def written(drawn: Drawn, folder: Path) -> list[dict[str, str]]:
    """Write a figure; its three formats are painted, and its table's rows are returned."""
    with in_print():
        paths = write(drawn, folder / "paper", "figure")
    assert [path.suffix for path in paths[:3]] == list(ENDINGS)
    assert paths[0].read_bytes().startswith(b"%PDF-")
    assert b"<svg" in paths[1].read_bytes()[:1000]
    assert is_painted(paths[2], share=0.005, colours=30)  # one dot's figure is mostly white
    assert not list((folder / "paper").glob(".*"))  # nothing half-written is left
    table = folder / "paper" / "figure.csv"
    if not table.exists():
        return []
    return list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))


def test_curves_of_learning_rates_and_of_what_diverged(tmp_path):
    record = study(tmp_path, "rates")
    with in_print():
        drawn = draw_curves(arrange(record), RATES, "Convergence")
    rows = written(drawn, tmp_path)
    points = sum(len(trial.training.curve) for trial in record.trials)
    assert len(rows) == points
    shown = words(drawn)
    assert "digits, learning rate 0.25" in shown
    assert "diverged" in shown
    losses = drawn.figure.subfigs[0].get_axes()[:3]
    assert len({ax.get_ylim() for ax in losses}) == 1  # rates can be compared
    bands = [len(ax.collections) for ax in losses]
    assert bands == [5, 5, 5]  # of three seeds


def test_a_data_set_that_is_not_there_says_so(tmp_path):
    record = study(tmp_path, "families")
    with in_print():
        drawn = draw_curves(arrange(record), [DIGITS, LACKING], "Convergence")
    rows = written(drawn, tmp_path)
    assert words(drawn).count("no data: CIFAR-100") == 4  # two families, loss and accuracy
    assert {row["setting"] for row in rows} == {"digits"}
    for draw in (draw_accuracies,):
        with in_print():
            drawn = draw(arrange(record), [DIGITS, LACKING], "Accuracy")
        assert "no data: CIFAR-100" in words(drawn)


@pytest.mark.parametrize("name", ["hostile", "planned", "single"])
def test_any_study_has_curves_and_accuracies(name, tmp_path):
    record = study(tmp_path, name)
    for draw in (draw_curves, draw_accuracies):
        with in_print():
            drawn = draw(arrange(record), [DIGITS], "Anything")
        rows = written(drawn, tmp_path)
        assert all(row["cell"] for row in rows)
    if name == "hostile":
        assert "diverged" in words(drawn)
        assert HOSTILE_NAME in {row["cell"] for row in rows}
    if name == "planned":
        assert "not run yet" in words(drawn)


@pytest.mark.parametrize(
    ("kind", "surfaces"), [("landscape", False), ("variance", False), ("variance", True)]
)
def test_grids_with_holes_and_without(kind, surfaces, tmp_path):
    record = study(tmp_path, "hostile")
    with in_print():
        drawn = draw_grids(arrange(record), kind, "Grids", surfaces=surfaces)
    written(drawn, tmp_path)
    arrays = read_arrays(tmp_path / "paper" / "figure.npz")
    probed = [trial for trial in record.trials if trial.probe(kind) is not None]
    assert arrays["labels"].tolist() == [trial.label for trial in probed]
    found = probed[0].probe(kind).arrays["loss" if kind == "landscape" else "variance"]
    shown = arrays["values_0"] if kind == "landscape" else arrays["values_0"] ** 2
    np.testing.assert_allclose(shown[np.isfinite(shown)], found[np.isfinite(shown)])
    assert (~np.isfinite(shown)).any()  # what is not finite stays so
    text = words(drawn)
    assert "diverged at\nepoch 5" in text  # no grid, and why
    assert "not run yet" in text
    assert "failed" in text
    hatched = [
        p for p in drawn.figure.findobj(lambda a: getattr(a, "get_hatch", None)) if p.get_hatch()
    ]
    assert bool(hatched) != surfaces


def test_seeds_and_families_are_rows(tmp_path):
    three = [
        dataclasses.replace(fake, seed=seed) for seed in range(3) for fake in family(variants=2)
    ]
    record = read_study(write_study(tmp_path, three))
    with in_print():
        drawn = draw_grids(arrange(record), "landscape", "Seeds")
    labels = {ax.get_ylabel() for ax in drawn.figure.axes}
    assert {"seed 0\nβ", "seed 1\nβ", "seed 2\nβ"} <= labels
    record = study(tmp_path / "two", "families")
    with in_print():
        drawn = draw_grids(arrange(record), "landscape", "Families")
    labels = {ax.get_ylabel() for ax in drawn.figure.axes}
    assert {"DARTS\nβ", "AmoebaNet\nβ"} <= labels


def test_all_panels_share_their_levels(tmp_path):
    record = study(tmp_path, "plain")
    with in_print():
        drawn = draw_grids(arrange(record), "variance", "Variance")
    meshes = drawn.figure.findobj(lambda artist: type(artist).__name__ == "QuadMesh")
    limits = {mesh.get_clim() for mesh in meshes}
    assert len(meshes) >= 5
    assert len(limits) == 1


def bar_names(drawn: Drawn) -> list[Text]:
    """What stands at the levels of a figure's colour bars."""
    drawn.figure.draw_without_rendering()
    bars = [ax for ax in drawn.figure.axes if ax.get_label() == "<colorbar>"]
    assert bars
    return [text for ax in bars for text in ax.get_xticklabels() if text.get_text()]


@pytest.mark.parametrize("surfaces", [False, True])
def test_a_colour_bars_names_do_not_touch(surfaces, tmp_path):
    steep = np.geomspace(5, 4000, 121).reshape(11, 11) ** 2  # a name every octave, to 4,100
    fakes = [dataclasses.replace(fake, variance=steep) for fake in family(variants=2)]
    record = read_study(write_study(tmp_path, fakes))
    with in_print():
        drawn = draw_grids(arrange(record), "variance", "Steep", surfaces=surfaces)
        names = bar_names(drawn)
        boxes = [text.get_window_extent() for text in names]
    assert len(names) > 3
    gap = 0.4 * boxes[0].height
    assert all(before.x1 + gap < after.x0 for before, after in itertools.pairwise(boxes))


def test_maps_explain_their_signs(tmp_path):
    record = study(tmp_path, "plain")
    with in_print():
        landscape = words(draw_grids(arrange(record), "landscape", "Loss", "a note"))
        variance = words(draw_grids(arrange(record), "variance", "Variance"))
        surface = words(draw_grids(arrange(record), "variance", "Surface", surfaces=True))
    assert "heavy line: ln 10, the loss of a uniform guess among the classes" in landscape
    assert "Variance\n+ the trained weights" in variance
    assert "heavy" not in variance
    assert "+ the" not in surface


def test_the_heavy_line_is_what_it_is_called(tmp_path):
    flat = [dataclasses.replace(fake, landscape=5 + fake.landscape) for fake in family()]
    record = read_study(write_study(tmp_path, flat))  # nowhere below a guess's loss
    with in_print():
        text = words(draw_grids(arrange(record), "landscape", "Loss"))
    assert "heavy line: the median of all finite losses on the grids" in text
    assert "guess" not in text


def test_no_grid_at_all_is_said(tmp_path):
    record = study(tmp_path, "bare")
    with in_print():
        drawn = draw_grids(arrange(record), "landscape", "Nothing")
    assert "not run yet" in words(drawn)
    with in_print():
        write(drawn, tmp_path, "nothing")


def test_a_mode_keeps_its_own_probes(tmp_path):
    record = study(tmp_path, "plain")
    assert in_mode(record, "frozen") == record
    assert not any(trial.probes for trial in in_mode(record, "recalibrated").trials)


def test_accuracies_are_the_records(tmp_path):
    record = study(tmp_path, "plain")
    with in_print():
        drawn = draw_accuracies(arrange(record), [DIGITS], "Accuracy")
    rows = written(drawn, tmp_path)
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


def test_equals_share_a_rank_and_make_it_likelier(tmp_path):
    fakes = [dataclasses.replace(fake, roughness=1.0) for fake in family(variants=3)]
    fakes[-1] = dataclasses.replace(fakes[-1], roughness=2.0)
    record = read_study(write_study(tmp_path, fakes))
    group = arrange(record).group_of(DIGITS, "DARTS")
    place = place_of_original(group)
    assert (place.rank, place.members, place.chance) == (2, 4, 0.75)  # three share ranks 1 to 3
    assert place.ties == 2


def test_what_diverged_ranks_last(tmp_path):
    fakes = family(variants=2)
    lost = dataclasses.replace(fakes[0], diverged_at=2)
    record = read_study(write_study(tmp_path, [lost, *fakes[1:]]))
    found = accuracies_of(arrange(record), DIGITS)
    assert found[0].diverged == 1
    assert math.isnan(found[0].mean.mean)
    place = place_of_original(arrange(record).group_of(DIGITS, "DARTS"))
    assert (place.rank, place.members, place.chance) == (3, 3, 1.0)
    with in_print():
        drawn = draw_accuracies(arrange(record), [DIGITS], "Accuracy")
    assert "diverged" in words(drawn)


def test_ranks_rest_on_the_seeds_that_all_have(tmp_path):
    """An original whose bad seed is done, beside variants of which only the good one is."""
    original, *variants = family(variants=2)
    bad = dataclasses.replace(original, seed=1, roughness=5.0)
    record = read_study(write_study(tmp_path, [original, bad, *variants]))
    found = accuracies_of(arrange(record), DIGITS)
    assert found[0].mean.mean < found[1].mean.mean
    place = place_of_original(arrange(record).group_of(DIGITS, "DARTS"))
    assert (place.rank, place.members) == (1, 3)


def test_cells_without_a_common_seed_have_no_rank(tmp_path):
    original, variant = family(variants=1)
    fakes = [original, dataclasses.replace(variant, seed=1)]
    record = read_study(write_study(tmp_path, fakes))
    assert place_of_original(arrange(record).group_of(DIGITS, "DARTS")) is None
    with in_print():
        rows = written(draw_accuracies(arrange(record), [DIGITS], "Accuracy"), tmp_path)
    assert [row["rank"] for row in rows] == ["", ""]


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
    with in_print():
        drawn = draw_table(parts, "Table 1")
    rows = written(drawn, tmp_path)
    assert len(rows) == 20
    text = words(drawn)
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
    with in_print():
        drawn = draw_table([part], "Table 1")
    assert f"+{line.difference:.2f}" in words(drawn)


def test_topologies_say_width_and_depth(tmp_path):
    with in_print():
        drawn = draw_topologies([(name, load_cell(name)) for name in cell_names()], "Five")
    rows = written(drawn, tmp_path)
    text = words(drawn)
    assert "width 3.5c (strict 3c), depth 3" in text
    assert text.count("depth 2") == 3
    assert [row["fractional_width"] for row in rows if row["cell"] == "normal"] == [
        "5", "4", "5", "3.5", "4"
    ]  # fmt: skip
    everything = sum(len(load_cell(name).normal.edges) for name in cell_names())
    operations = ("sep", "dil", "avg", "max", "skip")
    assert sum(line.startswith(operations) for line in text.split("\n")) == everything


def test_linear_cells(tmp_path):
    spread = [[1.0, 2.0, 4.0], [0.1, 0.2, 0.4]]
    names = ("wide", "narrow", "bound", "published")
    names += ("wide_variance", "narrow_variance", "variance_bound")
    found = [
        {"scale": scale, "broken": [0.5, 0.0], **dict.fromkeys(names, spread)}
        for scale in (0.5, 2.0)
    ]
    with in_print():
        drawn = draw_linear_cells(found, "Two cells")
    rows = written(drawn, tmp_path)
    assert [(row["scale"], row["block"]) for row in rows] == [
        ("0.5", "1"), ("0.5", "2"), ("2.0", "1"), ("2.0", "2")
    ]  # fmt: skip
    assert (rows[1]["narrow_q10"], rows[1]["narrow_q90"]) == ("0.1", "0.4")
    assert "λ = 2 of every matrix" in words(drawn)


def test_what_diverged_at_once_has_a_cross(tmp_path):
    fakes = family(variants=1, landscape=None, variance=None)
    fakes[1] = dataclasses.replace(fakes[1], label="_odd", diverged_at=1)
    record = read_study(write_study(tmp_path, fakes))
    group = arrange(record).group_of(DIGITS, "DARTS")
    line = curve_figure(group, "test_loss")["lines"][1]
    without = {**line, "mean": [], "seeds": [{**s, "y": []} for s in line["seeds"]], "x": []}
    without["diverged"] = [{**lost, "y": None} for lost in line["diverged"]]
    data = {"lines": [without], "worst": "high", "log": False}
    with in_print():
        axes = Figure().subplots()
        draw_lines(axes, data, arrange(record))
        assert [text.get_text() for text in axes.texts] == ["diverged"]
        crosses = [one for one in axes.lines if one.get_marker() == "x"]
        assert [one.get_ydata().tolist() for one in crosses] == [[1.0]]  # the panel's upper edge
        drawn = draw_curves(arrange(record), [DIGITS], "Curves")
    legend = [text.get_text().strip() for text in drawn.figure.findobj(Legend)[0].get_texts()]
    assert legend == ["DARTS", "_odd"]
