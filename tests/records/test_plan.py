"""Plans put together: what either asks for, once."""

from __future__ import annotations

import copy

import pytest

from nascope._src.errors import StudyError
from nascope._src.records.plan import Plan, merged, read_plan, write_plan


def entry(label="DARTS", *, seed=0, identity="a" * 16, probes=(), rate=0.025, digest="d"):
    return {
        "identity": identity,
        "label": label,
        "family": "DARTS",
        "variant": "original" if label == "DARTS" else "published 1",
        "genotype": {"normal": label},
        "data": {"name": "digits", "digest": digest},
        "request": {"name": "digits", "train_size": 100},
        "recipe": {"epochs": 2, "learning_rate": rate},
        "seed": seed,
        "probes": list(probes),
    }


def probe(kind="landscape", *, identity="p" * 16, points=5):
    settings = {"points": points, "kind": kind}
    return {"kind": kind, "identity": identity, "settings": settings, "cost": 1.0}


def test_trials_of_both_the_older_ones_first():
    old = Plan("old", (entry(), entry("DARTS-p1")))
    new = Plan("new", (entry("DARTS-p1"), entry(seed=1), entry(rate=0.25)))
    both = merged(old, new)
    assert both.name == "new"
    assert [(e["label"], e["seed"], e["recipe"]["learning_rate"]) for e in both.trials] == [
        ("DARTS", 0, 0.025), ("DARTS-p1", 0, 0.025), ("DARTS", 1, 0.025), ("DARTS", 0, 0.25)
    ]  # fmt: skip
    assert merged(both, new).trials == both.trials


def test_a_trial_has_the_probes_of_both():
    old = Plan("s", (entry(probes=[probe()]),))
    new = Plan("s", (entry(probes=[probe("variance", identity="v" * 16), probe()]),))
    (trial,) = merged(old, new).trials
    assert [p["kind"] for p in trial["probes"]] == ["landscape", "variance"]
    (trial,) = merged(old, Plan("s", (entry(),))).trials
    assert [p["kind"] for p in trial["probes"]] == ["landscape"]


def test_another_versions_identities_give_way():
    old = Plan("s", (entry(probes=[probe()]), entry("DARTS-p1")))
    new = Plan("s", (entry(identity="b" * 16),))
    trials = merged(old, new).trials
    assert [(t["identity"][0], len(t["probes"])) for t in trials] == [("b", 0), ("a", 0)]
    newer_probe = Plan("s", (entry(probes=[probe(identity="q" * 16)]),))
    (trial, _) = merged(old, newer_probe).trials
    assert [p["identity"][0] for p in trial["probes"]] == ["q"]


def test_other_images_are_another_trial():
    both = merged(Plan("s", (entry(),)), Plan("s", (entry(digest="e", identity="b" * 16),)))
    assert len(both.trials) == 2


def test_a_name_stands_for_one_cell():
    other = copy.deepcopy(entry())
    other["genotype"] = {"normal": "another"}
    with pytest.raises(StudyError, match="another cell of the name 'DARTS'"):
        merged(Plan("s", (entry(),)), Plan("s", (other,)))


def test_a_merged_plan_is_written_and_read(tmp_path):
    both = merged(Plan("s", (entry(probes=[probe()]),)), Plan("s", (entry(seed=1),)))
    write_plan(tmp_path / "study.json", both)
    assert read_plan(tmp_path / "study.json") == both
