"""How long probes take by model: processor time of one thread, forecast from one batch.

`forecast_probe` times a point, a product and a gradient of each probe on one batch, on the clock of
the processor rather than of the wall, so that other programs matter less. Its rule, time ∝ points ×
instances, is then verified: small probes are run whole, and their processor time is compared with
the forecast. Weights are untrained and images are random, which does not change the time.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import torch
from _result import keep
from torch import nn

from nascope._src.cells.catalog import load as load_cell
from nascope._src.networks.network import Network
from nascope._src.probes import forecast as forecasts
from nascope._src.probes.compute import compute_probe
from nascope._src.probes.directions import random_directions
from nascope._src.probes.forecast import forecast_probe
from nascope._src.probes.plane import Plane
from nascope._src.probes.preconditions import verify
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import (
    CurvatureSettings,
    GridSettings,
    LandscapeSettings,
    ProbeSettings,
    VarianceSettings,
)
from nascope._src.runtime.devices import configure_process

IMAGES = 1000  # of the forecasts
PROBES = {
    "landscape": LandscapeSettings(points=21),
    "variance": VarianceSettings(points=11),
    "curvature": CurvatureSettings(blocks="none", points=0),
}
SMALL = {
    "landscape": LandscapeSettings(points=5),
    "variance": VarianceSettings(points=3),
    "curvature": CurvatureSettings(top=2, vectors=2, steps=5, block_steps=3, points=3),
}

VERIFIED = {
    "MLP, 784–256–10": tuple(SMALL),
    "DARTS, C = 4, L = 5 (scale tiny)": ("landscape", "variance"),
}


class Bottleneck(nn.Module):
    """ResNet-50's block (He et al. 2016, Figure 5, right)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = 4 * width
        self.body = nn.Sequential(
            *conv(before, width, 1), nn.ReLU(),
            *conv(width, width, 3, stride), nn.ReLU(),
            *conv(width, after, 1),
        )  # fmt: skip
        self.skip = nn.Sequential(*conv(before, after, 1, stride) if before != after else ())

    def forward(self, x):
        """Return the block's output, (batch, 4 · width, …)."""
        return torch.relu(self.body(x) + self.skip(x))


class Basic(nn.Module):
    """ResNet-18's block (He et al. 2016, Figure 5, left)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv(before, width, 3, stride), nn.ReLU(), *conv(width, width, 3)
        )
        self.skip = nn.Sequential(*conv(before, width, 1, stride) if before != width else ())

    def forward(self, x):
        """Return the block's output, (batch, width, …)."""
        return torch.relu(self.body(x) + self.skip(x))


def conv(before: int, after: int, size: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution and a BatchNorm."""
    layer = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)
    return [layer, nn.BatchNorm2d(after)]


def resnet(block: type, depths: list[int], expansion: int, stem: nn.Module, classes: int):
    """Return a residual network of four stages."""
    layers, before = [], 64
    for stage, depth in enumerate(depths):
        for index in range(depth):
            width = 64 * 2**stage
            layers.append(block(before, width, 2 if stage and not index else 1))
            before = width * expansion
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
    return nn.Sequential(stem, *layers, head)


def darts(channels: int, layers: int, size: int, image_channels: int) -> nn.Module:
    """Return a network of DARTS' cell."""
    torch.manual_seed(0)
    return Network(
        load_cell("DARTS"), channels=channels, layers=layers,
        image_size=size, image_channels=image_channels,
    ).to(memory_format=torch.channels_last)  # fmt: skip


def models():
    """Yield each model's name, the model, an image's shape, and the instances per batch."""
    torch.manual_seed(0)
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    yield "MLP, 784–256–10", mlp, (1, 28, 28), 250
    yield "DARTS, C = 4, L = 5 (scale tiny)", darts(4, 5, 8, 1), (1, 8, 8), 250
    yield "DARTS, C = 8, L = 5 (scale small)", darts(8, 5, 32, 3), (3, 32, 32), 64
    stem = nn.Sequential(*conv(3, 64, 3), nn.ReLU())
    yield "ResNet-18 for CIFAR", resnet(Basic, [2, 2, 2, 2], 1, stem, 10), (3, 32, 32), 16
    yield "DARTS, C = 36, L = 20 (scale paper)", darts(36, 20, 32, 3), (3, 32, 32), 8
    stem = nn.Sequential(*conv(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    yield "ResNet-50", resnet(Bottleneck, [3, 4, 6, 3], 4, stem, 1000), (3, 224, 224), 2


def risk_of(model: nn.Module, shape: tuple[int, ...], count: int, batch: int) -> Risk:
    """Return the risk of a model on copies of one image, which take no memory."""
    image = torch.randn(1, *shape).expand(count, *shape)
    return Risk(model.eval(), image, torch.zeros(count, dtype=torch.long), batch_size=batch)


def plane_of(risk: Risk, settings: ProbeSettings) -> Plane | None:
    """Return the plane of a probe on a grid."""
    if isinstance(settings, GridSettings):
        return Plane.around(risk, random_directions(risk.origin, 2), settings)
    return None


def forecasts_of(kind: str) -> dict[str, dict[str, object]]:
    """Return the processor hours that a kind of probe takes, by model."""
    hours = {}
    for name, model, shape, batch in models():
        risk = risk_of(model, shape, IMAGES, batch)
        settings = PROBES[kind]
        seconds = forecast_probe(risk, settings, plane_of(risk, settings)).seconds
        parameters = sum(p.numel() for p in model.parameters())
        hours[name] = {"parameters": parameters, "batch": batch, "hours": seconds / 3600}
        print(kind, name, hours[name], flush=True)
    return hours


def verified(kind: str) -> dict[str, float]:
    """Return the processor time of a small probe, in units of its forecast, by model."""
    errors = {}
    for name, model, shape, batch in models():
        if kind in VERIFIED.get(name, ()):
            risk, settings = risk_of(model, shape, 2 * batch + batch // 2, batch), SMALL[kind]
            plane = plane_of(risk, settings)
            verify(risk, derivatives=2)  # checks are not forecast
            forecast = forecast_probe(risk, settings, plane)
            start = time.process_time()
            compute_probe(risk, settings, plane)
            errors[name] = (time.process_time() - start) / forecast.seconds
            print(kind, name, f"measured ÷ forecast {errors[name]:.2f}", flush=True)
    return errors


def main() -> None:
    """Measure the kinds that are named, all by default, and keep the results of each."""
    configure_process(threads=1)
    forecasts.time = SimpleNamespace(perf_counter=time.process_time)
    for kind in sys.argv[1:] or PROBES:
        hours = forecasts_of(kind)
        keep(f"probe_time_{kind}", images=IMAGES, forecast=hours, verified=verified(kind))


if __name__ == "__main__":
    main()
