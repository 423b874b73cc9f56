"""Closed forms of parameters and multiply-adds against the networks' own counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nascope._src.cells.catalog import load
from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.wiring import random_variant
from nascope._src.errors import GenotypeError
from nascope._src.networks.network import Network
from nascope._src.networks.sizes import (
    Size,
    darts_size,
    nas_bench_101_size,
    nas_bench_201_size,
)

SHAPES = (
    {"channels": 6, "layers": 5, "image_size": 29, "image_channels": 1, "classes": 7},
    {"channels": 4, "layers": 2},
)


def counted(genotype: Genotype, **shape: int) -> Size:
    with torch.device("meta"):
        network = Network(genotype, **shape)
        return Size(network.num_parameters, network.multiply_adds())


@pytest.mark.parametrize("name", ["NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
@pytest.mark.parametrize("variant", [0, 1])
def test_of_darts_network(name: str, variant: int) -> None:
    genotype = random_variant(load(name), variant) if variant else load(name)
    for shape in SHAPES:
        assert darts_size(genotype, **shape) == counted(genotype, **shape)


def test_published_sizes() -> None:
    assert darts_size(load("DARTS")).parameters == 3_349_342
    assert darts_size(load("AmoebaNet")).parameters == 3_145_078
    assert darts_size(load("SNAS"), channels=16, layers=8).parameters == 200_954
    cell = parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+"
        "|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    ).normal
    assert nas_bench_201_size(cell).parameters == 802_426  # 0.802426 MB in the benchmark


def test_other_cells_are_refused() -> None:
    single = parse("|conv_3x3~0|+|conv_3x3~0|conv_3x3~1|")
    with pytest.raises(GenotypeError, match="two inputs, but got 1"):
        darts_size(single)


# ---------------------------------------------------------------- NAS-Bench-201's network


class _Edges201(nn.Module):
    """A cell as the benchmark computes it: each node sums its edges."""

    def __init__(self, cell: Cell, channels: int) -> None:
        super().__init__()
        self.cell = cell
        self.operations = nn.ModuleList(
            {"conv_3x3": _conv(channels, channels, 3), "conv_1x1": _conv(channels, channels, 1),
             "avg_pool_3x3": nn.AvgPool2d(3, 1, 1, count_include_pad=False),
             "skip_connect": nn.Identity()}[edge.operation]
            for edge in cell.edges
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, operations = [x], iter(self.operations)
        for node in self.cell.nodes:
            states.append(sum(next(operations)(states[edge.source]) for edge in node))
        return states[-1]


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(c_out))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            _conv(channels, 2 * channels, 3, 2), _conv(2 * channels, 2 * channels, 3)
        )
        self.short = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(channels, 2 * channels, 1, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.long(x) + self.short(x)


def test_of_nas_bench_201() -> None:
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    cell = parse(
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    ).normal
    with torch.device("meta"):
        stages = []
        for stage, channels in enumerate((16, 32, 64)):
            stages += [_Residual(channels // 2)] if stage else []
            stages += [_Edges201(cell, channels) for _ in range(5)]
        stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        head = nn.Sequential(
            nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
        )
        network = nn.Sequential(stem, *stages, head).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, 32, 32))
    expected = Size(sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2)
    assert nas_bench_201_size(cell) == expected


def test_of_nas_bench_101() -> None:
    """Resnet-like and inception-like cells of the benchmark, with the sizes that it publishes."""
    inception = parse(
        '{"matrix": [[0,1,1,1,0,1,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,1,0,0],'
        '[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,0,0,0]], "ops": ["input", "conv1x1-bn-relu", '
        '"conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output"]}'
    )
    assert nas_bench_101_size(inception.normal).parameters == 2_694_282
    # three vertices that only an edge from input to output joins: its 1×1 convolution is counted
    with_shortcut = nas_bench_101_size(inception.normal, shortcut=True)
    assert with_shortcut.parameters > 2_694_282
