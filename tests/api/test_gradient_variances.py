import numpy as np
import pytest

import nascope
from nascope._src.probes.gradient_variance import compute_gradient_variance


def test_a_risk(risk):
    directions = nascope.random_directions(risk.origin, 2, seed=0)
    grid = nascope.Grid.square(3)
    spread = nascope.gradient_variance(risk, directions, grid, progress=False)
    expected = compute_gradient_variance(risk, directions, grid)
    for name, values in expected.items():
        np.testing.assert_array_equal(spread[name], values)
    np.testing.assert_array_equal(spread.std, np.sqrt(expected["variance"]))
    assert spread.settings["method"] == "layerwise"
    assert repr(spread).startswith("GradientVariance(Sequential: 3 × 3 points in [-1, 1], √g ")
    assert spread._repr_png_().startswith(b"\x89PNG")


def test_the_frame_has_the_parts_of_the_variance(risk):
    frame = nascope.gradient_variance(risk, points=2, progress=False).to_frame()
    parts = frame[["variance of 0", "variance of 2"]].sum(axis=1)
    np.testing.assert_allclose(parts, frame["variance"])
    np.testing.assert_allclose(frame["std"] ** 2, frame["variance"])
    assert list(frame)[:2] == ["alpha", "beta"]


def test_a_trained_network(trained, tmp_path):
    spread = nascope.gradient_variance(trained, points=2, instances=10, progress=False)
    assert spread["blocks"].tolist() == ["stem", "cells.0", "cells.1", "cells.2", "classifier"]
    path = spread.save(str(tmp_path / "v.npz"))
    again = nascope.load(path)
    np.testing.assert_array_equal(again.variance, spread.variance)
    with pytest.raises(nascope.NascopeError, match="batchnorm: expected frozen or recalibrated"):
        nascope.gradient_variance(trained, batchnorm="batch", progress=False)


def test_gradient_norms_are_those_of_the_variance(risk, trained):
    norms = nascope.GradientVariance.norms(risk)
    spread = nascope.gradient_variance(risk, grid=nascope.Grid((0.0,)), progress=False)
    second_moment = spread.variance + spread["mean_gradient_norm"] ** 2
    assert (norms**2).mean() == pytest.approx(second_moment.item())
    assert nascope.GradientVariance.norms(trained, data="train", instances=10).shape == (10,)
    with pytest.raises(nascope.NascopeError, match="instances: set this when you make the Risk"):
        nascope.GradientVariance.norms(risk, instances=3)
