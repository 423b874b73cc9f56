import math
import re
from dataclasses import replace

import pytest

from nascope._src.data.datasets import load_data
from nascope._src.errors import StudyError
from nascope._src.schema import replaced
from nascope._src.training.recipe import RECIPES, Recipe


def test_the_papers_recipes():
    section4, table1 = RECIPES["section4"], RECIPES["table1"]
    assert section4 == Recipe(
        channels=36, layers=20, epochs=600, batch_size=80, learning_rate=0.025, momentum=0.9,
        weight_decay=3e-4, gradient_clip=5.0, padding=4, flip=True, cutout=0,
        auxiliary_weight=0.0, drop_path=0.0,
    )  # fmt: skip
    assert table1 == replace(section4, cutout=16, auxiliary_weight=0.4, drop_path=0.2)


def test_the_schedule_value_by_value():
    recipe = Recipe(epochs=4, learning_rate=0.1)
    expected = [0.1, 0.05 * (1 + math.sqrt(0.5)), 0.05, 0.05 * (1 - math.sqrt(0.5))]
    assert [recipe.learning_rate_at(e) for e in range(4)] == pytest.approx(expected, rel=1e-12)
    assert Recipe().learning_rate_at(0) == 0.025  # the first epoch at the full rate
    assert Recipe().learning_rate_at(600) == pytest.approx(0, abs=1e-15)
    drops = Recipe(epochs=4, drop_path=0.2)
    assert [drops.drop_path_at(e) for e in range(4)] == pytest.approx([0, 0.05, 0.1, 0.15])


def test_augmentation_scales_with_the_image():
    digits = load_data("digits")
    small = RECIPES["table1"].augmentation(digits)
    assert (small.padding, small.cutout, small.flip) == (1, 4, False)
    assert Recipe(padding=0).augmentation(digits).padding == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "recipe.epochs: expected an integer of at least 1, got 0"),
        ({"epochs": 1.5}, "recipe.epochs: expected an integer of at least 1, got 1.5"),
        ({"learning_rate": 0.0}, "recipe.learning_rate: expected a number above 0"),
        ({"learning_rate": math.nan}, "recipe.learning_rate: expected a number .*, got nan"),
        (
            {"momentum": 1.0},
            "recipe.momentum: expected a number of at least 0 and below 1, got 1.0",
        ),
        (
            {"drop_path": -0.1},
            "recipe.drop_path: expected a number of at least 0 and below 1, got -0.1",
        ),
        ({"cutout": 40}, "recipe.cutout: expected an integer from 0 to 32, got 40"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        Recipe(**changes)


def test_overrides_are_checked_by_name_and_type():
    changed = replaced(Recipe(), {"weight_decay": 0, "flip": False, "precision": "bf16"}, where="")
    assert (changed.weight_decay, changed.flip, changed.precision) == (0.0, False, "bf16")
    for values, message in [
        ({"wieght_decay": 0}, "x.wieght_decay: unknown key; did you mean weight_decay?"),
        ({"epochs": 2.5}, "x.epochs: expected an integer of at least 1, got 2.5"),
        ({"flip": 1}, "x.flip: expected true or false, got 1"),
        ({"momentum": True}, "x.momentum: expected a number of at least 0 and below 1, got True"),
        ({"precision": "half"}, "x.precision: expected one of float32, tf32, bf16, got 'half'"),
    ]:
        with pytest.raises(StudyError, match=re.escape(message)):
            replaced(Recipe(), values, where="x.")
