"""What a search that stops early picks, and what it loses."""

from __future__ import annotations

import dataclasses
import math

import pytest

from nascope._src.results.selection.early_stopping import CellAccuracies, choices


def cell(label: str, width: float, early: list[float], final: float) -> CellAccuracies:
    curve = dict(enumerate(early, start=1))
    return CellAccuracies(label, width, 3, {0: curve, 1: curve}, {0: final, 1: final})


def test_rank_pick_and_regret() -> None:
    candidates = [cell("wide", 4, [0.5, 0.6], 0.90), cell("deep", 2, [0.3, 0.7], 0.92)]
    first, second = choices(candidates)
    assert (first.picked, first.rho, first.width) == ("wide", -1, 4)
    assert first.regret == pytest.approx(0.02)
    assert (second.picked, second.regret) == ("deep", 0)
    assert first.other_seeds


def test_luck_of_a_seed_is_not_foresight() -> None:
    """A cell that is lucky early and late with seed 0 is judged by its other seed."""
    lucky = CellAccuracies("lucky", 2, 3, {0: {1: 0.9}, 1: {1: 0.4}}, {0: 0.95, 1: 0.50})
    sound = CellAccuracies("sound", 4, 3, {0: {1: 0.5}, 1: {1: 0.5}}, {0: 0.80, 1: 0.80})
    (choice,) = choices([lucky, sound])
    assert choice.rho == -1  # each seed's early order is the other's final one reversed
    assert choice.regret == pytest.approx((0.80 - 0.50 + 0.95 - 0.80) / 2)


def test_ties_are_shared_out() -> None:
    """Three cells are equally good early; the first in the list is not preferred."""
    finals = {"original": 0.90, "b": 0.80, "c": 0.85}
    equal = [cell(name, 2 + k, [0.5], final) for k, (name, final) in enumerate(finals.items())]
    (choice,) = choices(equal)
    assert choice.picked == "original or b or c"
    assert choice.regret == choice.blind == pytest.approx(0.05)
    assert choice.width == 3
    assert math.isnan(choice.rho)


def test_the_interval_of_the_correlation() -> None:
    several = [cell(str(k), 2, [0.1 * k], 0.1 * (k + (k == 1) - (k == 2))) for k in range(6)]
    (choice,) = choices(several)
    assert choice.low < choice.rho < choice.high < 1
    (few,) = choices(several[:4])
    assert few.low is None


def test_one_seed_says_so() -> None:
    pair = [CellAccuracies(n, 3, 3, {0: {1: a}}, {0: a / 2}) for n, a in (("a", 0.5), ("b", 0.6))]
    (choice,) = choices(pair)
    assert not choice.other_seeds
    assert choices(pair[:1]) == []


def test_an_epoch_counts_if_all_cells_have_it() -> None:
    short = CellAccuracies("short", 2, 3, {0: {1: 0.4}, 1: {1: 0.5, 2: 0.6}}, {0: 0.7, 1: 0.7})
    first, second = choices([short, cell("long", 4, [0.5, 0.7], 0.8)])
    assert (first.epoch, first.seeds) == (1, 2)
    assert (second.epoch, second.seeds) == (2, 1)


def test_without_a_final_accuracy_to_compare_with_there_is_no_choice() -> None:
    unfinished = CellAccuracies("unfinished", 2, 3, {0: {1: 0.4}}, {})
    assert choices([unfinished, cell("finished", 4, [0.5], 0.8)]) == []


def test_images_are_held_out_if_they_are_for_all_cells() -> None:
    def held_out(*known: bool | None) -> bool | None:
        cells = [cell(str(k), 2, [0.1 * k], 0.5) for k in range(len(known))]
        cells = [dataclasses.replace(c, held_out=k) for c, k in zip(cells, known, strict=True)]
        return choices(cells)[0].held_out

    assert held_out(True, True) is True
    assert held_out(True, False) is False
    assert held_out(None, None) is None


def test_the_last_epoch_is_not_compared_with_itself() -> None:
    curves = {"a": {1: 0.5, 2: 0.9}, "b": {1: 0.6, 2: 0.8}}
    same = [CellAccuracies(name, 3, 3, {0: c}, {0: c[2]}) for name, c in curves.items()]
    assert [choice.epoch for choice in choices(same)] == [1]
    two = [
        CellAccuracies(name, 3, 3, {0: c, 1: c}, {0: c[2], 1: c[2]}) for name, c in curves.items()
    ]
    assert [choice.epoch for choice in choices(two)] == [1, 2]  # of other seeds


def test_the_interval_of_the_regret() -> None:
    finals = [0.9 - 0.01 * k for k in range(12)]
    cells = [cell(str(k), 2, [final], final) for k, final in enumerate(finals)]
    (choice,) = choices(cells)
    assert (choice.regret, choice.regret_low, choice.regret_high) == (0, 0, 0)  # never wrong
    turned = [cell(str(k), 2, [-final], final) for k, final in enumerate(finals)]
    (worst,) = choices(turned)
    assert (
        worst.regret_low < worst.regret == pytest.approx(worst.regret_high) == pytest.approx(0.11)
    )
