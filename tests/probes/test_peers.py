"""Agreement with published tools, where NASCOPE_PEERS names a Python that has them (make peers)."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nascope._src.cells.catalog import load as load_cell
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues
from nascope._src.probes.risk import Risk
from tests import cases

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    "NASCOPE_PEERS" not in os.environ, reason="needs BackPACK and hessian-eigenthings (make peers)"
)
def test_backpack_and_hessian_eigenthings_agree(tmp_path):
    images, labels = cases.random_batch(6, size=32, channels=3)
    tensors = {"images": images, "labels": labels}
    variances = {}
    for name in ("DARTS", "SNAS"):
        network = cases.small_network(load_cell(name), channels=4, image_channels=3, image_size=32)
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        risk = Risk(network, images, labels, batch_size=4)
        directions = random_directions(risk.origin, 1, seed=0)
        found = compute_gradient_variance(risk, directions, Grid((0.0,)), method="layerwise")
        variances[name] = found["variance"].item()
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = torch.randn(20, 5).double(), torch.arange(20) % 3
    tensors |= {f"mlp.{key}": value for key, value in mlp.state_dict().items()} | {"x": x, "y": y}
    save_file({key: value.contiguous() for key, value in tensors.items()}, tmp_path / "case.st")
    done = subprocess.run(
        [
            os.environ["NASCOPE_PEERS"],
            str(ROOT / "tests/probes/peers.py"),
            str(tmp_path / "case.st"),
        ],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'benchmarks'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    peers = json.loads(done.stdout.splitlines()[-1])
    assert peers["variances"] == pytest.approx(variances, rel=1e-9)
    ours = eigenvalues(Risk(mlp, x, y, batch_size=7), 3, tolerance=1e-10).largest
    assert peers["eigenvalues"] == pytest.approx(ours.tolist(), rel=1e-6)
