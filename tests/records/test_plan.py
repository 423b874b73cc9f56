"""Plans: written, read, and merged."""

from __future__ import annotations

import dataclasses
import json

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.wiring import random_variant
from nascope._src.errors import StudyError
from nascope._src.records.files import read_json
from nascope._src.records.plan import (
    Plan,
    PlannedProbe,
    PlannedTrial,
    merge_plans,
    read_plan,
    write_plan,
)
from nascope._src.records.read import read_study
from tests.report import synthetic

DARTS = load_cell("DARTS")


def trial(label="DARTS", *, seed=0, identity="a" * 16, probes=(), rate=0.025, digest="d"):
    return PlannedTrial(
        identity=identity,
        label=label,
        family="DARTS",
        variant="original" if label == "DARTS" else "published 1",
        genotype=DARTS if label == "DARTS" else random_variant(DARTS, 1),
        data={"name": "digits", "digest": digest},
        request={"name": "digits", "train_size": 100},
        recipe={"epochs": 2, "learning_rate": rate},
        seed=seed,
        probes=tuple(probes),
    )


def probe(kind="landscape", *, identity="p" * 16, points=5):
    return PlannedProbe(kind, identity, {"points": points, "kind": kind}, 1.0)


def test_merging_keeps_all_trials_the_older_ones_first():
    old = Plan("old", (trial(), trial("DARTS-p1")))
    new = Plan("new", (trial("DARTS-p1"), trial(seed=1), trial(rate=0.25)))
    both = merge_plans(old, new)
    assert both.name == "new"
    assert [(t.label, t.seed, t.learning_rate) for t in both.trials] == [
        ("DARTS", 0, 0.025), ("DARTS-p1", 0, 0.025), ("DARTS", 1, 0.025), ("DARTS", 0, 0.25)
    ]  # fmt: skip
    assert merge_plans(both, new).trials == both.trials


def test_merging_keeps_the_probes_of_both_plans():
    old = Plan("s", (trial(probes=[probe()]),))
    new = Plan("s", (trial(probes=[probe("variance", identity="v" * 16), probe()]),))
    (merged,) = merge_plans(old, new).trials
    assert [p.kind for p in merged.probes] == ["landscape", "variance"]
    (merged,) = merge_plans(old, Plan("s", (trial(),))).trials
    assert [p.kind for p in merged.probes] == ["landscape"]


def test_identities_of_another_version_are_replaced():
    old = Plan("s", (trial(probes=[probe()]), trial("DARTS-p1")))
    new = Plan("s", (trial(identity="b" * 16),))
    trials = merge_plans(old, new).trials
    assert [(t.identity[0], len(t.probes)) for t in trials] == [("b", 0), ("a", 0)]
    newer_probe = Plan("s", (trial(probes=[probe(identity="q" * 16)]),))
    (merged, _) = merge_plans(old, newer_probe).trials
    assert [p.identity[0] for p in merged.probes] == ["q"]


def test_other_images_are_another_trial():
    both = merge_plans(Plan("s", (trial(),)), Plan("s", (trial(digest="e", identity="b" * 16),)))
    assert len(both.trials) == 2


def test_a_label_stands_for_one_cell():
    other = dataclasses.replace(trial(), genotype=random_variant(DARTS, 2))
    with pytest.raises(StudyError, match="another cell of the name 'DARTS'"):
        merge_plans(Plan("s", (trial(),)), Plan("s", (other,)))


def test_a_merged_plan_is_written_and_read(tmp_path):
    both = merge_plans(Plan("s", (trial(probes=[probe()]),)), Plan("s", (trial(seed=1),)))
    write_plan(tmp_path / "study.json", both)
    assert read_plan(tmp_path / "study.json") == both


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["trials"][0].pop(),
        lambda plan: plan["trials"][0].__setitem__(0, "nobody"),
        lambda plan: plan["trials"][0].__setitem__(1, 7),
        lambda plan: plan["trials"][0].__setitem__(3, "zero"),
        lambda plan: plan["trials"][0].__setitem__(4, None),
        lambda plan: plan["cells"]["DARTS"].pop("family"),
        lambda plan: plan["cells"]["DARTS"].update(genotype={"normal": 3}),
        lambda plan: plan["data"][0]["summary"].pop("digest"),
        lambda plan: plan["recipes"][0].pop("learning_rate"),
        lambda plan: plan["recipes"].__setitem__(0, [1]),
        lambda plan: plan["probes"][0].update(settings=None),
        lambda plan: plan["probes"][0].update(costs=[None]),
        lambda plan: plan["recipes"][0].update(learning_rate="fast"),
        lambda plan: plan["recipes"][0].update(epochs=True),
        lambda plan: plan["data"][0]["summary"].update(train="many"),
        lambda plan: plan["trials"][0].__setitem__(4, "../../../home/0"),
        lambda plan: plan["probes"][0].update(kind="../x"),
    ],
)
def test_a_plan_with_a_wrong_value_is_damaged(tmp_path, change):
    path = tmp_path / "study.json"
    write_plan(path, Plan("s", (trial(probes=[probe()]),)))
    content = read_json(path)
    change(content)
    path.write_text(json.dumps(content))  # without a checksum, like an older plan
    with pytest.raises(StudyError, match=r"study.json is damaged: run the study again"):
        read_plan(path)


def test_shared_values_are_written_once(tmp_path):
    fakes = synthetic.STUDIES["rates"]()
    synthetic.write_study(tmp_path, fakes)
    whole = json.loads((tmp_path / "study.json").read_text())
    assert (len(whole["trials"]), len(whole["cells"])) == (45, 5)
    assert (len(whole["recipes"]), len(whole["data"]), len(whole["probes"])) == (3, 1, 2)
    plan = read_plan(tmp_path / "study.json")
    assert [trial.seed for trial in plan.trials] == [fake.seed for fake in fakes]
    write_plan(tmp_path / "again.json", plan)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "study.json").read_bytes()
    many = Plan("many", plan.trials * 30)
    write_plan(tmp_path / "many.json", many)  # on one line
    assert read_plan(tmp_path / "many.json") == many


def test_a_plan_of_another_version_is_refused(tmp_path):
    (tmp_path / "study.json").write_text('{"format": 1, "name": "old", "trials": []}')
    with pytest.raises(StudyError, match="was written by another version of nascope: run"):
        read_study(tmp_path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"trials": 3}', "[" * 100_000, "half"])
def test_a_damaged_plan_is_named(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(StudyError, match=r"study.json is damaged: run the study again"):
        read_study(tmp_path)
