"""Parameters and multiply-adds of networks in closed form. This module does not load torch.

A cell with two inputs is counted in DARTS' CIFAR network (`networks/network.py`), a cell with one
input in the published network of its benchmark. Batch normalisation has parameters, but no
multiply-adds; poolings and identities have neither.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import live_nodes
from nascope._src.errors import GenotypeError

CHANNELS, LAYERS = 36, 20
"""C and L of the published networks of DARTS' space (Liu et al., 2019)."""
CLASSES, IMAGE_SIZE = 10, 32  # CIFAR-10


@dataclass(frozen=True)
class Size:
    """The size of a network.

    Attributes:
        parameters: trainable numbers, including those of dead nodes.
        multiply_adds: of one image's forward pass: of convolutions and linear layers, without
            dead nodes.
    """

    parameters: int
    multiply_adds: int


# ---------------------------------------------------------------- operations


@dataclass(frozen=True)
class _Cost:
    """Weights and norms of an operation with C channels: square · C² + single · C, norms · 2C."""

    square: int = 0
    single: int = 0
    norms: int = 0


_SQUARE = re.compile(r"(max_pool|avg_pool|sep_conv|dil_conv|conv)_(\d+)x\2")
_FACTORED = re.compile(r"conv_(?:(\d+)x1_1x\1|1x(\d+)_\2x1)")


@functools.cache
def _cost(operation: str, stride: int) -> _Cost:
    """Return the cost of an edge; the modules are those of `networks/operations.py`.

    Raises:
        GenotypeError: there is no module for that name.
    """
    if operation == "skip_connect":
        return _Cost() if stride == 1 else _Cost(square=1, norms=1)  # a factorised reduce
    if match := _FACTORED.fullmatch(operation):
        return _Cost(square=2 * int(match[1] or match[2]), norms=1)
    if match := _SQUARE.fullmatch(operation):
        kernel = int(match[2])
        match match[1]:
            case "sep_conv":
                return _Cost(square=2, single=2 * kernel**2, norms=2)
            case "dil_conv":
                return _Cost(square=1, single=kernel**2, norms=1)
            case "conv":
                return _Cost(square=kernel**2, norms=1)
        return _Cost()
    raise GenotypeError(f"no network module for operation {operation!r}")


# ---------------------------------------------------------------- DARTS' network


@dataclass(frozen=True)
class _CellCost:
    """What a cell costs, for any number of channels.

    Attributes:
        square, single, norms: sums of `_Cost` over all edges.
        live_square, live_single: sums of the weights over the edges that are computed.
        rows: sum of k · C² over factored convolutions of stride 2, whose first kernel runs over
            rows of full height.
        reads: for each input, whether a live node reads it.
        concat: number of concatenated nodes.
    """

    square: int
    single: int
    norms: int
    live_square: int
    live_single: int
    rows: int
    reads: tuple[bool, bool]
    concat: int


@functools.lru_cache(maxsize=4096)
def _cell_cost(cell: Cell, *, reduction: bool) -> _CellCost:
    live = set(live_nodes(cell))
    square = single = norms = live_square = live_single = rows = 0
    reads = [False, False]
    for node, edges in zip(cell.intermediate, cell.nodes, strict=True):
        for operation, source in edges:
            stride = 2 if reduction and source < 2 else 1
            cost = _cost(operation, stride)
            square, single, norms = (
                square + cost.square,
                single + cost.single,
                norms + cost.norms,
            )
            if node in live:
                live_square, live_single = live_square + cost.square, live_single + cost.single
                if stride == 2 and _FACTORED.fullmatch(operation):
                    rows += cost.square // 2
                if source < 2:
                    reads[source] = True
    return _CellCost(
        square, single, norms, live_square, live_single, rows, (reads[0], reads[1]),
        len(cell.concat),
    )  # fmt: skip


