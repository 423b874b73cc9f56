import numpy as np
import pytest
import torch

from nascope.cells import load_cell
from nascope.probes import (
    Grid,
    Risk,
    eigenvalues,
    gradient_norms,
    gradient_variance,
    landscape,
    random_directions,
)
from tests import cases

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.mark.parametrize("mode", ["frozen", "recalibrated"])
def test_a_gpu_measures_as_a_cpu_does(mode):
    """In float64: the same directions, losses, variances, norms and eigenvalues."""
    network = cases.small_network(load_cell("DARTS"))
    images, labels = cases.random_batch(8)
    found = []
    for device in ("cpu", "cuda"):
        risk = Risk(network.to(device), images.to(device), labels.to(device), batchnorm=mode)
        directions = random_directions(risk.origin, 2, seed=0)
        grid = Grid.square(3, 0.3)
        one = landscape(risk, directions, grid)
        two = gradient_variance(risk, directions, grid)
        risk.displace([], [])
        norms = gradient_norms(risk).numpy()
        top = eigenvalues(risk, 2, tolerance=1e-8)["eigenvalues"]
        found.append([one["loss"], one["accuracy"], two["variance"], norms, top])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)
