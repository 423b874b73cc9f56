import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.probes.checkpoint import probe_checkpoint
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import gradient_norms
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import PROBES
from nascope._src.training.precision import arithmetic
from nascope._src.training.recipe import Recipe
from tests import cases
from tests.cases import train

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
        one = compute_landscape(risk, directions, grid)
        two = compute_gradient_variance(risk, directions, grid)
        risk.displace([], [])
        norms = gradient_norms(risk).numpy()
        top = eigenvalues(risk, 2, tolerance=1e-8).largest
        found.append([one["loss"], one["accuracy"], two["variance"], norms, top])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:per-instance gradients")
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_have_derivatives_on_a_gpu(kind):
    """cuDNN has no gradient of them in evaluation mode, and no second derivative."""
    torch.manual_seed(0)
    layers = nn.ModuleDict({"inner": kind(3, 4, batch_first=True), "last": nn.Linear(4, 3)})
    x, y = torch.randn(6, 5, 3).double(), torch.arange(6) % 3

    def losses(model, batch):
        logits = model["last"](model["inner"](batch["x"])[0][:, -1])
        return functional.cross_entropy(logits, batch["y"], reduction="none")

    found = []
    for device in ("cpu", "cuda"):
        batch = {"x": x.to(device), "y": y.to(device)}
        risk = Risk(layers.double().to(device), batch, batch_loss=losses)
        directions = random_directions(risk.origin, 1, seed=0)
        grid = Grid((0.0, 0.5))
        loss = compute_landscape(risk, directions, grid)["loss"]
        variance = compute_gradient_variance(risk, directions, grid)["variance"]
        top = eigenvalues(risk, 2, tolerance=1e-8).largest
        found.append([loss, variance, top])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)


@pytest.mark.parametrize("kind", ["landscape", "variance"])
def test_a_trained_network_is_probed_in_float32(tmp_path, kind):
    """Whatever the caller's arithmetic is; torch's own rounds convolutions to 10 bits."""
    path, found = tmp_path / "c.safetensors", []
    data = load_data("digits", train_size=400, test_size=100)
    recipe = Recipe(channels=16, layers=5, epochs=1, batch_size=50)
    train(load_cell("DARTS"), data, recipe, seed=0, path=path)
    plan, device = PROBES[kind](points=3, instances=50), torch.device("cuda")
    for around in ("float32", "tf32"):
        with arithmetic(around, device):
            arrays, _ = probe_checkpoint(
                path, plan, tmp_path / f"{around}.npz", data_dir=None, device=device
            )
        found.append(arrays["loss"])
    np.testing.assert_allclose(*found, rtol=1e-6)
