"""Block-wise curvature, variance and certified constants compared with autograd."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from nascope._src.theory.blocks import Blocks, constants
from nascope._src.theory.equations import (
    instance_gradients,
)
from nascope._src.theory.linear import spectral_norm, symmetric_norm
from nascope._src.theory.objectives import OBJECTIVES, select_cell
from tests.theory.draws import BATCH, CELLS, SIZE, draw


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_blocks_are_what_autograd_finds(cell, name):
    weights, objective, x = draw(cell, name)
    blocks = Blocks(cell, weights, objective, x)
    outputs, width = len(cell.outputs), SIZE * SIZE * cell.inputs
    for b in range(BATCH):
        own, inputs = select_cell(objective, b), x[b]

        def losses(weights, own=own, inputs=inputs):
            return own.value(cell.forward(weights, inputs))

        def wide(effective, own=own, inputs=inputs):
            return own.value(torch.einsum("kij,nj->nki", effective, inputs))

        second = hessian(lambda weights, f=losses: f(weights).mean(), weights[b])
        found = [symmetric_norm(second[e, :, :, e].reshape(4, 4)) for e in range(len(cell.edges))]
        torch.testing.assert_close(blocks.curvatures[b], torch.stack(found))
        effective = cell.maps(weights[b]).effective
        second = hessian(lambda effective, f=wide: f(effective).mean(), effective)
        flat = second.reshape(outputs, width, outputs, width)
        couplings = [[spectral_norm(flat[k, :, m]) for m in range(outputs)] for k in range(outputs)]
        torch.testing.assert_close(blocks.couplings[b], torch.tensor(couplings))
        torch.testing.assert_close(blocks.wide_curvatures[b], blocks.couplings[b].diagonal())
        for e, reached in enumerate(cell.reached()):
            part = flat[reached][:, :, reached].reshape(
                int(reached.sum()) * width, int(reached.sum()) * width
            )
            expected = symmetric_norm(part) if reached.any() else torch.zeros(()).double()
            torch.testing.assert_close(blocks.joint_curvatures[b, e], expected)
        for function, at, variances in (
            (losses, weights[b], blocks.variances),
            (wide, effective, blocks.wide_variances),
        ):
            each = jacobian(function, at)
            expected = (each - each.mean(0)).square().sum((-2, -1)).mean(0)
            torch.testing.assert_close(variances[b], expected)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_constants_hold_for_every_value_of_the_block(cell, name):
    weights, objective, x = draw(cell, name, batch=30)
    certified = constants(cell, weights, objective, x)
    for edge in range(len(cell.edges)):
        moved, further = weights.clone(), weights.clone()
        moved[:, edge] = 3 * torch.randn(30, SIZE, SIZE, dtype=torch.float64)
        further[:, edge] = moved[:, edge] + torch.randn(30, SIZE, SIZE, dtype=torch.float64)
        met = Blocks(cell, moved, objective, x).curvatures[:, edge]
        allowed = certified.blocks[:, edge]
        assert (met <= allowed * (1 + 1e-9)).all()
        if objective.exact:
            torch.testing.assert_close(met, allowed)
        gradients = [
            instance_gradients(cell, own, objective, x).mean(1)[:, edge] for own in (moved, further)
        ]
        change = (gradients[1] - gradients[0]).flatten(1).norm(dim=1)
        distance = (further - moved)[:, edge].flatten(1).norm(dim=1)
        assert (change <= allowed * distance * (1 + 1e-9) + 1e-12).all()
