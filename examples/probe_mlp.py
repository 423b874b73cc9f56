"""Probe any model with any loss: a small MLP that fits a curve, trained twice.

The model has LayerNorm and a squared loss of its own. The example draws the line between the two
trained networks and the path of a training in its own plane, and prints the gradient variance and
the Lipschitz constants of its layers.

    python examples/probe_mlp.py [FOLDER]
"""

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import nascope


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each instance, (batch,)."""
    return (outputs - targets).square().sum(dim=1)


def fit(seed: int, x: Tensor, y: Tensor) -> tuple[nn.Module, list[dict[str, Tensor]]]:
    """Return a trained network, and its weights on the way."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(1, 16),
        nn.LayerNorm(16),
        nn.Tanh(),
        nn.Linear(16, 16),
        nn.Tanh(),
        nn.Linear(16, 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    path = []
    for step in range(300):
        if step % 30 == 0:
            path.append(copy.deepcopy(dict(model.named_parameters())))
        optimizer.zero_grad()
        squared(model(x), y).mean().backward()
        optimizer.step()
    return model, path


def main(folder: Path) -> None:
    """Fit, probe, draw, print."""
    folder.mkdir(parents=True, exist_ok=True)
    x = torch.linspace(-2, 2, 200)[:, None]
    y = torch.sin(3 * x)
    model, path = fit(0, x, y)
    other, _ = fit(1, x, y)
    risk = nascope.Risk(model, x, y, loss=squared)

    end = dict(other.named_parameters())
    line = {name: end[name].detach() - weight for name, weight in risk.origin.items()}
    grid = nascope.Grid(tuple(np.linspace(-0.5, 1.5, 41)))
    between = nascope.landscape(risk, [line], grid, progress=False)
    print(f"loss of one {between.loss[10]:.4f}, halfway to the other {between.loss[20]:.4f}")
    between.plot().savefig(folder / "line.png")

    plane = nascope.landscape(risk, trajectory=path, points=21, progress=False)
    plane.plot().savefig(folder / "trajectory.png")
    print(f"the plane holds {plane['explained'].sum():.1%} of the path")

    spread = nascope.gradient_variance(
        risk, points=5, radius=0.5, normalise="layer", progress=False
    )
    method, why = spread.settings["method"], spread.settings["method_why"]
    print(f"√g = {spread.std[2, 2]:.3f}, by {method}: {why}")
    norms = nascope.GradientVariance.norms(risk)
    print(f"the steepest instance: x = {x[norms.argmax()].item():.2f}, ‖∇f‖ = {norms.max():.2f}")
    curvature = nascope.curvature(risk, top=1, vectors=0, points=0, progress=False)
    for layer in curvature.lipschitz().itertuples():
        print(f"Lipschitz constant of the gradient in layer {layer.block}: {layer.lipschitz:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "probed"))
