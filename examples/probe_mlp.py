"""Probes of any model with any loss: a small MLP that fits a curve, trained twice.

Regression, LayerNorm, a squared loss of its own: the line between two trained networks, the
training's path in its own plane, the gradient variance, and Lipschitz constants by layer.

    python examples/probe_mlp.py [FOLDER]
"""

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nascope._src.probes.directions import direction_between, random_directions, trajectory_plane
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.lipschitz import block_lipschitz, cell_blocks
from nascope._src.probes.per_instance import choose_method, gradient_norms
from nascope._src.probes.risk import Risk
from nascope._src.report.figures.probes import draw_probe


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """Per-instance loss, (batch,)."""
    return (outputs - targets).square().sum(dim=1)


def fit(seed: int, x: Tensor, y: Tensor) -> tuple[nn.Module, list[dict[str, Tensor]]]:
    """A trained network, and its weights on the way."""
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
    risk = Risk(model, x, y, loss=squared)
    settings = {"instances": len(risk), "data": "training", "at": "end", "batchnorm": "frozen"}

    line = direction_between(risk.origin, dict(other.named_parameters()))
    grid = Grid(tuple(np.linspace(-0.5, 1.5, 41)))
    found = {**grid.coordinates(), **compute_landscape(risk, [line], grid)}
    print(f"loss of one {found['loss'][10]:.4f}, halfway to the other {found['loss'][20]:.4f}")
    drawing = draw_probe("landscape", found, {**settings, "to": "the other"}, title="MLP")
    drawing.write(folder, "line")

    plane = trajectory_plane(risk.origin, path)
    low, high = plane.coordinates.min(axis=0), plane.coordinates.max(axis=0)
    room = 0.3 * (high - low)
    axes = np.linspace(np.minimum(low, 0) - room, np.maximum(high, 0) + room, 21).T
    grid = Grid(tuple(axes[0]), tuple(axes[1]))
    found = {**grid.coordinates(), **compute_landscape(risk, plane.directions, grid, workers=2)}
    found |= {"trajectory": plane.coordinates, "explained": plane.explained}
    draw_probe("landscape", found, settings, title="MLP").write(folder, "trajectory")
    print(f"the plane holds {plane.explained.sum():.1%} of the path")

    method = choose_method(risk)
    directions = random_directions(risk.origin, 2, seed=0, normalise="layer")
    variance = compute_gradient_variance(risk, directions, Grid.square(5, 0.5), method=method.name)
    print(f"√g = {variance['variance'][2, 2] ** 0.5:.3f}, by {method.name}: {method.why}")
    norms = gradient_norms(risk, method.name)
    print(f"the steepest instance: x = {x[norms.argmax()].item():.2f}, ‖∇f‖ = {norms.max():.2f}")
    constants = block_lipschitz(risk, cell_blocks(risk))
    for block, value in zip(constants["blocks"], constants["lipschitz"], strict=True):
        print(f"Lipschitz constant of the gradient in layer {block}: {value:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "probed"))
