"""Lipschitz constants against explicit Hessians of tiny networks, in float64."""

import numpy as np
import pytest
import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import spectrum
from nascope._src.probes.lipschitz import (
    block_lipschitz,
    cell_blocks,
    gradient_lipschitz,
    matrix_blocks,
)
from nascope._src.probes.risk import Risk
from tests import cases


def test_block_wise_constants(mlp):
    risk, hessian = mlp
    found = block_lipschitz(risk, matrix_blocks(risk), steps=20, workers=2)
    assert list(found["blocks"]) == ["0.weight", "2.weight"]
    starts = {"0.weight": (0, 20), "2.weight": (24, 36)}
    for name, value in zip(found["blocks"], found["lipschitz"], strict=True):
        own = hessian[slice(*starts[name]), slice(*starts[name])]
        assert value == pytest.approx(np.abs(np.linalg.eigvalsh(own)).max(), rel=1e-6)
    few = block_lipschitz(risk, matrix_blocks(risk), steps=3)
    assert (few["lipschitz"] <= found["lipschitz"] + 1e-12).all()  # from below
    whole = block_lipschitz(risk, {"all": list(risk.parameters)}, steps=39)
    assert whole["lipschitz"][0] == pytest.approx(np.abs(np.linalg.eigvalsh(hessian)).max())


def test_blocks_and_numbers_that_are_refused(mlp):
    risk, _ = mlp
    for names in ([], ["nothing"], ["0.bias", "0.bias"]):
        with pytest.raises(ProbeError, match="block 'a' must name parameters"):
            block_lipschitz(risk, {"a": names})
    with pytest.raises(ProbeError, match="steps must be at least 1"):
        block_lipschitz(risk, matrix_blocks(risk), steps=0)
    assert len(block_lipschitz(risk, {})["lipschitz"]) == 0
    with pytest.raises(ProbeError, match="vectors and steps must be at least 1"):
        spectrum(risk, steps=0)
    nothing = {name: torch.zeros_like(value) for name, value in risk.origin.items()}
    assert np.isnan(gradient_lipschitz(risk, [nothing], Grid.line(3))["along_first"]).all()


def test_blocks_of_a_network_of_cells():
    images, labels = cases.random_batch(4)
    risk = Risk(cases.small_network(load_cell("AmoebaNet")), images, labels)
    blocks = cell_blocks(risk)
    assert list(blocks) == ["stem", "cells.0", "cells.1", "cells.2", "classifier"]
    assert sum(map(len, blocks.values())) == len(risk.parameters)
    found = block_lipschitz(risk, blocks, steps=4)
    assert (found["lipschitz"] > 0).all()


def test_lipschitz_between_grid_points(mlp):
    risk, _ = mlp
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-0.5, 0.1, 1.0), (0.0, 0.4))
    found = gradient_lipschitz(risk, directions, grid, workers=2)
    flat = [torch.cat([d[name].flatten() for name in risk.parameters]) for d in directions]

    def gradient(alpha, beta):
        risk.displace(directions, (alpha, beta))
        return torch.cat([value.flatten() for value in risk.gradient()[1].values()])

    for i, alpha in enumerate(grid.alphas[:-1]):
        for j, beta in enumerate(grid.betas):
            other = grid.alphas[i + 1]
            change = (gradient(other, beta) - gradient(alpha, beta)).norm()
            expected = change / ((other - alpha) * flat[0].norm())
            assert found["along_first"][i, j] == pytest.approx(float(expected), rel=1e-9)
    change = (gradient(0.1, 0.4) - gradient(0.1, 0.0)).norm() / (0.4 * flat[1].norm())
    assert found["along_second"][1, 0] == pytest.approx(float(change), rel=1e-9)
    assert np.isnan(found["along_first"][-1]).all()
    assert np.isnan(found["along_second"][:, -1]).all()
    risk.displace([], [])
