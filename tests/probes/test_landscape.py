"""Landscapes against slow float64 references, on networks of cells."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.risk import Risk
from tests import cases, reference
from tests.probes.checks import CELLS, CENTRE, GRID, MODES, genotype_of, recalibrated


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CELLS)
def test_landscape_agrees_with_the_plain_reference(name, mode):
    genotype = genotype_of(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(8)
    calibration, _ = cases.random_batch(10, seed=1)
    risk = Risk(network, images, labels, batch_size=4, batchnorm=mode, calibration=calibration)
    assert (risk.folded is not None) == (mode != "batch")
    directions = random_directions(risk.origin, 2, seed=1)
    found = compute_landscape(risk, directions, GRID, workers=2)
    for i, alpha in enumerate(GRID.alphas):
        for j, beta in enumerate(GRID.betas):
            state = reference.at_displacement(network, directions, (alpha, beta))
            if mode == "recalibrated":
                state = recalibrated(genotype, state, calibration, 4)
            parts = [images] if mode != "batch" else images.split(4)
            logits = torch.cat(
                [
                    reference.network_logits(
                        genotype, state, part, layers=3, training=mode == "batch"
                    )[0]
                    for part in parts
                ]
            )
            losses = functional.cross_entropy(logits, labels, reduction="none")
            hits = (logits.argmax(dim=1) == labels).double()
            assert found["loss"][i, j] == pytest.approx(float(losses.mean()), rel=1e-8)
            assert found["loss_error"][i, j] == pytest.approx(float(losses.std()) / 8**0.5)
            assert found["accuracy"][i, j] == pytest.approx(float(hits.mean()))
            assert found["accuracy_error"][i, j] == pytest.approx(float(hits.std()) / 8**0.5)


def test_a_line():
    images, labels = cases.random_batch(6)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    plane = compute_landscape(risk, directions, Grid((-0.5, 0.5), (0.0,)))
    line = compute_landscape(risk, directions[:1], Grid((-0.5, 0.5)))
    assert np.array_equal(line["loss"], plane["loss"][:, 0])
    with pytest.raises(ProbeError, match="got 2 directions for a grid with 1 axes"):
        compute_landscape(risk, directions, Grid((-0.5, 0.5)))


def test_one_instance_has_no_standard_error():
    risk = Risk(nn.Linear(2, 2), torch.randn(1, 2), torch.zeros(1, dtype=torch.long))
    found = compute_landscape(risk, random_directions(risk.origin, 1, seed=0), Grid.line(3))
    assert np.isfinite(found["loss"]).all()
    assert np.isnan(found["loss_error"]).all()


def test_outputs_that_are_no_logits():
    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    x, y = torch.randn(5, 4), torch.zeros(5, dtype=torch.long)
    risk = Risk(Pair(4, 3), x, y, loss=lambda out, _: out[0].square().sum(dim=1))
    found = compute_landscape(risk, random_directions(risk.origin, 2, seed=0), CENTRE)
    assert np.isfinite(found["loss"]).all()
    assert np.isnan(found["accuracy"]).all()
