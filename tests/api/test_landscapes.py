import math

import numpy as np
import pytest
import torch

import nascope
from nascope._src.probes.directions import random_directions
from nascope._src.probes.landscape import compute_landscape
from nascope._src.records.read import ProbeRecord


def test_a_risk_keeps_its_keyword_arguments(risk, tmp_path):
    directions = nascope.random_directions(risk.origin, 2, seed=1)
    grid = nascope.Grid((-0.5, 0.0, 0.7), (-1.0, 0.3))
    shares = []
    surface = nascope.landscape(
        risk,
        directions,
        grid,
        workers=2,
        chunks=tmp_path,
        progress=lambda share, words: shares.append(share),
    )
    expected = compute_landscape(risk, directions, grid)
    assert shares[-1] == 1
    assert {*surface} == {*expected, "alphas", "betas"}
    for name, values in expected.items():
        np.testing.assert_array_equal(surface[name], values)
    assert list(surface.alphas) == [-0.5, 0.0, 0.7]
    assert list(surface.betas) == [-1.0, 0.3]
    np.testing.assert_array_equal(surface.loss, expected["loss"])
    assert dict(surface).keys() == surface.keys()
    with pytest.raises(KeyError):
        surface["nothing"]


def test_directions_and_grid_have_defaults(risk):
    surface = nascope.landscape(risk, points=3, seed=4, radius=0.5, progress=False)
    directions = random_directions(risk.origin, 2, seed=4)
    expected = compute_landscape(risk, directions, nascope.Grid.square(3, 0.5))
    np.testing.assert_array_equal(surface.loss, expected["loss"])
    line = nascope.landscape(risk, points=3, dimensions=1, progress=False)
    assert line.loss.shape == (3,)
    assert line.betas is None
    only = nascope.landscape(risk, grid=nascope.Grid.line(5), progress=False)
    assert only.loss.shape == (5,)
    only = nascope.landscape(risk, directions[:1], points=7, progress=False)
    assert only.loss.shape == (7,)


def test_the_record_says_which_radius_auto_found(trained, tmp_path):
    model = torch.nn.Linear(3, 3)
    with torch.no_grad():
        model.weight.copy_(5 * torch.eye(3))
    risk = nascope.Risk(model, torch.eye(3), torch.arange(3))
    for part in ((1, 2), (0, 2)):
        nascope.landscape(risk, points=5, radius="auto", chunks=tmp_path, part=part, progress=False)
    surface = nascope.landscape(risk, points=5, radius="auto", chunks=tmp_path, progress=False)
    found = surface.settings["radius"]
    assert surface.settings["radius_rule"] == "auto"
    assert surface.settings["radius_level"] == pytest.approx(math.log(3))
    same = nascope.landscape(risk, points=5, radius=found, progress=False)
    assert "radius_rule" not in same.settings
    np.testing.assert_array_equal(surface.alphas, [-found, -found / 2, 0, found / 2, found])
    np.testing.assert_array_equal(surface.loss, same.loss)
    spread = nascope.gradient_variance(risk, points=1, radius="auto", progress=False)
    assert spread.settings["radius"] == found
    for given in ({"grid": nascope.Grid.square(3)}, {"trajectory": [risk.origin]}):
        with pytest.raises(nascope.NascopeError, match="a radius or a grid, but got both"):
            nascope.landscape(risk, radius="auto", progress=False, **given)
    with pytest.raises(nascope.NascopeError, match="no radius for the line"):
        nascope.landscape(trained, to=trained, radius="auto", progress=False)
    with pytest.raises(nascope.NascopeError, match="radius: expected a number .* or auto, got 'a'"):
        nascope.landscape(risk, radius="a", progress=False)


def test_parts_are_put_together(risk, tmp_path):
    for part in ((1, 2), (0, 2)):
        empty = nascope.landscape(risk, points=3, chunks=tmp_path, part=part, progress=False)
        assert "loss" not in empty
        assert repr(empty) == "Landscape(Sequential: a part of the grid, kept in its chunks)"
        assert empty._repr_png_() is None
        with pytest.raises(nascope.NascopeError, match="probe again without ``part``"):
            empty.plot()
    whole = nascope.landscape(risk, points=3, chunks=tmp_path, progress=False)
    np.testing.assert_array_equal(
        whole.loss, nascope.landscape(risk, points=3, progress=False).loss
    )


def test_a_trained_network_or_its_path(trained, tmp_path):
    surface = nascope.landscape(trained, points=3, instances=20, progress=False)
    path = trained.save(tmp_path / "c.safetensors")
    again = nascope.landscape(str(path), points=3, instances=20, workers=1, progress=False)
    np.testing.assert_array_equal(surface.loss, again.loss)
    assert surface.record.identity == again.record.identity != ""
    centre = trained.evaluate()
    whole = nascope.landscape(trained, grid=nascope.Grid((0.0,), (0.0,)), progress=False)
    assert whole.loss.item() == pytest.approx(centre.loss, rel=1e-5)
    assert whole.settings["at"] == "end"
    start = nascope.landscape(trained, points=2, at="initialisation", progress=False)
    assert start.settings["at"] == "initialisation"


