"""Random cells, weights, objectives and inputs, small enough for slow references."""

from __future__ import annotations

import numpy as np
import torch

from nascope._src.theory.linear import LinearCell, random_weights
from nascope._src.theory.objectives import OBJECTIVES, Shape

SIZE, BATCH, INSTANCES = 2, 2, 3
CELLS = {
    "widest": LinearCell.widest(3),
    "narrowest": LinearCell.narrowest(3),
    "two inputs": LinearCell.random(3, np.random.default_rng(0), inputs=2, in_degree=2),
    "an output": LinearCell(((0, 1), (1, 2), (0, 3)), outputs=(2,)),
}


def draw(cell, objective, *, scale=1.3, batch=BATCH, seed=0):
    generator = np.random.default_rng(seed)
    shape = Shape(batch, INSTANCES, len(cell.outputs), SIZE)
    weights = random_weights(cell, batch, SIZE, scale, generator)
    x = torch.from_numpy(generator.standard_normal((batch, INSTANCES, cell.inputs * SIZE)))
    return weights, OBJECTIVES[objective](shape, generator), x
