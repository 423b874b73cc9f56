"""The CIFAR network: cells stacked by DARTS' scheme, with the parameter names of its code.

A stem, L cells, global average pooling, and a linear classifier. The cells at ⌊L/3⌋ and ⌊2L/3⌋
halve the resolution and double the channels. Each cell reads the two cells before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.cells import genotype as genotypes
from nascope._src.cells.graph import live_nodes
from nascope._src.cells.resolve import as_genotype
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.networks.limits import (
    AUXILIARY_IMAGE_SIZE,
    MAX_CHANNELS,
    MAX_CLASSES,
    MAX_LAYERS,
    MIN_IMAGE_SIZE,
)
from nascope._src.networks.operations import (
    FactorizedReduce,
    Pieces,
    Rectified,
    ReLUConvBN,
    accepts_pieces,
    build_operation,
)

_STEM_MULTIPLIER = 3  # the stem has 3C channels


class CellModule(nn.Module):
    """One cell. Dead nodes have parameters, but are not computed."""

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
        if reduction_before:  # input 0 has twice the resolution
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

    def forward(self, older: Pieces, newer: Pieces, drop_path: Tensor | None = None) -> Tensor:
        """Apply the cell.

        Args:
            older, newer: Outputs of the two preceding cells after a ReLU, (batch, channels,
                height, width), or in pieces. Two cells read each output and share its ReLU.
            drop_path: Factors of the edges that are not identities, (num_drop_paths, batch).
        """
        states, _ = self._states(older, newer, drop_path)
        return torch.cat([states[node] for node in self._concat], dim=1)

    @property
    def accepts_pieces(self) -> bool:
        """Whether no hook needs the output of the cell, or the inputs of a 1×1 convolution."""
        readers = (*self.preprocess0.modules(), *self.preprocess1.modules())
        return all(map(accepts_pieces, (self, *readers)))

    def rectified_pieces(
        self, older: Pieces, newer: Pieces, drop_path: Tensor | None = None
    ) -> list[Tensor]:
        """Return the output after a ReLU in pieces along the channels, one per concatenated node.

        The 1×1 convolutions that read it need no concatenation. Edges of the cell that read a node
        share its ReLU.

        Args:
            older, newer, drop_path: As in `forward`.
        """
        states, shared = self._states(older, newer, drop_path)
        return [
            shared["relu", node] if ("relu", node) in shared else functional.relu(states[node])
            for node in self._concat
        ]

    def _states(
        self, older: Pieces, newer: Pieces, drop_path: Tensor | None
    ) -> tuple[dict[int, Tensor], dict[tuple[str, int], Tensor]]:
        """Return the nodes' values, and what edges that read the same node share."""
        states: dict[int, Tensor] = {}
        shared: dict[tuple[str, int], Tensor] = {}
        if 0 in self._reads:
            states[0] = self.preprocess0.after_relu(older)
        if 1 in self._reads:
            states[1] = self.preprocess1.after_relu(newer)
        factors = iter(drop_path) if drop_path is not None else None
        for node, edges in self._plan:
            total: Tensor | None = None
            is_private = False  # nothing else reads ``total``, so it may be changed in place
            for index, source in edges:
                operation = self._ops[index]
                value, value_is_private = self._value(index, source, states, shared)
                if factors is not None and not isinstance(operation, nn.Identity):
                    value, value_is_private = value * next(factors)[:, None, None, None], True
                if total is None:
                    total, is_private = value, value_is_private
                elif is_private:
                    total += value
                else:
                    total, is_private = total + value, True
            assert total is not None
            states[node] = total
        return states, shared

    def _value(
        self,
        index: int,
        source: int,
        states: Mapping[int, Tensor],
        shared: dict[tuple[str, int], Tensor],
    ) -> tuple[Tensor, bool]:
        """An edge's value, and whether nothing else reads it.

        Edges that read the same state share its ReLU, and equal poolings are computed once.
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
    """For each live node, its edges as (index among all edges, source)."""
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
    """The auxiliary tower: a small classifier on an inner map, used only in training.

    The map has 8×8 positions for images of 32 px and two cells or more, as in DARTS' code, and
    leaves one position before the classifier. A larger map leaves several, and the classifier reads
    their mean.

    The tower of DARTS' code rectifies its input in place. With L = 2 or 3 that input is the output
    of the last cell, so in training the network there classifies rectified features. Here the
    tower changes nothing else.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=3, padding=0, count_include_pad=False),  # (…, 2, 2), or more
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),  # (…, 1, 1), or more from a larger map
            nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return logits


