"""check.json: what is written is read again, also from files of earlier versions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nascope._src.records.files import from_json, plain
from nascope._src.theory.check_result import Descent, read_check
from tests.theory.checks import CHECK


def test_what_is_written_is_read_again():
    assert read_check(from_json(json.dumps(plain(CHECK.as_dict())))) == CHECK
    row = CHECK.as_dict()["bounds"][0]
    assert {"bound", "of", "objective", "wiring", "cases", "violations", "tightest"} <= row.keys()


def test_derived_values_are_written():
    written = CHECK.as_dict()
    assert written["holds"] is CHECK.holds
    assert [case["shown"] for case in written["cases"]] == [case.shown for case in CHECK.cases]
    for row, descent in zip(written["descents"], CHECK.descents, strict=True):
        assert (row["bound"], row["premise"], row["holds"]) == (
            descent.bound,
            descent.premise,
            descent.holds,
        )


def test_files_of_earlier_versions_are_read():
    """They name theorems, weights and constants in labels only."""
    old = plain(CHECK.as_dict())
    for case in old["cases"]:
        del case["theorem"], case["weights"], case["published"]
    for bound in old["bounds"]:
        del bound["published"], bound["uses_constants"]
    assert read_check(old) == CHECK


@pytest.mark.parametrize("name", ["cases", "bounds", "tolerance"])
def test_a_damaged_file_is_refused(name):
    damaged = plain(CHECK.as_dict())
    del damaged[name]
    with pytest.raises(KeyError):
        read_check(damaged)


def test_premise_and_bound_are_the_theorems():
    descent = Descent("widest", "quadratic", 0.1, 50, 4, 5.0, 2.0, 3.0, 2.1, 0.2)
    assert descent.premise
    assert not replace(descent, lipschitz=10.0).premise
    assert descent.bound == pytest.approx(2 * 3 / 5 + 5 * 2 * 0.1)
    assert descent.holds
    assert not replace(descent, measured=2.5).holds


def test_a_check_holds_only_if_every_claim_does():
    assert CHECK.holds
    wrong = replace(CHECK.cases[0], measured=5.0)
    assert not replace(CHECK, cases=(wrong,)).holds
    assert not replace(CHECK, bounds=(replace(CHECK.bounds[0], violations=1),)).holds
    assert not replace(CHECK, descents=(replace(CHECK.descents[0], measured=9.0),)).holds
    assert not replace(CHECK, equations=(replace(CHECK.equations[0], right=False),)).holds
    unclaimed = replace(CHECK.equations[0], claimed=False, right=False)
    assert replace(CHECK, equations=(unclaimed,)).holds
