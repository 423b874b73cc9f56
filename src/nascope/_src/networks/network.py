"""The CIFAR network: cells stacked under DARTS' scheme (facts and names as in its code).

Stem → L cells, of which the ones at ⌊L/3⌋ and ⌊2L/3⌋ reduce the resolution and double the
channels → global average pooling → linear classifier. Each cell reads the two cells before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.cells import genotype as genotypes
from nascope._src.cells.graph import live_nodes
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.networks import MAX_CHANNELS, MAX_LAYERS
from nascope._src.networks.operations import (
    FactorizedReduce,
    Rectified,
    ReLUConvBN,
    build_operation,
)

MAX_CLASSES = 1_000_000
MIN_IMAGE_SIZE = 8  # two reductions leave 2×2
AUXILIARY_IMAGE_SIZE = 32  # the tower pools an 8×8 map, which is 32 px after two reductions
_STEM_MULTIPLIER = 3  # the stem has 3C channels


class CellModule(nn.Module):
    """One cell. Nodes that do not reach the output have parameters, but are not computed."""

    def __init__(
        self,
        cell: genotypes.Cell,
        channels_in: Sequence[int],
        channels: int,
        *,
        reduction: bool,
        reduction_before: bool,
    ) -> None:
        super().__init__()
        if reduction_before:  # input 0 comes from before the reduction: twice the resolution
            self.preprocess0: Rectified = FactorizedReduce(channels_in[0], channels)
        else:
            self.preprocess0 = ReLUConvBN(channels_in[0], channels)
        self.preprocess1 = ReLUConvBN(channels_in[1], channels)
        self._ops = nn.ModuleList(
            build_operation(
                edge.operation,
                channels,
                stride=2 if reduction and edge.source < cell.num_inputs else 1,
            )
            for edge in cell.edges
        )
        self.operations = tuple(edge.operation for edge in cell.edges)  # their names
        self._concat = cell.concat
        self.channels_out = channels * len(cell.concat)
        self._plan = _execution_plan(cell)
        self._reads = {source for _, edges in self._plan for _, source in edges}
        self.num_drop_paths = sum(
            not isinstance(self._ops[index], nn.Identity)
            for _, edges in self._plan
            for index, _ in edges
        )

    def forward(self, older: Tensor, newer: Tensor, drop_path: Tensor | None = None) -> Tensor:
        """Apply the cell.

        Args:
            older, newer: outputs of the two preceding cells after a ReLU, (batch, channels,
                height, width): both cells that read an output share its ReLU.
            drop_path: (num_drop_paths, batch) factors of the edges that are no identity.
        """
        states: dict[int, Tensor] = {}
        shared: dict[tuple[str, int], Tensor] = {}
        if 0 in self._reads:
            states[0] = self.preprocess0.after_relu(older)
        if 1 in self._reads:
            states[1] = self.preprocess1.after_relu(newer)
        factors = iter(drop_path) if drop_path is not None else None
        for node, edges in self._plan:
            total: Tensor | None = None
            own = False  # whether ``total`` may be changed in place: nobody else reads it
            for index, source in edges:
                operation = self._ops[index]
                value, own_value = self._value(index, source, states, shared)
                if factors is not None and not isinstance(operation, nn.Identity):
                    value, own_value = value * next(factors)[:, None, None, None], True
                if total is None:
                    total, own = value, own_value
                elif own:
                    total += value
                else:
                    total, own = total + value, True
            assert total is not None
            states[node] = total
        return torch.cat([states[node] for node in self._concat], dim=1)

    def _value(
        self,
        index: int,
        source: int,
        states: Mapping[int, Tensor],
        shared: dict[tuple[str, int], Tensor],
    ) -> tuple[Tensor, bool]:
        """An edge's value, and whether nobody else reads it.

        Edges that read the same state share its ReLU, and equal poolings are done once.
        """
        operation, name = self._ops[index], self.operations[index]
        if isinstance(operation, nn.Identity):
            return states[source], False
        if isinstance(operation, Rectified):
            if ("relu", source) not in shared:
                shared["relu", source] = functional.relu(states[source])
            return operation.after_relu(shared["relu", source]), True
        if (name, source) not in shared:
            shared[name, source] = operation(states[source])
        return shared[name, source], False


def _execution_plan(cell: genotypes.Cell) -> list[tuple[int, list[tuple[int, int]]]]:
    """For each node that reaches the output its edges as (index among all edges, source)."""
    live = set(live_nodes(cell))
    plan = []
    index = 0
    for node, edges in enumerate(cell.nodes, start=cell.num_inputs):
        numbered = [(index + offset, edge.source) for offset, edge in enumerate(edges)]
        index += len(edges)
        if node in live:
            plan.append((node, numbered))
    return plan


class AuxiliaryHead(nn.Module):
    """The auxiliary tower: a small classifier on an 8×8 map, for training only."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=3, padding=0, count_include_pad=False),  # (…, 2, 2)
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),  # (…, 1, 1)
            nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x).flatten(1))
        return logits


