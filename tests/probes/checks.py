"""Cases and comparisons that several tests of the probes share."""

import contextlib
import itertools

import pytest
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Risk
from tests import cases, reference

GRID = Grid((-0.5, 0.0, 0.7), (-1.0, 0.3))  # not square, not symmetric


CELLS = ["all", "NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"]


MODES = ["frozen", "recalibrated", "batch"]


def genotype_of(name):
    return cases.all_operations() if name == "all" else load_cell(name)


def recalibrated(genotype, state, images, batch_size):
    """The state with running statistics estimated on batches, as plainly as can be."""
    count = -(-len(images) // batch_size)
    edges = [k * len(images) // count for k in range(count + 1)]
    batches = []
    for start, stop in itertools.pairwise(edges):
        seen = {}
        part = images[start:stop]
        reference.network_logits(genotype, state, part, layers=3, training=True, seen=seen)
        batches.append(seen)
    means = {key: sum(seen[key] for seen in batches) / count for key in batches[0]}
    return {**state, **means}


CENTRE = Grid((0.0,), (0.0,))


def assert_agrees(model, x, y, loss=None, method="layerwise"):
    """Gradient variance against single instances by plain autograd; which method was chosen."""
    risk = Risk(model, x, y, batch_size=4, **({"loss": loss} if loss else {}))
    chosen = choose_method(risk)
    assert chosen.name == method, chosen.why
    directions = random_directions(risk.origin, 2, seed=0)
    with contextlib.nullcontext() if method == "layerwise" else pytest.warns(match="times as long"):
        found = compute_gradient_variance(risk, directions, CENTRE)
    model = model.eval()
    loss = loss or (lambda out, target: functional.cross_entropy(out, target, reduction="none"))
    variance, norm, mean = reference.gradient_moments(
        lambda k: loss(model(x[k : k + 1]), y[k : k + 1])[0], list(model.parameters()), len(x)
    )
    got = [found[key].item() for key in ("variance", "mean_gradient_norm", "loss")]
    assert got == pytest.approx([variance, norm, mean], rel=1e-7, abs=1e-12)


class Tail(nn.Module):
    """Mean over positions, then a linear layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 3)

    def forward(self, x):
        return self.linear(x.flatten(2).mean(dim=2))
