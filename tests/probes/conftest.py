"""A tiny network with its explicit Hessian."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.probes.risk import Risk


def explicit_hessian(loss_at, parameters):
    """All second derivatives of a function of a flat vector of parameters."""
    sizes = [p.numel() for p in parameters]

    def loss(flat):
        parts = flat.split(sizes)
        return loss_at([part.view(p.shape) for part, p in zip(parts, parameters, strict=True)])

    flat = torch.cat([p.detach().flatten() for p in parameters])
    return torch.autograd.functional.hessian(loss, flat).numpy()


@pytest.fixture(scope="module")
def mlp():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = torch.randn(20, 5).double(), torch.arange(20) % 3
    names = [name for name, _ in model.named_parameters()]

    def loss(parts):
        weights = dict(zip(names, parts, strict=True))
        return functional.cross_entropy(torch.func.functional_call(model, weights, (x,)), y)

    return Risk(model, x, y, batch_size=7), explicit_hessian(loss, list(model.parameters()))