class Network(nn.Module):
    """A stack of a genotype's cells that classifies images.

    Args:
        genotype: the normal and the reduction cell, of two inputs each.
        channels: C, the width of one node in the first cells; the stem has 3C channels.
        layers: L, the number of cells.
        classes: number of classes.
        image_channels: 1 or 3, say.
        image_size: height and width in pixels, at least 8.
        auxiliary: whether the auxiliary tower is built; it needs images of 32 px.

    Raises:
        GenotypeError: the genotype has other than two inputs, or an operation without a module.
        StudyError: a number is out of range.

    >>> from nascope._src.cells.catalog import load as load_cell
    >>> Network(load_cell("SNAS"), channels=4, layers=3)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        genotype: genotypes.Genotype,
        *,
        channels: int,
        layers: int,
        classes: int = 10,
        image_channels: int = 3,
        image_size: int = 32,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        _check(
            genotype,
            channels=channels,
            layers=layers,
            classes=classes,
            image_channels=image_channels,
            image_size=image_size,
            auxiliary=auxiliary,
        )
        stem_channels = _STEM_MULTIPLIER * channels
        self.stem = nn.Sequential(
            nn.Conv2d(image_channels, stem_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(stem_channels),
        )
        self._auxiliary_after = 2 * layers // 3
        reductions = {layers // 3, 2 * layers // 3}
        self.cells = nn.ModuleList()
        previous = (stem_channels, stem_channels)
        auxiliary_channels = 0
        for index in range(layers):
            reduction = index in reductions
            if reduction:
                channels *= 2
            cell = CellModule(
                genotype.reduce if reduction else genotype.normal,
                previous,
                channels,
                reduction=reduction,
                reduction_before=index - 1 in reductions,
            )
            self.cells.append(cell)
            previous = (previous[1], cell.channels_out)
            if index == self._auxiliary_after:
                auxiliary_channels = cell.channels_out
        self.auxiliary_head = AuxiliaryHead(auxiliary_channels, classes) if auxiliary else None
        self.classifier = nn.Linear(previous[1], classes)
        self.num_drop_paths: int = sum(cell.num_drop_paths for cell in self._cells())

    def _cells(self) -> list[CellModule]:
        return [cell for cell in self.cells if isinstance(cell, CellModule)]

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (batch, classes), of images, (batch, channels, height, width)."""
        return self.forward_training(images)[0]

    def forward_training(
        self, images: Tensor, drop_path: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Logits, and in training mode those of the auxiliary tower if there is one.

        Args:
            drop_path: (num_drop_paths, batch): 0 where an edge is dropped for an image, else
                1 / (1 − probability). Identity edges are never dropped.
        """
        output: Tensor = self.stem(images)
        older = newer = functional.relu(output, inplace=True)
        auxiliary = None
        used = 0
        for index, cell in enumerate(self._cells()):
            factors = None
            if drop_path is not None:
                factors = drop_path[used : used + cell.num_drop_paths]
                used += cell.num_drop_paths
            output = cell(older, newer, factors)
            if index == self._auxiliary_after and self.training and self.auxiliary_head is not None:
                auxiliary = self.auxiliary_head(output)
                output = output.clone()  # what the tower reads stays as it is
            if index + 1 < len(self.cells):
                older, newer = newer, functional.relu(output, inplace=True)
        logits: Tensor = self.classifier(output.mean(dim=(2, 3)))  # global average pooling
        return logits, auxiliary


def _check(
    genotype: genotypes.Genotype,
    *,
    channels: int,
    layers: int,
    classes: int,
    image_channels: int,
    image_size: int,
    auxiliary: bool,
) -> None:
    if genotype.normal.num_inputs != 2:
        raise GenotypeError(
            f"a network needs cells of two inputs, not {genotype.normal.num_inputs}"
        )
    numbers = {
        "channels": (channels, MAX_CHANNELS),
        "layers": (layers, MAX_LAYERS),
        "classes": (classes, MAX_CLASSES),
        "image_channels": (image_channels, MAX_CHANNELS),
    }
    for name, (value, largest) in numbers.items():
        if value < 1:
            raise StudyError(f"{name} must be at least 1, not {value}")
        if value > largest:
            raise StudyError(f"{name} must be at most {largest}, not {value}")
    if image_size < MIN_IMAGE_SIZE:
        raise StudyError(f"images must be at least {MIN_IMAGE_SIZE} px, not {image_size}")
    if auxiliary and image_size < AUXILIARY_IMAGE_SIZE:
        raise StudyError(
            f"the auxiliary tower needs images of {AUXILIARY_IMAGE_SIZE} px, not {image_size}: "
            "set auxiliary_weight to 0"
        )


def parameter_count(
    genotype: genotypes.Genotype,
    *,
    channels: int,
    layers: int,
    classes: int = 10,
    image_channels: int = 3,
    auxiliary: bool = False,
) -> int:
    """Number of trainable parameters of the network, dead nodes included.

    Args and errors as for `Network`. Nothing is allocated.

    >>> from nascope._src.cells.catalog import load as load_cell
    >>> parameter_count(load_cell("DARTS"), channels=36, layers=20)
    3349342
    """
    with torch.device("meta"):
        network = Network(
            genotype,
            channels=channels,
            layers=layers,
            classes=classes,
            image_channels=image_channels,
            auxiliary=auxiliary,
        )
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(
    genotype: genotypes.Genotype,
    *,
    channels: int,
    layers: int,
    classes: int = 10,
    image_channels: int = 3,
    image_size: int = 32,
    auxiliary: bool = False,
) -> int:
    """Multiply-additions of one image's forward pass in eval mode: convolutions and linear layers.

    Dead nodes are not computed, so they do not count; nor does the auxiliary tower, which only
    training uses. A multiply and its add count as one.

    Args and errors as for `Network`. Nothing is allocated.

    >>> from nascope._src.cells.catalog import load as load_cell
    >>> multiply_adds(load_cell("DARTS"), channels=16, layers=8)
    43444736
    """
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415  (slow to import)

    with torch.device("meta"):
        network = Network(
            genotype,
            channels=channels,
            layers=layers,
            classes=classes,
            image_channels=image_channels,
            image_size=image_size,
            auxiliary=auxiliary,
        ).eval()
        images = torch.empty(1, image_channels, image_size, image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images)
    return int(counter.get_total_flops()) // 2


def operation_keys(network: Network) -> dict[str, str]:
    """Each parameter's name with the operation's kind and number in place of the edge's index.

    The second 3×3 separable convolution of cell 4 has the same key in every network, whichever
    edge holds it; so have stem, preprocessing and classifier. For an original and its variants,
    whose operations are the same, keys match throughout.
    """
    names: dict[str, str] = {}
    for index, cell in enumerate(network.cells):
        assert isinstance(cell, CellModule)
        seen: Counter[str] = Counter()
        for edge, operation in enumerate(cell.operations):
            names[f"cells.{index}._ops.{edge}."] = f"cells.{index}.{operation}.{seen[operation]}."
            seen[operation] += 1
    keys = {}
    for name, _ in network.named_parameters():
        prefix = ".".join(name.split(".")[:4]) + "."
        keys[name] = names[prefix] + name.removeprefix(prefix) if prefix in names else name
    return keys
