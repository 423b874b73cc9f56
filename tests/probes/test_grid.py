"""Grids: their points, and chunks of them."""

import numpy as np
import pytest
import torch
from torch import nn

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import Share
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.risk import Risk
from tests import cases


def test_non_finite_values_are_kept():
    model = nn.Linear(4, 3)
    x, y = torch.randn(8, 4), torch.zeros(8, dtype=torch.long)
    risk = Risk(model, x, y)
    huge = [{name: torch.full_like(v, 3e38) for name, v in risk.origin.items()}] * 2
    found = compute_landscape(risk, huge, Grid((0.0, 1.0), (0.0, 1.0)))
    assert np.isfinite(found["loss"][0, 0])
    assert not np.isfinite(found["loss"][1, 1])
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    broken = Risk(model, x, y)
    for probe in (compute_landscape, compute_gradient_variance):
        for name, values in probe(broken, huge, Grid((0.0,), (0.0, 1.0))).items():
            if name != "blocks":
                assert np.isnan(values).all()
                assert values.shape[:2] == (1, 2)


class Killed(Exception):
    pass


@pytest.mark.parametrize("probe", [compute_landscape, compute_gradient_variance])
def test_parts_of_a_grid_are_put_together(probe, tmp_path):
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-1.0, 0.0, 0.5, 1.0, 1.5), (0.0, 0.5, 0.6))  # 15 points, 4 chunks
    for place in (2, 0, 1):  # in any order
        probe(risk, directions, grid, chunks=tmp_path, part=Share(place, 3))
    assert [path.name for path in sorted(tmp_path.glob("*"))] == [f"000{k}.npz" for k in range(4)]
    points = []
    found = probe(risk, directions, grid, chunks=tmp_path, progress=lambda _, w: points.append(w))
    assert len(points) == 4  # a word for each chunk found: none is computed
    for name, values in probe(risk, directions, grid).items():
        assert np.array_equal(found[name], values), name
    with pytest.raises(ProbeError, match="needs a folder"):
        probe(risk, directions, grid, part=Share(0, 3))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("probe", [compute_landscape, compute_gradient_variance])
def test_chunks_are_kept_and_taken_up_again(probe, workers, tmp_path):
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-1.0, 0.0, 0.5, 1.0, 1.5), (0.0, 0.5, 0.6))  # 15 points, 4 chunks
    whole = probe(risk, directions, grid)
    points = []

    def kill_after_nine(share, words):
        points.append(words)
        if len(points) == 9:
            raise Killed

    with pytest.raises(Killed):
        probe(risk, directions, grid, chunks=tmp_path, progress=kill_after_nine, workers=workers)
    kept = sorted(tmp_path.glob("*.npz"))
    assert 1 <= len(kept) <= 3
    kept[-1].write_bytes(b"damaged")
    changed = kept[0].stat().st_mtime_ns
    shares = []
    found = probe(
        risk, directions, grid, chunks=tmp_path, workers=3, progress=lambda s, _: shares.append(s)
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1
    if len(kept) > 1:
        assert kept[0].stat().st_mtime_ns == changed  # not computed again
    for name, values in whole.items():
        assert np.array_equal(found[name], values), name


def test_axes_that_are_refused():
    with pytest.raises(ProbeError, match="alphas has a coordinate twice"):
        Grid((0.0, 0.0, 1.0))
    with pytest.raises(ProbeError, match="points must be at least 1"):
        Grid.square(0)
    with pytest.raises(ProbeError, match="alphas must be at least one finite number"):
        Grid((), (0.0,))
    with pytest.raises(ProbeError, match="betas must be at least one finite number"):
        Grid((0.0,), (float("nan"),))


def test_it_says_what_it_is_in_a_line():
    assert repr(Grid.square(21)) == (
        "Grid(alphas=21 points in [-1, 1], betas=21 points in [-1, 1])"
    )
    assert repr(Grid((0.0, 0.5))) == "Grid(alphas=(0, 0.5))"