class Network(nn.Module):
    """A stack of a genotype's cells that classifies images.

    Args:
        cell: The normal and the reduction cell, each with two inputs: a `Genotype`, or the name
            of a cell in the catalogue.
        channels: C, the width of one node in the first cells. The stem has 3C channels.
        layers: L, the number of cells.
        classes: Number of classes.
        image_channels: Number of channels of an image.
        image_size: Height and width of an image in pixels, at least 8.
        auxiliary: Whether to build the auxiliary tower, which needs images of 32 px or more.

    Raises:
        GenotypeError: A cell does not have two inputs, or has an operation without a module.
        StudyError: A number is out of range.

    >>> import torch
    >>> network = Network("SNAS", channels=4, layers=3)
    >>> network
    Network(SNAS, channels=4, layers=3, classes=10, 3,586 parameters)
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        cell: genotypes.Genotype | str,
        *,
        channels: int,
        layers: int,
        classes: int = 10,
        image_channels: int = 3,
        image_size: int = 32,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        genotype = as_genotype(cell)
        _check(
            genotype,
            channels=channels,
            layers=layers,
            classes=classes,
            image_channels=image_channels,
            image_size=image_size,
            auxiliary=auxiliary,
        )
        self._image_shape = (image_channels, image_size, image_size)
        self._title = (
            f"{genotype.name or 'cell'}, channels={channels}, layers={layers}, classes={classes}"
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
            module = CellModule(
                genotype.reduce if reduction else genotype.normal,
                previous,
                channels,
                reduction=reduction,
                reduction_before=index - 1 in reductions,
            )
            self.cells.append(module)
            previous = (previous[1], module.channels_out)
            if index == self._auxiliary_after:
                auxiliary_channels = module.channels_out
        self.auxiliary_head = AuxiliaryHead(auxiliary_channels, classes) if auxiliary else None
        self.classifier = nn.Linear(previous[1], classes)
        self.num_drop_paths: int = sum(cell.num_drop_paths for cell in self._cells())

    def __repr__(self) -> str:
        return f"Network({self._title}, {self.num_parameters:,} parameters)"

    @property
    def num_parameters(self) -> int:
        """Number of trainable parameters, including those of dead nodes.

        >>> with torch.device("meta"):  # allocates nothing
        ...     Network("DARTS", channels=36, layers=20).num_parameters
        3349342
        """
        return sum(parameter.numel() for parameter in self.parameters())

    def multiply_adds(self) -> int:
        """Return the multiply-adds of one image's forward pass in evaluation mode.

        They count the convolutions and linear layers. Dead nodes are not computed, so they do not
        count. Neither does the auxiliary tower.

        >>> with torch.device("meta"):
        ...     Network("DARTS", channels=16, layers=8).multiply_adds()
        43444736
        """
        from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415  (slow to import)

        training, device = self.training, self.classifier.weight.device
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.eval()(torch.empty(1, *self._image_shape, device=device))
        self.train(training)
        return int(counter.get_total_flops()) // 2

    def _cells(self) -> list[CellModule]:
        return [cell for cell in self.cells if isinstance(cell, CellModule)]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, (batch, classes), of images (batch, channels, height, width)."""
        return self.forward_training(images)[0]

    def forward_training(
        self, images: Tensor, drop_path: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits, and in training mode those of the auxiliary tower, if it exists.

        Args:
            images: (batch, channels, height, width).
            drop_path: (num_drop_paths, batch): 0 if an edge is dropped for an image, else
                1 / (1 − probability). Identity edges are never dropped.
        """
        # On a CPU, the backward pass of a concatenation costs more than what reads it. On a GPU,
        # each further operation costs its launch.
        in_pieces = (
            torch.is_grad_enabled()
            and images.device.type == "cpu"
            and all(cell.accepts_pieces for cell in self._cells())
        )
        output: Tensor = self.stem(images)
        older: Pieces = functional.relu(output, inplace=True)
        newer = older
        auxiliary = None
        used = 0
        for index, cell in enumerate(self._cells()):
            factors = None
            if drop_path is not None:
                factors = drop_path[used : used + cell.num_drop_paths]
                used += cell.num_drop_paths
            is_last = index + 1 == len(self.cells)
            if in_pieces and not is_last:
                older, newer = newer, cell.rectified_pieces(older, newer, factors)
            else:
                output = cell(older, newer, factors)
                older, newer = newer, output if is_last else functional.relu(output, inplace=True)
            if index == self._auxiliary_after and self.training and self.auxiliary_head is not None:
                tensor = newer if isinstance(newer, Tensor) else torch.cat(list(newer), dim=1)
                auxiliary = self.auxiliary_head(tensor)  # it starts with a ReLU
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
        raise GenotypeError(f"expected cells with two inputs, but got {genotype.normal.num_inputs}")
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
            f"the auxiliary tower needs images of {AUXILIARY_IMAGE_SIZE} px or more, not "
            f"{image_size}: set auxiliary_weight to 0"
        )


def operation_keys(network: Network) -> dict[str, str]:
    """Return each parameter's key: its name with an operation's kind and number, not its edge.

    The second 3×3 separable convolution of cell 4 has the same key in every network, on whichever
    edge it is. So do the stem, the preprocessing and the classifier. An original and its variants
    have the same operations, so all their keys match.
    """
    prefixes: dict[str, str] = {}
    for index, cell in enumerate(network.cells):
        assert isinstance(cell, CellModule)
        seen: Counter[str] = Counter()
        for edge, operation in enumerate(cell.operations):
            key = f"cells.{index}.{operation}.{seen[operation]}."
            prefixes[f"cells.{index}._ops.{edge}."] = key
            seen[operation] += 1
    keys = {}
    for name, _ in network.named_parameters():
        prefix = ".".join(name.split(".")[:4]) + "."
        keys[name] = prefixes[prefix] + name.removeprefix(prefix) if prefix in prefixes else name
    return keys
