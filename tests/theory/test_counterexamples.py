"""The cases that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace

from nascope._src.theory.counterexamples import known_cases


def test_known_cases_come_out():
    cases = known_cases()
    assert len(cases) == 9
    assert all(case.shown for case in cases)
    assert sum(case.violates for case in cases) == 5
    for case in cases:
        assert not replace(case, measured=case.measured + 0.1).shown
        assert not replace(case, violates=not case.violates).shown


def test_the_published_theorems_have_counterexamples():
    published = [case for case in known_cases() if case.published]
    assert [(case.theorem, case.weights) for case in published] == [
        ("4.2", (2.0, 1.0)),
        ("4.2", (1.0, 2.0)),
        ("4.3", (2.0, 1.0)),
    ]
    assert all(case.violates for case in published)
