"""The plain way, as the published code does it: what the benchmarks compare with.

A network of cells written as in DARTS' code (eager, NCHW, float32, each edge with its own ReLU),
trained from a DataLoader that augments image by image, with a host sync at each step.
"""

from __future__ import annotations

import math
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from nascope._src.cells.genotype import Cell, Genotype

if TYPE_CHECKING:  # the environment of peers lacks what reading data needs
    from nascope._src.data.datasets import DataSet, ImageSet


class FactorizedReduce(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=False)
        self.conv_1 = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], dim=1))


class Op(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.op = nn.Sequential(nn.ReLU(inplace=False), *layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


def depthwise_pointwise(c: int, kernel: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    pad = dilation * (kernel // 2)
    return [
        nn.Conv2d(c, c, kernel, stride, pad, dilation, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        nn.BatchNorm2d(c),
    ]


def operation(name: str, c: int, stride: int) -> nn.Module:
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(c, c)
    if name.startswith("max_pool"):
        return nn.MaxPool2d(kernel, stride, kernel // 2)
    if name.startswith("avg_pool"):
        return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
    if name.startswith("sep_conv"):
        first = depthwise_pointwise(c, kernel, stride)
        return Op(*first, nn.ReLU(inplace=False), *depthwise_pointwise(c, kernel, 1))
    if name.startswith("dil_conv"):
        return Op(*depthwise_pointwise(c, kernel, stride, dilation=2))
    raise ValueError(name)


class PlainCell(nn.Module):
    def __init__(self, cell: Cell, older: int, newer: int, c: int, *, reduce: bool, after: bool):
        super().__init__()
        one = Op(nn.Conv2d(older, c, 1, bias=False), nn.BatchNorm2d(c))
        self.preprocess0 = FactorizedReduce(older, c) if after else one
        self.preprocess1 = Op(nn.Conv2d(newer, c, 1, bias=False), nn.BatchNorm2d(c))
        edges = [edge for node in cell.nodes for edge in node]
        self._ops = nn.ModuleList(
            operation(e.operation, c, 2 if reduce and e.source < 2 else 1) for e in edges
        )
        self._nodes = [[edge.source for edge in node] for node in cell.nodes]
        self._concat = cell.concat
        self.channels = c * len(cell.concat)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        states = [self.preprocess0(older), self.preprocess1(newer)]
        operations = iter(self._ops)
        for sources in self._nodes:
            states.append(sum(next(operations)(states[source]) for source in sources))
        return torch.cat([states[i] for i in self._concat], dim=1)


class PlainNetwork(nn.Module):
    """The same function and parameter names as nascope.Network."""

    def __init__(self, genotype: Genotype, channels: int, layers: int, classes: int) -> None:
        super().__init__()
        stem = 3 * channels
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem)
        )
        self.cells = nn.ModuleList()
        older = newer = stem
        after = False
        for index in range(layers):
            reduce = index in {layers // 3, 2 * layers // 3}
            channels *= 2 if reduce else 1
            kind = genotype.reduce if reduce else genotype.normal
            cell = PlainCell(kind, older, newer, channels, reduce=reduce, after=after)
            self.cells.append(cell)
            older, newer, after = newer, cell.channels, reduce
        self.global_pooling = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(newer, classes)

    def forward(self, x: Tensor) -> Tensor:
        older = newer = self.stem(x)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.classifier(self.global_pooling(newer).flatten(1))


class PlainImages(Dataset):
    """One image at a time: crop and mirror where asked, then normalise, as torchvision does."""

    def __init__(self, part: ImageSet, data: DataSet, *, augment: bool) -> None:
        self.images, self.labels, self.augment = part.images, part.labels, augment
        self.mean = torch.tensor(data.mean, dtype=torch.float32)[:, None, None]
        self.std = torch.tensor(data.std, dtype=torch.float32)[:, None, None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index]
        if self.augment:
            image = np.pad(image, ((4, 4), (4, 4), (0, 0)))
            top, left = torch.randint(0, 9, (2,)).tolist()
            image = image[top : top + 32, left : left + 32]
            if torch.rand(1).item() < 0.5:
                image = image[:, ::-1]
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()
        return (pixels - self.mean) / self.std, int(self.labels[index])


def plain_step(network: nn.Module, optimizer: torch.optim.SGD, images: Tensor, labels: Tensor):
    """One step as the published code takes it; loss and accuracy are read at once."""
    optimizer.zero_grad()
    logits = network(images)
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5)
    optimizer.step()
    return loss.item(), (logits.argmax(1) == labels).float().mean().item()


def plain_sgd(network: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)


def plain_training(network: nn.Module, data: DataSet, *, epochs: int, batch: int, workers: int):
    """Train for some epochs, the cosine per epoch."""
    loader = DataLoader(
        PlainImages(data.train, data, augment=True), batch, shuffle=True, num_workers=workers
    )
    optimizer = plain_sgd(network)
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.0125 * (1 + math.cos(math.pi * epoch / epochs))
        network.train()
        for images, labels in loader:
            plain_step(network, optimizer, images, labels)


def plain_evaluation(network: nn.Module, data: DataSet, *, batch: int) -> tuple[float, float]:
    """Mean loss and accuracy on the test set, batch by batch from a DataLoader."""
    network.eval()
    loss = hits = 0.0
    with torch.no_grad():
        for images, labels in DataLoader(PlainImages(data.test, data, augment=False), batch):
            logits = network(images)
            loss += functional.cross_entropy(logits, labels, reduction="sum").item()
            hits += (logits.argmax(1) == labels).sum().item()
    return loss / len(data.test), hits / len(data.test)


def peak_memory_mb() -> float:
    """Peak resident memory of this process alone: getrusage's begins with that of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
