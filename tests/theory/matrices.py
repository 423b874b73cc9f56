"""Matrices of linear maps, column by column, and models with random BatchNorm statistics."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

TIGHT = {"tolerance": 1e-9, "steps": 1000}


def matrix_of(function, shape):
    """The matrix of an affine function's linear part, column by column; ``shape`` has no batch."""
    size = int(np.prod(shape))
    units = torch.eye(size, dtype=torch.float64).view(size, *shape)
    with torch.no_grad():
        columns = [function(unit[None]) - function(torch.zeros_like(unit)[None]) for unit in units]
    return torch.stack([column.flatten() for column in columns], dim=1).numpy()


def norm_and_gain(matrix):
    return np.linalg.norm(matrix, 2), np.linalg.norm(matrix) / matrix.shape[1] ** 0.5


def randomised(model, seed=0):
    """The model in float64 and eval mode, its BatchNorm statistics random."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for values in (module.running_mean, module.running_var, module.weight, module.bias):
                values.data.uniform_(0.5, 2, generator=generator)
    return model


def conv(*args, dimensions=2, seed=0, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        return kind(*args, **kwargs).double()
