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
        (VarianceSettings(), "f07ba95c77df2951"),
        (
            VarianceSettings(
                points=7, instances=250, at="epoch 1", data="train", batchnorm="recalibrated"
            ),
            "7c9ae1b2b00d344b",
        ),
        (CurvatureSettings(), "489acbd2ea7074f5"),
        (
            CurvatureSettings(
                top=2, vectors=0, steps=3, block_steps=2, points=0, instances=20, blocks="none",
                at="initialisation", seed=3,
            ),
            "a168ba983d03d454",
        ),
    ],
)  # fmt: skip
def test_identities_of_probes(probe, identity):
    assert probe.identity(TRAINING) == identity


def test_identities_of_trainings():
    small = SCALES["small"].recipe("table1")
    changes = {"weight_decay": 0, "flip": False, "precision": "bf16", "compile": True}
    recipes = {
        "1ca02e63e6744067": RECIPES["section4"],
        "1a2e4116ee74bc96": RECIPES["table1"],
        "11aa02f4a3d2573d": SCALES["tiny"].recipe(),
        "bca0630e67ffe8c2": dataclasses.replace(SCALES["tiny"].recipe(), learning_rate=0.25),
        "a3ec708eaa3811cd": SCALES["small"].recipe(),
        "ceb3e9e81e82797d": replaced(small, changes, where=""),
    }
    cell, data = load_cell("DARTS"), load_data("digits")
    found = {name: training_identity(cell, data, recipe, 0) for name, recipe in recipes.items()}
    assert found == {name: name for name in recipes}


def test_identities_of_the_demonstration():
    study = demo_study()
    first, second = study.plan(study.load_data()).trials[:2]
    assert first.identity == "e1ce8d328313a81b"
    assert [p.identity for p in first.probes] == ["865f3758ccb987f4", "05fb1a6fc350d0c0"]
    assert second.identity == "e06d2b5115b8f95c"
    assert [p.identity for p in second.probes] == ["e1599871c0f0fa79", "b437a1c867666061"]
