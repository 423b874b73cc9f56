"""All checks together: they hold, and fail if a bound does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from nascope._src.records.files import plain
from nascope._src.theory import bound_checks, check_all
from nascope._src.theory.bounds import SOUND
from nascope._src.theory.theorem_4_1 import check_convergence


def test_everything_holds_and_is_plain_data(monkeypatch):
    quick = partial(check_convergence, runs=2, steps=5)
    monkeypatch.setattr(check_all, "check_convergence", quick)
    check = check_all.check_theorems(cases=1, workers=2)
    assert check.holds
    assert plain(check.as_dict())["bounds"][0]["cases"] == 250
    assert {row.equation for row in check.equations} == {"1", "2", "4", "4 at W"}


def test_everything_fails_if_a_bound_does(monkeypatch):
    wrong = replace(SOUND[4], evaluate=lambda blocks: 0.9 * SOUND[4].evaluate(blocks))
    monkeypatch.setattr(bound_checks, "SOUND", (wrong,))
    monkeypatch.setattr(check_all, "check_convergence", lambda **_: [])
    assert not check_all.check_theorems(cases=1, workers=2).holds
