"""Probes of a network that is none of ours: a small ResNet on the embedded digits.

Trains it for a few epochs in plain torch, then draws its loss landscape, with BatchNorm frozen and
recalibrated, and prints gradient variance and curvature, before training and after.

    python examples/probe_resnet.py [FOLDER] [EPOCHS]
"""

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.data.augmentation import on_device
from nascope._src.data.datasets import load_data
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues, spectrum
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Risk
from nascope._src.report.figures.probes import draw_probe
from nascope._src.results.metrics.smoothness import smoothness_of
from nascope._src.results.stats.intervals import over_seeds


class Block(nn.Module):
    """Two convolutions and a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(x + self.bn2(self.conv2(inner)))


class ResNet(nn.Module):
    """A stem, some blocks, and a linear classifier on the mean over positions."""

    def __init__(self, channels: int = 12, blocks: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.blocks = nn.ModuleList(Block(channels) for _ in range(blocks))
        self.classifier = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.classifier(x.mean(dim=(2, 3)))


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """SGD with momentum, as plain as it gets."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()


def main(folder: Path, epochs: int) -> None:
    """Train, probe, draw, print."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    data = load_data("digits")
    cpu = torch.device("cpu")
    training_images, training_labels = on_device(data.train, data, cpu)
    test_images, test_labels = on_device(data.test, data, cpu)
    images, test = training_images.plain(slice(None)), test_images.plain(slice(None))
    model = ResNet()
    beginning = copy.deepcopy(model)
    train(model, images, training_labels, epochs)

    for mode in ("frozen", "recalibrated"):
        risk = Risk(model, test, test_labels, batchnorm=mode, calibration=images[:512])
        directions = random_directions(risk.origin, 2, seed=0)
        grid = Grid.square(11)
        found = {**grid.coordinates(), **compute_landscape(risk, directions, grid, workers=2)}
        level = np.log(10)  # the loss of a uniform guess
        numbers = smoothness_of(found["loss"], found["alphas"], found["betas"], level)
        print(f"BatchNorm {mode}: loss {found['loss'][5, 5]:.3f} at the centre, {numbers}")
        settings = {"instances": len(risk), "data": "test", "at": "end", "batchnorm": mode}
        drawing = draw_probe("landscape", found, settings, title="ResNet")
        drawing.write(folder, f"landscape-{mode}")

    for name, network in (("before training", beginning), ("after", model)):
        risk = Risk(network, test, test_labels, batchnorm="recalibrated", calibration=images[:512])
        method = choose_method(risk)
        directions = random_directions(risk.origin, 1, seed=0)
        found = compute_gradient_variance(risk, directions, Grid((0.0,)), method=method.name)
        print(f"{name}: √g = {found['variance'].item() ** 0.5:.3f}, by {method.name}")
        for block, variance in zip(found["blocks"], found["block_variance"][0], strict=True):
            print(f"    {block}: {variance / found['variance'].item():.1%}")
        top = eigenvalues(risk, 3)
        trace = over_seeds(spectrum(risk, vectors=4, steps=10)["trace_samples"].tolist())
        print(f"    largest eigenvalues of the Hessian {top['eigenvalues'].round(2)}, trace")
        print(f"    {trace.mean:.1f} in {trace.low:.1f} … {trace.high:.1f}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "probed"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 10,
    )
