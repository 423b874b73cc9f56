"""Small cases that several tests share; everything random is seeded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.operation_names import OPERATIONS
from nascope._src.networks.network import Network
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.files import TrainingFiles
from nascope._src.training.train import train_network


def all_operations() -> Genotype:
    """A genotype whose cells hold every operation, skips of both strides, and a dead node."""
    names = list(OPERATIONS) + ["skip_connect"] * (-len(OPERATIONS) % 2)
    nodes = []
    for index in range(len(names) // 2):
        sources = (index % 2, min(index + 1, 2 + index // 2))
        nodes.append(
            tuple(
                (names[2 * index + k], source if source < index + 2 else 1)
                for k, source in enumerate(sources)
            )
        )
    nodes.append((("sep_conv_3x3", 0), ("max_pool_3x3", 1)))  # dead: nobody reads it
    cell = Cell(nodes=tuple(nodes), concat=tuple(range(2, len(nodes) + 1)))
    return Genotype(normal=cell, reduce=cell, name="all operations")


def small_network(genotype: Genotype | None = None, **changes: Any) -> Network:
    """A float64 network of every operation, its weights and BatchNorm statistics random."""
    settings: dict[str, Any] = {
        "channels": 2, "layers": 3, "classes": 3, "image_channels": 1, "image_size": 8,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(genotype or all_operations(), **(settings | changes)).double()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.2, 0.2)
    return network


def random_batch(
    n: int, *, size: int = 8, channels: int = 1, classes: int = 3, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Float64 images (n, channels, size, size) and labels (n,)."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, channels, size, size, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, classes, (n,), generator=generator)


def train(
    genotype: Genotype, *arguments: Any, path: Path, previous: Path | None = None, **settings: Any
) -> Checkpoint:
    """Train a network into a file."""
    return train_network(genotype, *arguments, TrainingFiles(path, previous), **settings)
