"""Which grids are compared, and the numbers that they hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nascope._src.records.read import ProbeRecord
from nascope._src.results.metrics.smoothness import summarise
from nascope._src.results.planes import (
    find_grid,
    loss_of,
    mode_of,
    modes_of,
    plane_of,
    std_at_centre,
    std_of,
    summary_of,
)
from tests.results.handmade import trial

AXIS = np.array([-1.0, 0.0, 1.0])
RAMP = np.arange(9.0).reshape(3, 3)


def grid(kind: str = "landscape", **settings) -> ProbeRecord:
    name = "loss" if kind == "landscape" else "variance"
    return ProbeRecord(kind, kind, settings, {}, {"alphas": AXIS, "betas": AXIS, name: RAMP})


def probed(*probes: ProbeRecord):
    return dataclasses.replace(trial("F", 0, 1.0), probes=probes)


def test_the_frozen_mode_comes_first_and_is_the_default() -> None:
    trials = [
        probed(grid(batchnorm="recalibrated")),
        probed(grid(batchnorm="batch"), grid()),
    ]
    assert mode_of(grid()) == "frozen"
    assert modes_of(trials, "landscape") == ["frozen", "batch", "recalibrated"]
    assert modes_of(trials, "variance") == []
    assert modes_of(trials[:1], "landscape", "variance") == ["recalibrated"]


def test_modes_are_those_of_standard_probes() -> None:
    on_the_way = probed(
        grid(batchnorm="batch", at="epoch 1"), grid(batchnorm="batch", data="train")
    )
    assert modes_of([on_the_way], "landscape") == []


def test_a_plane_is_the_same_in_every_mode_and_by_every_method() -> None:
    here = plane_of(grid(radius=1.0, seed=2))
    for same in ({"batchnorm": "batch"}, {"method": "vmap", "calibration": 5, "reached": 3}):
        assert plane_of(grid(radius=1.0, seed=2, **same)) == here
    assert plane_of(grid(seed=2, radius=1.0)) == here
    for other in ({"radius": 0.5, "seed": 2}, {"radius": 1.0, "seed": 3}, {"radius": 1.0}):
        assert plane_of(grid(**other)) != here


def test_the_first_grid_of_a_mode_and_plane_is_found() -> None:
    near, far, again = grid(radius=0.5), grid(radius=1.0), grid(radius=1.0, batchnorm="batch")
    one = probed(near, far, again, grid("variance"))
    assert find_grid(one, "landscape", "frozen") is near
    assert find_grid(one, "landscape", "frozen", plane_of(far)) is far
    assert find_grid(one, "landscape", "batch", plane_of(far)) is again
    assert find_grid(one, "landscape", "batch", plane_of(near)) is None
    assert find_grid(one, "landscape", "recalibrated") is None
    assert find_grid(one, "landscape", None) is None


def test_a_line_is_no_grid_to_compare() -> None:
    line = ProbeRecord("landscape", "line", {}, {}, {"alphas": AXIS, "loss": RAMP[0]})
    assert find_grid(probed(line), "landscape", "frozen") is None
    np.testing.assert_array_equal(loss_of(line), RAMP[0])


def test_values_of_grids() -> None:
    np.testing.assert_array_equal(loss_of(grid()), RAMP)
    np.testing.assert_allclose(std_of(grid("variance")) ** 2, RAMP)
    assert std_at_centre(grid("variance")) == 2  # √4
    assert loss_of(grid()).dtype == np.float64


@pytest.mark.parametrize("kind", ["landscape", "variance"])
def test_a_summary_is_of_the_losses_or_of_the_standard_deviations(kind: str) -> None:
    values = {"landscape": loss_of, "variance": std_of}[kind]
    probe = grid(kind)
    assert summary_of(probe) == summarise(values(probe)) == summary_of(probe)
    changed = dataclasses.replace(
        probe, arrays={**probe.arrays, "loss": RAMP, "variance": 9 + RAMP}
    )
    assert (summary_of(changed) == summary_of(probe)) == (kind == "landscape")
