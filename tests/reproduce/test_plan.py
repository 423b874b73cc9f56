"""What each target asks for: every figure known, trials shared, sizes and identities right."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.wiring import published_variant
from nascope._src.data.datasets import load_data
from nascope._src.data.request import DataRequest
from nascope._src.errors import DataError, GenotypeError, StudyError
from nascope._src.reproduce.plan import Options, plan_reproduction
from nascope._src.reproduce.run import draw_reproduction
from nascope._src.reproduce.scales import REPRODUCTION_SCALES, reproduction_scale
from nascope._src.results.paper.claims import POPULAR
from nascope._src.results.paper.targets import TARGETS, targets_of
from nascope._src.study.study_file import read_study_file
from nascope._src.training.recipe import RECIPES

ROOT = Path(__file__).parents[2]
TINY, SMALL, PAPER = (REPRODUCTION_SCALES[name] for name in ("tiny", "small", "paper"))


@pytest.fixture(scope="module")
def few():
    """Little data sets that stand for the paper's two."""
    return {
        name: dataclasses.replace(load_data("digits", train_size=size, test_size=20), name=name)
        for name, size in (("cifar10", 40), ("cifar100", 30), ("digits", 50))
    }


@pytest.fixture
def any_data(monkeypatch, few):
    """Every data set is there, and is little."""
    monkeypatch.setattr(DataRequest, "load", lambda self, data_dir=None: few[self.name])


def test_every_figure_and_table_is_known():
    names = [f"fig{number}" for number in range(1, 18)]
    assert set(TARGETS) == {*names, "table1", "theory"}
    assert [target.name for target in targets_of(["all"])] == list(TARGETS)
    for target in TARGETS.values():
        assert target.paper
        assert target.title
    assert {claim for target in TARGETS.values() for claim in target.claims} == set(range(1, 10))


def test_titles_name_the_cells_that_are_shown(any_data):
    def asked(name, *cells):
        (question,) = plan_reproduction([TARGETS[name]], Options(SMALL, cells=cells), None).figures
        return question

    assert asked("fig14").title == "Loss landscape around AmoebaNet and its random variants"
    other = asked("fig14", "DARTS", "ENAS")
    assert other.title == "Loss landscape around DARTS and ENAS and their random variants"
    assert other.paper.startswith("(of AmoebaNet) AmoebaNet's landscape is smoother")
    assert asked("fig14").paper == TARGETS["fig14"].paper
    assert asked("table1").title.startswith("Test errors of five popular cells, original")
    assert asked("fig9", "CARS_C", *POPULAR).title.startswith(
        "Test accuracy at convergence of 6 cells"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("figg3", "fig3"),
        ("fig18", "fig"),
        ("tabel1", "table1"),
        ("al", "all"),
        ("teory", "theory"),
    ],
)
def test_an_unknown_name_has_the_nearest(name, hint):
    with pytest.raises(StudyError, match=f"did you mean {hint}"):
        targets_of([name])


def test_names_as_people_write_them():
    assert targets_of(["Figure 3", "TABLE1"]) == (TARGETS["fig3"], TARGETS["table1"])
    with pytest.raises(StudyError, match="nothing to reproduce"):
        targets_of([""])
    with pytest.raises(StudyError, match="no scale 'huge'; there are tiny, small, paper"):
        reproduction_scale("huge")


@pytest.mark.parametrize(
    ("name", "trials", "probes"),
    [
        ("fig1", 0, 0), ("fig3", 10, 0), ("fig4", 30, 0), ("fig5", 5, 10), ("fig6", 5, 10),
        ("fig7", 5, 10), ("fig8", 0, 0), ("fig9", 55, 0), ("fig12", 5, 0), ("fig13", 5, 0),
        ("fig15", 5, 10), ("fig17", 5, 10), ("table1", 20, 0), ("theory", 0, 0),
    ],
)  # fmt: skip
def test_trials_of_a_target(name, trials, probes, any_data):
    asked = plan_reproduction([TARGETS[name]], Options(SMALL), None)
    assert len(asked.plan.trials) == trials
    assert sum(len(trial.probes) for trial in asked.plan.trials) == probes
    assert asked.notes == ()


