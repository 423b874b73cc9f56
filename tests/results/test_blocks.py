"""Matched pairs and blocks: who is compared with whom, and who is not."""

from __future__ import annotations

import dataclasses
import math

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.records.read import StudyRecord
from nascope._src.results.blocks import (
    blocks_in,
    differences,
    has_designs,
    is_designed,
    per_step,
)
from nascope._src.results.design import families_in, settings_of
from tests.results import designed
from tests.results.designed import contrast_cells, factorial_cells, level_of


def log_area(cell, rate=0.025, seed=0):
    """4 % less per c of width, 1 % more per level of depth."""
    level = level_of(cell)
    return 2.6 - 0.04 * float(level.width) + 0.01 * level.depth


def by_seed(member):
    return {t.seed: math.log(10 * t.training.epochs[0].train_loss) for t in member.trials}


def blocks_of(study, kind):
    return blocks_in(study, settings_of(study)[0], kind)


def test_a_contrast_compares_the_members_of_each_pair():
    study = designed.study(contrast_cells(), log_area)
    blocks = blocks_of(study, "contrast")
    assert [(block.family, block.allocation) for block in blocks][:3] == [
        ("DARTS", 1), ("DARTS", 2), ("ENAS", 1),
    ]  # fmt: skip
    found = differences(blocks, "wiring", by_seed)
    assert len(found) == 10
    assert (found[0].favoured, found[0].other) == ("DARTS-c1-w4d2", "DARTS-c1-w1.5d5")
    expected = {4: -0.04 * 2.5 - 0.01 * 3, 5: -0.04 * 3.5 - 0.01 * 4}
    for difference in found:
        nodes = 4 if difference.family in ("DARTS", "SNAS") else 5
        assert difference.value == pytest.approx(expected[nodes])
    assert blocks_of(study, "factorial") == []


def test_a_factorial_compares_each_factor_at_equal_levels_of_the_other():
    blocks = blocks_of(designed.study(factorial_cells(), log_area), "factorial")
    wider, shallower = (differences(blocks, factor, by_seed) for factor in ("width", "depth"))
    assert len(wider) == len(shallower) == 20
    assert (wider[0].favoured, wider[0].other) == ("DARTS-f1-w3d3", "DARTS-f1-w2d3")
    assert (shallower[0].favoured, shallower[0].other) == ("DARTS-f1-w2d3", "DARTS-f1-w2d4")
    assert per_step(wider) == pytest.approx([-0.04] * 10)
    assert per_step(shallower) == pytest.approx([-0.01] * 10)


def test_members_are_compared_on_their_common_seeds():
    study = designed.study(contrast_cells()[:2], lambda cell, rate, seed: seed, seeds=3)
    lacking = tuple(t for t in study.trials if (t.label, t.seed) != ("DARTS-c1-w4d2", 2))
    blocks = blocks_of(dataclasses.replace(study, trials=lacking), "contrast")
    (found,) = differences(blocks, "wiring", by_seed)
    assert found.value == pytest.approx(0)
    alone = tuple(trial for trial in study.trials if trial.label == "DARTS-c1-w4d2")
    assert differences(
        blocks_of(dataclasses.replace(study, trials=alone), "contrast"), "wiring", by_seed
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("lost", "value"),
    [(("w4",), math.inf), (("w1.5",), -math.inf), (("w4", "w1.5"), 0.0)],
)
def test_a_diverged_member_loses_by_any_margin(lost, value):
    study = designed.study(contrast_cells()[:2], log_area)
    blocks = blocks_of(study, "contrast")
    number = lambda m: {0: math.inf if any(s in m.label for s in lost) else 1.0}  # noqa: E731
    (found,) = differences(blocks, "wiring", number)
    assert found.value == value


def test_networks_of_unequal_size_are_no_match():
    """Parameters are equal by the cells; a record that says otherwise is not believed either."""
    study = designed.study(contrast_cells()[:2], log_area)
    first, second = study.trials
    more = dataclasses.replace(second.training, provenance={"parameters": 8})
    darts = load_cell("DARTS")
    for other in (
        dataclasses.replace(second, training=more),
        dataclasses.replace(second, genotype=dataclasses.replace(darts, normal=darts.reduce)),
    ):
        changed = dataclasses.replace(study, trials=(first, other))
        assert differences(blocks_of(changed, "contrast"), "wiring", by_seed) == []


def test_designed_variants_are_in_no_family():
    cells = contrast_cells()[:4]
    study = designed.study(cells, log_area)
    assert has_designs(study)
    assert is_designed(study)
    setting = settings_of(study)[0]
    assert families_in(study, setting) == []
    original = dataclasses.replace(
        study.trials[0], label="DARTS", variant="original", design=None, identity="o",
        genotype=load_cell("DARTS"),
    )  # fmt: skip
    mixed = StudyRecord("mixed", study.folder, (original, *study.trials))
    (family,) = families_in(mixed, setting)
    assert [member.label for member in family.members] == ["DARTS"]
    assert has_designs(mixed)
    assert not is_designed(mixed)
    assert len(blocks_in(mixed, setting, "contrast")) == 2