def test_the_line_to_another_network(trained, digits):
    other = nascope.train("DARTS", digits, seed=1, epochs=1, channels=2, layers=3, progress=False)
    line = nascope.landscape(trained, to=other, points=5, progress=False)
    assert list(line.alphas) == [-0.5, 0, 0.5, 1, 1.5]
    assert line.settings["batchnorm"] == "recalibrated"
    assert line.settings["to"] == other.checkpoint.records["identity"]


def test_trajectories(trained, risk):
    surface = nascope.landscape(trained, along="trajectory", points=3, instances=10, progress=False)
    assert surface["trajectory"].shape == (2, 2)
    path = surface.path()
    assert list(path) == ["moment", "alpha", "beta", "loss", "projected_loss", "explained"]
    assert list(path.moment) == ["initialisation", "epoch 0.5"]
    np.testing.assert_allclose(path.loss, path.projected_loss, rtol=1e-4)  # two steps span a plane
    np.testing.assert_allclose(path.explained, 1)
    generator = torch.Generator().manual_seed(0)
    steps = [
        {n: w + torch.randn(w.shape, generator=generator) for n, w in risk.origin.items()}
        for _ in range(3)
    ]
    surface = nascope.landscape(risk, trajectory=steps, points=4, progress=False)
    assert surface["trajectory"].shape == (3, 2)
    np.testing.assert_array_equal(surface.path().loss, surface["path_loss"])
    with pytest.raises(nascope.NascopeError, match="expected the plane of a trajectory"):
        nascope.landscape(risk, points=2, progress=False).path()
    assert surface.loss.shape == (4, 4)
    with pytest.raises(nascope.NascopeError, match="directions or a trajectory, but got both"):
        nascope.landscape(risk, [risk.origin] * 2, trajectory=steps, progress=False)


def test_numbers_of_a_landscape(risk):
    surface = nascope.landscape(risk, points=5, progress=False)
    below = (surface.loss < math.log(2)).any()
    assert (surface.smoothness().area_below > 0) == below
    assert surface.smoothness(level=1e9).area_below == 1
    assert math.isnan(
        nascope.landscape(
            nascope.Risk(risk.model, risk.inputs, risk.targets, loss=lambda out, _: out[:, 0] ** 2),
            points=3,
            progress=False,
        ).smoothness(level=math.nan).area_below
    )  # fmt: skip
    line = nascope.landscape(risk, points=3, dimensions=1, progress=False)
    with pytest.raises(nascope.NascopeError, match="this one is a line"):
        line.smoothness()


def test_the_frame_has_a_row_per_point(risk):
    grid = nascope.Grid((-0.5, 0.0, 0.7), (-1.0, 0.3))
    surface = nascope.landscape(risk, grid=grid, progress=False)
    frame = surface.to_frame()
    assert list(frame) == ["alpha", "beta", "loss", "accuracy", "loss_error", "accuracy_error"]
    row = frame[(frame["alpha"] == 0.7) & (frame["beta"] == -1)]
    assert row["loss"].item() == surface.loss[2, 0]
    assert len(frame) == 6


def test_the_picture_and_the_words_are_short(risk, trained):
    for surface in (
        nascope.landscape(risk, points=3, progress=False),
        nascope.landscape(risk, points=3, dimensions=1, progress=False),
        nascope.landscape(trained, points=3, instances=10, progress=False),
    ):
        assert surface._repr_png_().startswith(b"\x89PNG")
        assert surface.plot()._repr_png_().startswith(b"\x89PNG")
        assert len(repr(surface)) < 200
    nothing = {"loss": np.full((2, 2), np.nan), "alphas": np.arange(2.0), "betas": np.arange(2.0)}
    broken = nascope.Landscape(ProbeRecord("landscape", "", {}, {}, nothing))
    assert repr(broken).endswith("loss nan at the centre, not finite)")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"point": 3}, "point: unknown key; did you mean points"),
        ({"points": 0}, "points: expected an integer from 1 to 1001, got 0"),
        ({"batchnorm": "batch"}, "batchnorm: set this when you make the Risk"),
        ({"along": "trajectory"}, "along: only a trained network has a trajectory"),
        ({"to": "x"}, "needs a trained network"),
    ],
)
def test_mistakes_are_told(risk, settings, message):
    with pytest.raises(nascope.NascopeError, match=message):
        nascope.landscape(risk, progress=False, **settings)


def test_what_cannot_be_probed_is_told():
    with pytest.raises(nascope.NascopeError, match="but got Linear: wrap your own model in"):
        nascope.landscape(torch.nn.Linear(2, 2), progress=False)
    with pytest.raises(nascope.NascopeError, match="no such checkpoint"):
        nascope.landscape("nothing.safetensors", progress=False)
