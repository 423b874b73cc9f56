"""What the page tells beyond one study's curves and grids."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import write_json
from nascope._src.records.read import combine_studies, read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.html import cards as verdict_cards
from nascope._src.report.html.cards import make_cards, tally
from nascope._src.report.html.sections import (
    censuses,
    endings,
    pairs_of,
    scatters,
    selections,
    within_margin,
)
from nascope._src.report.write import write_report
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.table import measure_study
from nascope._src.results.text.findings import sentence
from nascope._src.results.text.numbers import signed
from tests.report.synthetic import CIFAR10, STUDIES, Fake, family, write_study


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    return write_study(folder, STUDIES["judged"](), name="judged")


def test_cards_hold_every_verdict(judged: Path) -> None:
    found = judge_study(read_study(judged))
    shown = make_cards(found)
    assert [card.number for card in shown] == list(range(1, 10))
    assert sum(len(card.lines) for card in shown) == len(found) == sum(tally(found).values())
    for line in (line for card in shown for line in card.lines if line.bar is not None):
        assert 0 <= line.bar.low <= line.bar.place <= line.bar.high <= 100
        assert (line.bar.place > 50) == (line.finding.effect > 0)


def test_the_page_says_what_the_verdicts_say(judged: Path) -> None:
    page = write_report(judged, figures=False).read_text(encoding="utf-8")
    for one in judge_study(read_study(judged)):
        assert sentence(one).replace("'", "&#39;") in page
        assert one.statement in page


def test_figures_of_the_story_hold_the_records(judged: Path) -> None:
    study = read_study(judged)
    arrangement = arrange(study)
    found = scatters(study, arrangement.cells, judge_study(study))
    assert {one.data for one in found} == {"cifar10", "cifar100"}
    first = found[0].figure["points"]
    assert sum(point["original"] for point in first) == 3
    assert len(first) == 12  # adapted cells are no draw of the same kind
    shown = censuses(arrangement)
    assert len(shown) == 3
    for variant in ("NASNet-r1", "NASNet-r2", "NASNet-r3"):  # whose disc only counts them
        assert variant in next(one.svg for one in shown if one.family == "NASNet")
    assert {(one.standing.family, one.data) for one in endings(study)} == {
        (f, d) for f in ("DARTS", "NASNet", "AmoebaNet") for d in ("cifar10", "cifar100")
    }
    assert len(pairs_of(study)) == 6
    assert {one.schedule for one in selections(study)} == {"truncated"}


def test_scatters_say_what_the_verdicts_correlate(judged: Path) -> None:
    study = read_study(judged)
    own = judge_study(study)
    found = scatters(study, arrange(study).cells, own)
    assert all(one.told for one in found)
    verdict = next(one for one in own if (one.claim, one.data) == (2, "cifar10"))
    for one, name in zip(found, ("fractional width", "depth"), strict=False):
        of = verdict.correlations[name]
        assert f"ρ = {signed(of.rho)}" in one.told
        assert f"p = {of.p:.2g}, {of.wirings} variants in 3 families" in one.told
    recalibrated = [one for one in found if "recalibrated" in one.title]
    assert {one.data for one in recalibrated} == {"cifar10", "cifar100"}


def test_a_bar_ends_in_plain_numbers() -> None:
    finding = Finding(
        6, "undecided", effect=-24.0, low=-93.0, high=756.0, detectable=6071.0, ratio=True
    )
    bar = verdict_cards._bar(finding)
    assert bar is not None
    assert bar.ends == ("−98.9", "+9,219")


def test_a_wiring_of_which_a_seed_diverged_has_no_mean(tmp_path: Path) -> None:
    lost = {("DARTS-r2", 1): 3, ("DARTS-r3", 0): 2}
    fakes = [
        Fake(**{**fake.__dict__, "seed": seed, "diverged_at": lost.get((fake.label, seed))})
        for fake in family()
        for seed in range(2)
    ]
    study = read_study(write_study(tmp_path, fakes))
    cells = arrange(study).cells
    labels = {cell.key: cell.label for cell in cells}
    area = scatters(study, cells)[0].figure
    shown = {labels[point["cell"]]: point for point in area["points"]}
    assert len(shown) == 5  # none is dropped
    assert area["worst"] == "high"
    assert {name: one.get("lost") for name, one in shown.items() if one["y"] is None} == {
        "DARTS-r2": "diverged",
        "DARTS-r3": "diverged",
    }
    assert (shown["DARTS-r2"]["of"], shown["DARTS-r2"]["seeds"]) == (1, 2)


def test_only_trainings_that_are_done_are_ranked(tmp_path: Path) -> None:
    done = family(data=CIFAR10)
    half = [
        Fake(**{**fake.__dict__, "epochs": 6 if fake.variant == "original" else None})
        for fake in family("NASNet", 3, data=CIFAR10)
    ]
    late = [
        Fake(**{**fake.__dict__, "seed": 1, "epochs": 2 if fake.label == "DARTS-r1" else None})
        for fake in done
    ]
    study = read_study(write_study(tmp_path, [*done, *half, *late]))
    (one,) = endings(study)
    place = one.standing
    assert (place.family, place.members, one.seeds) == ("DARTS", 5, 1)  # equal seeds, all members
    assert place.chance == pytest.approx(place.rank / 5)
    (verdict,) = (v for v in judge_study(study) if v.claim == 8)
    (agreement,) = verdict.families
    assert agreement.standing == place


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.004, 0.003, "yes"),
        (0.006, 0.01, "no: outside"),
        (-0.02, 0.001, "undecided"),
        (math.nan, math.nan, ""),
    ],
)
def test_pairs_are_held_against_the_margin(low: float, high: float, said: str) -> None:
    pair = Pair("DARTS", "cifar10", 3, 0.9, 0.9, 0.0, low, high, True, 0, 0, 1.0)
    assert within_margin(pair) == said


def test_each_of_several_studies_tells_its_own_story(tmp_path: Path) -> None:
    """The same data set under another recipe, and cells that are partly the same."""
    folders = [
        write_study(
            tmp_path / name,
            family(original, 3, data=CIFAR10, recipe={"epochs": epochs}),
            name=name,
        )
        for name, original, epochs in (("long", "DARTS", 20), ("short", "NASNet", 6))
    ]
    folder = folders[1] / "theory"
    folder.mkdir()
    outcome = {"cases_each": 1, "seed": 0, "tolerance": 1e-9, "seconds": 0.0, "equations": []}
    lists = {key: [] for key in ("cases", "published", "bounds", "descents")}
    write_json(folder / "check.json", outcome | lists)
    path = write_report(*folders, output=tmp_path / "both.html")
    page = path.read_text(encoding="utf-8")
    sections = dict(
        re.findall(r'<section id="([\w-]+)">(.*?)(?=<section|</main>)', page, re.DOTALL)
    )
    for section in ("association", "generalisation", "selection"):
        heads = re.findall('<h3 class="group-title">(.*?)</h3>', sections[section])
        assert heads == ["long", "short"], section
    assert '<th scope="row">DARTS</th>' in sections["generalisation"]
    assert '<th scope="row">NASNet</th>' in sections["generalisation"]
    assert '<h3 class="group-title">short</h3>' in sections["theory"]
    assert "Every check came out as expected" in sections["t1-check"]
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    figures = json.loads(match[1])["figures"]
    assert {"a0-0", "a1-0", "s0-0", "s1-0"} <= set(figures)
    assert len(figures["s0-0"]["traces"][0]["x"]) == 20
    assert len(figures["s1-0"]["traces"][0]["x"]) == 6


def test_a_shorter_training_of_its_own_is_kept_apart(tmp_path: Path) -> None:
    short = family(recipe={"epochs": 4})
    study = read_study(write_study(tmp_path, [*family(), *short]))
    found = {one.schedule: one for one in selections(study)}
    assert set(found) == {"truncated", "re-annealed"}
    assert [choice.epoch for choice in found["re-annealed"].telling] == [4]
    assert found["truncated"].figure["x"] == list(range(1, 13))


def test_several_studies_share_a_page(judged: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "b", family("SNAS", 2), name="the other")
    page = tmp_path / "both.html"
    assert write_report(judged, other, output=page) == page
    text = page.read_text(encoding="utf-8")
    assert "judged · the other" in text
    assert "study the other" in text  # a setting to switch to
    assert "No verdict is given on this study" in text  # digits are too small
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    labels = {cell["label"] for cell in json.loads(match[1])["cells"].values()}
    assert {"SNAS", "DARTS", "NASNet-widest"} <= labels
    with pytest.raises(StudyError, match="needs a page's name"):
        write_report(judged, other)


def test_studies_that_share_trials_keep_their_own_numbers(tmp_path: Path) -> None:
    fakes = family(variants=1, landscape=None, variance=None)
    waiting = [dataclasses.replace(fake, started=False) for fake in fakes]
    studies = [
        read_study(write_study(tmp_path / name, own, name=name))
        for name, own in (("done", fakes), ("planned", waiting))
    ]
    both = combine_studies(studies)
    seconds = measure_study(both).columns()["seconds"]
    assert [math.isnan(number) for number in seconds] == [False, False, True, True]


def test_studies_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [
        write_study(tmp_path / place / "demo", family(variants=1)) for place in ("one", "two")
    ]
    both = combine_studies([read_study(folder) for folder in folders])
    assert {trial.study for trial in both.trials} == {f"invented ({folder})" for folder in folders}
    page = write_report(*folders, output=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "in the folder <code>figures" not in page  # of several studies none are drawn
    twice = combine_studies([read_study(folders[0])] * 2)
    assert len({trial.study for trial in twice.trials}) == 2


def test_names_in_what_a_search_picks_are_text_and_no_correlation_is_no_nan(
    tmp_path: Path,
) -> None:
    fakes = family(variants=3)
    fakes[1] = dataclasses.replace(fakes[1], label="DARTS-<b>r1</b>")
    data = {"image_size": 32}
    page = write_report(
        write_study(tmp_path, [dataclasses.replace(fake, data=data) for fake in fakes])
    ).read_text(encoding="utf-8")
    assert "+nan" not in page
    assert "nan</td>" not in page
    assert "<b>r1</b>" not in page
    assert r"\u0026lt;b\u0026gt;r1" in page  # what plotly draws as it is written


def test_equal_labels_of_other_cells_are_told_apart(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", family(variants=1), name="a")
    fakes = family(variants=2)
    swapped = [fakes[0], type(fakes[1])(**{**fakes[2].__dict__, "label": "DARTS-r1"})]
    second = write_study(tmp_path / "b", swapped, name="b")
    page = write_report(first, second, output=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "DARTS-r1 (b)" in page


def test_theory_that_was_computed_is_on_the_page(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", family(variants=1))
    page = write_report(folder, figures=False).read_text(encoding="utf-8")
    assert "nascope reproduce theory" in page
    (folder / "theory").mkdir()
    (folder / "theory" / "check.json").write_text("{")  # damaged: as if it were not there
    page = write_report(folder, figures=False).read_text(encoding="utf-8")
    assert "nascope reproduce theory" in page
