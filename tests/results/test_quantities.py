"""The quantities that figures show."""

from __future__ import annotations

import numpy as np

from nascope._src.records.read import GRID_ARRAYS, ProbeRecord
from nascope._src.results.quantities import CURVES, GRIDS
from tests.results.handmade import training


def test_quantities_of_an_epoch_have_the_unit_of_their_axis() -> None:
    (point,) = training([1.5], accuracies=[0.6]).epochs
    values = {name: quantity.value(point) for name, quantity in CURVES.items()}
    assert values == {"train_loss": 1.5, "test_loss": 1.5, "test_accuracy": 60}
    assert CURVES["test_accuracy"].axis.endswith("(%)")
    assert {name: quantity.worst for name, quantity in CURVES.items()} == {
        "train_loss": "high",
        "test_loss": "high",
        "test_accuracy": "low",
    }


def test_each_kind_of_grid_has_a_quantity() -> None:
    assert set(GRIDS) == set(GRID_ARRAYS)
    arrays = {"loss": np.array([[4.0]]), "variance": np.array([[4.0]])}
    values = {k: q.values(ProbeRecord(k, k, {}, {}, arrays)).item() for k, q in GRIDS.items()}
    assert values == {"landscape": 4, "variance": 2}