def darts_size(
    genotype: Genotype,
    *,
    channels: int = CHANNELS,
    layers: int = LAYERS,
    classes: int = CLASSES,
    image_channels: int = 3,
    image_size: int = IMAGE_SIZE,
) -> Size:
    """Return the size of a genotype's CIFAR network, without the auxiliary tower.

    It equals `Network.num_parameters` and `Network.multiply_adds`.

    Args:
        genotype: cells with two inputs.
        channels: C.
        layers: L.
        classes: number of classes.
        image_channels: number of channels of an image.
        image_size: height and width of an image in pixels.

    Raises:
        GenotypeError: a cell does not have two inputs, or an operation has no module.

    >>> from nascope._src.cells.catalog import load
    >>> darts_size(load("DARTS")).parameters
    3349342
    """
    if genotype.normal.num_inputs != 2:
        raise GenotypeError(f"expected cells with two inputs, but got {genotype.normal.num_inputs}")
    normal = _cell_cost(genotype.normal, reduction=False)
    reduce = _cell_cost(genotype.reduce, reduction=True)
    reductions = {layers // 3, 2 * layers // 3}
    size, stem = image_size, 3 * channels
    parameters = 9 * image_channels * stem + 2 * stem
    multiply_adds = 9 * image_channels * stem * size * size
    older = newer = stem
    for layer in range(layers):
        cost = reduce if layer in reductions else normal
        if layer in reductions:
            channels *= 2
        entry = (older + newer) * channels  # the two 1×1 convolutions at the cell's inputs
        parameters += entry + 4 * channels
        parameters += cost.square * channels**2 + (cost.single + 2 * cost.norms) * channels
        read = older * cost.reads[0] + newer * cost.reads[1]
        multiply_adds += read * channels * size * size
        if layer in reductions:
            smaller = -(-size // 2)
            multiply_adds += cost.rows * channels**2 * (size - smaller) * smaller
            size = smaller
        weights = cost.live_square * channels**2 + cost.live_single * channels
        multiply_adds += weights * size * size
        older, newer = newer, cost.concat * channels
    return Size(parameters + (newer + 1) * classes, multiply_adds + newer * classes)


# ---------------------------------------------------------------- benchmarks with one cell


def nas_bench_201_size(cell: Cell) -> Size:
    """Return the size of a cell's network in NAS-Bench-201 (Dong and Yang, 2020), for CIFAR-10.

    Three stages of five cells with 16, 32 and 64 channels; a residual block of stride 2 between
    them.

    >>> from nascope._src.cells.formats.reading import parse
    >>> widest = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+" + (
    ...     "|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|")
    >>> nas_bench_201_size(parse(widest).normal).parameters  # 1.531546 MB in the benchmark
    1531546
    """
    costs = [_cost(edge.operation, 1) for edge in cell.edges]
    square, single = sum(cost.square for cost in costs), sum(cost.single for cost in costs)
    norms = sum(cost.norms for cost in costs)
    channels, size = 16, IMAGE_SIZE
    parameters, multiply_adds = 27 * channels + 2 * channels, 27 * channels * size * size
    for stage in range(3):
        if stage:
            block = 18 * channels**2 + 36 * channels**2 + 2 * channels**2  # 3×3, 3×3, 1×1
            channels, size = 2 * channels, size // 2
            parameters += block + 4 * channels
            multiply_adds += block * size * size
        weights = square * channels**2 + single * channels
        parameters += 5 * (weights + 2 * norms * channels)
        multiply_adds += 5 * weights * size * size
    parameters += 2 * channels + (channels + 1) * CLASSES
    return Size(parameters, multiply_adds + channels * CLASSES)


def nas_bench_101_size(cell: Cell, *, shortcut: bool = False) -> Size:
    """Return the size of a cell's network in NAS-Bench-101 (Ying et al., 2019).

    Three stacks of three modules; the channels double from 128 with each stack. A module's output
    channels are shared among the nodes that it concatenates, and other nodes have as many as the
    widest node that reads them. A node reads the module's input through a 1×1 convolution.

    Args:
        cell: a cell whose nodes have one operation each. Dead nodes are not built.
        shortcut: whether an edge leads from input to output, also through a 1×1 convolution.
    """
    live = set(live_nodes(cell))
    multiply_adds = 27 * 128 * IMAGE_SIZE**2
    parameters = 27 * 128 + 2 * 128
    before, channels, size = 128, 128, IMAGE_SIZE
    for stack in range(3):
        if stack:
            channels, size = 2 * channels, size // 2
        for _ in range(3):
            weights, norms = _module_101(cell, live, before, channels)
            if shortcut:
                weights, norms = weights + before * channels, norms + channels
            parameters += weights + 2 * norms
            multiply_adds += weights * size * size
            before = channels
    return Size(parameters + (channels + 1) * CLASSES, multiply_adds + channels * CLASSES)


def _module_101(cell: Cell, live: set[int], before: int, after: int) -> tuple[int, int]:
    """Return the weights of a module's convolutions, and the channels of their norms."""
    share, rest = divmod(after, len(cell.concat))
    width = {}
    for number, node in enumerate(sorted(cell.concat)):
        width[node] = share + (number < rest)
    for node in sorted(live, reverse=True):
        if node not in width:
            readers = [
                reader
                for reader, sources in zip(cell.intermediate, cell.sources, strict=True)
                if reader in live and node in sources
            ]
            width[node] = max(width[reader] for reader in readers)
    weights = norms = 0
    for node, edges in zip(cell.intermediate, cell.nodes, strict=True):
        if node in live:
            channels = width[node]
            cost = _cost(edges[0].operation, 1)
            weights += cost.square * channels**2
            norms += cost.norms * channels
            if any(source == 0 for _, source in edges):
                weights += before * channels
                norms += channels
    return weights, norms
