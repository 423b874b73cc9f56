"""Probe a network that is not nascope's: a small ResNet on the embedded digits.

The example trains it for a few epochs in plain torch, draws its loss landscape with frozen and with
recalibrated BatchNorm, and prints gradient variance and curvature before and after training.

    python examples/probe_resnet.py [FOLDER] [EPOCHS] [POINTS]
"""

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import nascope


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
    """Train with SGD with momentum."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()


def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return images (n, 1, 8, 8) in [0, 1] and labels (n,)."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 16, torch.tensor(labels)


def main(folder: Path, epochs: int, points: int) -> None:
    """Train, probe, draw, print."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    data = nascope.load_data("digits")
    images, labels = tensors(data.train.images, data.train.labels)
    test_images, test_labels = tensors(data.test.images, data.test.labels)
    model = ResNet()
    beginning = copy.deepcopy(model)
    train(model, images, labels, epochs)

    for mode in ("frozen", "recalibrated"):
        risk = nascope.Risk(
            model, test_images, test_labels, batchnorm=mode, calibration=images[:512]
        )
        surface = nascope.landscape(risk, points=points, progress=False)
        print(f"BatchNorm {mode}: loss {surface.loss[points // 2, points // 2]:.3f} at the centre")
        print(f"    {surface.smoothness()}")
        surface.plot().savefig(folder / f"landscape-{mode}.png")

    for name, network in (("before training", beginning), ("after", model)):
        risk = nascope.Risk(
            network,
            test_images,
            test_labels,
            batchnorm="recalibrated",
            calibration=images[:512],
        )
        spread = nascope.gradient_variance(risk, grid=nascope.Grid((0.0,)), progress=False)
        print(f"{name}: √g = {spread.std.item():.3f}, by {spread.settings['method']}")
        for block, variance in zip(spread["blocks"], spread["block_variance"][0], strict=True):
            print(f"    {block}: {variance / spread.variance.item():.1%}")
        curvature = nascope.curvature(
            risk, top=3, vectors=4, steps=10, blocks="none", points=0, progress=False
        )
        trace = curvature.trace
        print(f"    largest eigenvalues of the Hessian {curvature.eigenvalues.round(2)}, trace")
        print(f"    {trace.mean:.1f} in {trace.low:.1f} … {trace.high:.1f}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "probed"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 10,
        int(sys.argv[3]) if len(sys.argv) > 3 else 11,
    )
