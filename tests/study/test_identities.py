"""Identities name results on disk: literal values guard them, so that studies can be resumed."""

from __future__ import annotations

import dataclasses

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.probes.settings import CurvatureSettings, LandscapeSettings, VarianceSettings
from nascope._src.schema import replaced
from nascope._src.study.demo import demo_study
from nascope._src.study.scales import SCALES
from nascope._src.training.recipe import RECIPES, training_identity

TRAINING = "0123456789abcdef"


@pytest.mark.parametrize(
    ("probe", "identity"),
    [
        (LandscapeSettings(), "f39c5c7742da04a3"),
        (
            LandscapeSettings(points=51, instances=500, batchnorm="recalibrated"),
            "340281ca7722800f",
        ),
        (
            LandscapeSettings(
                points=5, dimensions=1, seed=1, normalise="layer", one_dimensional="scale",
                radius=0.5,
            ),
            "4b5707c5e5a30096",
        ),
        (
            LandscapeSettings(
                points=4, along="trajectory", through=("epoch 1", "epoch 2.0", "end"),
                data="train", at="loss 1.0",
            ),
            "50bcb3e5d74c9e71",
        ),
        (LandscapeSettings(radius="auto"), "5060acf814b9f690"),
        (VarianceSettings(), "21450163bc299a95"),
        (
            VarianceSettings(
                points=7, instances=250, at="epoch 1", data="train", batchnorm="recalibrated"
            ),
            "ff64ae7d07bd7d70",
        ),
        (CurvatureSettings(), "1c80f9926b44d2ac"),
        (
            CurvatureSettings(
                top=2, vectors=0, steps=3, block_steps=2, points=0, instances=20, blocks="none",
                at="initialisation", seed=3,
            ),
            "9a61351075303e34",
        ),
    ],
)  # fmt: skip
def test_identities_of_probes(probe, identity):
    assert probe.identity(TRAINING) == identity


def test_identities_of_trainings():
    small = SCALES["small"].recipe("table1")
    changes = {"weight_decay": 0, "flip": False, "precision": "bf16", "compile": True}
    recipes = {
        "81e4d8a68b9d7218": RECIPES["section4"],
        "33bbd90a4b466867": RECIPES["table1"],
        "d0ce0eb63ffcd2d0": SCALES["tiny"].recipe(),
        "15e3652a0f16d753": dataclasses.replace(SCALES["tiny"].recipe(), learning_rate=0.25),
        "2725b42a9f4c83a4": SCALES["small"].recipe(),
        "bb529d0cafdd2f1f": replaced(small, changes, where=""),
    }
    cell, data = load_cell("DARTS"), load_data("digits")
    found = {name: training_identity(cell, data, recipe, 0) for name, recipe in recipes.items()}
    assert found == {name: name for name in recipes}


def test_identities_of_the_demonstration():
    study = demo_study()
    first, second = study.plan(study.load_data()).trials[:2]
    assert first.identity == "170c481e56509c3d"
    assert [p.identity for p in first.probes] == ["9c579430ad0dd5e9", "8743d36c63c5d165"]
    assert second.identity == "5303d77fdeff3bf9"
    assert [p.identity for p in second.probes] == ["151b6c1e82af51e6", "d35bb61f9bccc244"]
