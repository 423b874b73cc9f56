"""What the page tells beyond one study's curves and grids."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nascope.analysis import verdicts
from nascope.errors import StudyError
from nascope.records import read_study
from nascope.report import write_report
from nascope.report.arrangement import arrange
from nascope.report.story import censuses, endings, pairs, scatters, selections
from nascope.report.verdict_cards import cards, tally
from tests.report.synthetic import STUDIES, family, write_study


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    return write_study(folder, STUDIES["judged"](), name="judged")


def test_cards_hold_every_verdict(judged: Path) -> None:
    found = verdicts(read_study(judged))
    shown = cards(found)
    assert [card.number for card in shown] == list(range(1, 10))
    assert sum(len(card.lines) for card in shown) == len(found) == sum(tally(found).values())
    for line in (line for card in shown for line in card.lines if line.bar is not None):
        assert 0 <= line.bar.low <= line.bar.place <= line.bar.high <= 100
        assert (line.bar.place > 50) == (line.verdict.number > 0)


def test_the_page_says_what_the_verdicts_say(judged: Path) -> None:
    page = write_report(judged, figures=False).read_text(encoding="utf-8")
    for one in verdicts(read_study(judged)):
        assert one.sentence.replace("'", "&#39;") in page
        assert one.statement in page


def test_figures_of_the_story_hold_the_records(judged: Path) -> None:
    study = read_study(judged)
    arrangement = arrange(study)
    found = scatters(arrangement)
    assert {one.data for one in found} == {"cifar10", "cifar100"}
    first = found[0].figure["points"]
    assert sum(point["original"] for point in first) == 3
    assert len(first) == 12  # adapted cells are no draw of the same kind
    assert len(censuses(arrangement)) == 3
    assert {(one.family, one.data) for one in endings(study)} == {
        (f, d) for f in ("DARTS", "NASNet", "AmoebaNet") for d in ("cifar10", "cifar100")
    }
    assert len(pairs(study)) == 6
    assert {one.schedule for one in selections(study)} == {"truncated"}


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
    assert "No verdict is given of this study" in text  # digits are too small
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    labels = {cell["label"] for cell in json.loads(match[1])["cells"].values()}
    assert {"SNAS", "DARTS", "NASNet-widest"} <= labels
    with pytest.raises(StudyError, match="needs a page's name"):
        write_report(judged, other)


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