def test_what_targets_have_in_common_is_planned_once(any_data):
    plan = plan_reproduction(targets_of(["all"]), Options(SMALL), None).plan
    identities = [trial.identity for trial in plan.trials]
    assert len(identities) == len(set(identities)) == 100
    kinds = [probe.kind for trial in plan.trials for probe in trial.probes]
    assert (kinds.count("landscape"), kinds.count("variance")) == (30, 40)
    guide = (ROOT / "docs/guides/reproduce.md").read_text(encoding="utf-8")
    assert "all of these together need only 100." in guide


@pytest.mark.parametrize(("name", "trials"), [("cells", 28), ("claims", 10)])
def test_small_has_the_identities_of_the_studys_file(name, trials, any_data, few):
    study = read_study_file(ROOT / f"docs/studies/{name}.toml")
    requests = {request for part in study.parts for request in part.data}
    theirs = study.plan({request: few[request.name] for request in requests})
    sizes = {(r.name, r.train_size, r.test_size, r.validation_size) for r in requests}
    ours = {dataclasses.astuple(request)[:4] for request in SMALL.data.values()}
    assert sizes <= ours
    plan = plan_reproduction(targets_of(["all"]), Options(SMALL, seeds=3), None).plan
    ours_by_key = {_key(trial): trial for trial in plan.trials}
    shared = [trial for trial in theirs.trials if _key(trial) in ours_by_key]
    assert len(shared) >= trials
    for trial in shared:
        ours = ours_by_key[_key(trial)]
        assert ours.identity == trial.identity
        probes = {probe.identity for probe in ours.probes}
        if probes and trial.data["name"] == "cifar10":
            assert {probe.identity for probe in trial.probes} <= probes


def _key(trial):
    recipe = trial.recipe
    place = trial.label, trial.data["name"], trial.seed
    return (*place, recipe["learning_rate"], recipe["cutout"])


def test_recipes_are_the_papers():
    assert PAPER.recipe("section4") == RECIPES["section4"]
    assert PAPER.recipe("table1") == RECIPES["table1"]
    assert SMALL.recipe("table1").cutout == 16
    assert TINY.recipe("table1").auxiliary_weight == 0  # the tower needs images of 32 px
    assert TINY.recipe("table1").drop_path == 0.2


def test_figures_show_the_papers_cells(any_data):
    (question,) = plan_reproduction([TARGETS["fig10"]], Options(TINY), None).figures
    assert [cell.label for cell in question.cells] == ["AmoebaNet"] + [
        f"AmoebaNet-p{seed}" for seed in (1, 2, 3, 4)
    ]
    assert question.cells[2].genotype == published_variant(load_cell("AmoebaNet"), 2)
    (question,) = plan_reproduction([TARGETS["fig9"]], Options(PAPER), None).figures
    assert [c.label for c in question.cells if c.family == "SNAS"][-1] == "SNAS-p10"


def test_figure_2_is_ordered_by_falling_width(any_data):
    def labels(name, *cells):
        options = Options(SMALL, cells=cells)
        (figure,) = plan_reproduction([TARGETS[name]], options, None).figures
        return [cell.label for cell in figure.cells]

    assert labels("fig2") == ["DARTS", "DARTS-p4", "DARTS-p3", "DARTS-p1", "DARTS-p2"]
    two = labels("fig2", "SNAS", "DARTS")
    assert two[:1] + two[5:] == ["SNAS", *labels("fig2")]
    assert labels("fig10") == ["AmoebaNet", *(f"AmoebaNet-p{seed}" for seed in (1, 2, 3, 4))]


def test_figures_are_on_the_papers_data(any_data):
    """As in the submission: Figure 4 on both sets, 7 on CIFAR-100, 12 and 13 on CIFAR-10."""

    def columns(name, scale=SMALL):
        (figure,) = plan_reproduction([TARGETS[name]], Options(scale), None).figures
        return [(column.data, column.learning_rate) for column in figure.columns]

    rates = (0.0025, 0.025, 0.25)
    assert columns("fig4") == [(data, rate) for data in ("cifar10", "cifar100") for rate in rates]
    assert columns("fig7") == [("cifar100", 0.025)]
    assert columns("fig12") == columns("fig13") == [("cifar10", 0.025)]
    assert columns("fig7", TINY) == [("digits", 0.025)]  # tiny has no second data set
    assert TARGETS["fig12"].cells == ("AmoebaNet",)
    assert TARGETS["fig13"].cells == ("SNAS",)


