"""How trials are laid out: families, settings, the original first."""

from pathlib import Path

import pytest

from nascope._src.records.read import read_study
from nascope._src.report.arrangement import Arrangement, arrange
from nascope._src.results.text.trials import status
from tests.report.synthetic import HOSTILE_NAME, STUDIES, write_study


def arranged(name: str, folder: Path) -> Arrangement:
    return arrange(read_study(write_study(folder, STUDIES[name]())))


def test_the_original_comes_first_and_has_its_own_look(tmp_path: Path) -> None:
    fakes = STUDIES["plain"]()
    layout = arrange(read_study(write_study(tmp_path, reversed(fakes))))
    assert layout.cells[0].label == "DARTS"
    assert layout.cells[0].look.dash == "solid"
    assert len(layout.groups) == 1
    assert layout.groups[0].setting == ""


def test_seeds_share_a_cell_and_rates_are_settings(tmp_path: Path) -> None:
    layout = arranged("rates", tmp_path)
    assert layout.settings == ("learning rate 0.0025", "learning rate 0.025", "learning rate 0.25")
    assert len(layout.cells) == 5
    assert len(layout.groups) == 3
    for group in layout.groups:
        assert all(len({t.seed for t in trials}) == 3 for trials in group.trials.values())
    assert layout.seeds == (0, 1, 2)


def test_families_are_apart(tmp_path: Path) -> None:
    layout = arranged("families", tmp_path)
    assert layout.families == ("DARTS", "AmoebaNet")
    assert [group.family for group in layout.groups] == ["DARTS", "AmoebaNet"]
    originals = [cell for cell in layout.cells if cell.is_original]
    assert {cell.look.colour for cell in originals} == {originals[0].look.colour}


def test_what_became_of_each_trial(tmp_path: Path) -> None:
    layout = arranged("hostile", tmp_path)
    assert [status(trial) for trial in layout.study.trials] == [
        "finished",
        "finished",
        "diverged at epoch 5",
        "epoch 6 of 12 so far",
        "failed",
        "not started",
        "finished",
        "diverged at epoch 1",
        "finished",
    ]
    assert layout.cells[0].label == HOSTILE_NAME
    assert all(cell.key.isalnum() for cell in layout.cells)


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_trial_is_shown_exactly_once(name: str, tmp_path: Path) -> None:
    layout = arranged(name, tmp_path)
    shown = [t.identity for g in layout.groups for trials in g.trials.values() for t in trials]
    assert sorted(shown) == sorted(trial.identity for trial in layout.study.trials)