def test_table1_takes_the_authors_adapted_cells(any_data):
    (question,) = plan_reproduction([TARGETS["table1"]], Options(SMALL), None).figures
    labels = [cell.label for cell in question.cells if cell.variant == "adapted"]
    assert labels == [
        "NASNet-adapted", "AmoebaNet-adapted", "ENAS-adapted", "DARTS-widest-nr", "SNAS-adapted"
    ]  # fmt: skip


def test_cells_variants_and_seeds_can_be_chosen(any_data):
    options = Options(SMALL, cells=("ENAS", "SNAS"), variants=1, seeds=2)
    (question,) = plan_reproduction([TARGETS["fig5"]], options, None).figures
    assert question.stem == "fig5-ENAS-SNAS"
    assert len(question.plan.trials) == 8
    assert [trial.seed for trial in question.plan.trials[:2]] == [0, 1]
    with pytest.raises(StudyError, match="fig8 has no cells"):
        plan_reproduction([TARGETS["fig8"]], options, None)
    with pytest.raises(GenotypeError, match="did you mean DARTS"):
        plan_reproduction([TARGETS["fig1"]], Options(SMALL, cells=("DARZ",)), None)
    with pytest.raises(StudyError, match="'DARTS' twice"):
        plan_reproduction([TARGETS["fig3"]], Options(SMALL, cells=("DARTS", "darts")), None)


def test_missing_data(monkeypatch, few, tmp_path):
    def load(self, data_dir=None):
        if self.name == "cifar100":
            raise DataError("cifar100 not found in there")
        return few[self.name]

    monkeypatch.setattr(DataRequest, "load", load)
    asked = plan_reproduction([TARGETS["fig3"]], Options(SMALL), None)
    (note,) = asked.notes
    assert note.startswith("no CIFAR-100, so that its panels stay empty")
    assert {trial.data["name"] for trial in asked.plan.trials} == {"cifar10"}
    columns = asked.figures[0].columns
    assert [column.absent for column in columns] == ["", "no data: CIFAR-100"]
    both = plan_reproduction([TARGETS["fig5"], TARGETS["fig7"]], Options(SMALL), None)
    *_, drawn = draw_reproduction(dataclasses.replace(both, figures=both.figures[1:]), tmp_path)
    assert drawn.here == ("CIFAR-100: no data: CIFAR-100",)
    assert drawn.paths == ()
    with pytest.raises(DataError, match="cifar100 not found"):
        plan_reproduction([TARGETS["fig7"]], Options(SMALL), None)
    monkeypatch.undo()
    with pytest.raises(DataError, match="cifar10 not found"):
        plan_reproduction([TARGETS["fig3"]], Options(SMALL), tmp_path)


def test_tiny_has_digits_and_no_second_data_set():
    asked = plan_reproduction([TARGETS["fig3"], TARGETS["fig5"]], Options(TINY), None)
    assert asked.notes == ("scale tiny has no CIFAR-100: its panels say so",)
    assert {trial.data["name"] for trial in asked.plan.trials} == {"digits"}
    assert len(asked.plan.trials) == 3
    assert "digits" in TINY.note


def test_no_torch_is_loaded(tmp_path):
    script = (
        "import sys; from pathlib import Path; from nascope._src.reproduce.plan import Options, plan_reproduction;"
        "from nascope._src.reproduce.run import draw_reproduction;"
        "from nascope._src.reproduce.scales import reproduction_scale;"
        "from nascope._src.results.paper.targets import targets_of;"
        "asked = plan_reproduction(targets_of(['fig1', 'fig3', 'fig5']), Options(reproduction_scale('tiny')), None);"
        f"list(draw_reproduction(asked, Path({str(tmp_path)!r})));"
        "heavy = {'torch', 'plotly', 'pandas', 'matplotlib.pyplot'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    assert (tmp_path / "paper" / "fig5-recalibrated.svg").is_file()
