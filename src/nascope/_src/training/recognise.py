"""Which network a file of weights belongs to, as far as the names and shapes show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from nascope._src.cells.catalog import GROUPS, cells_in
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.networks.operations import build_operation

_Fingerprint = frozenset[tuple[str, tuple[int, ...]]]  # names, and the sizes of kernels
_SEARCHED = re.compile(  # the architecture parameters, and every operation of an edge
    r"(^|\.)_?(log_)?(alphas?|betas?|arch_param\w*|arch_weights?)(_\w+|\.\d+)?$"
    r"|^cells\.\d+\.(_ops|edges)\.[^.]+\._ops\."
)
_CELL = re.compile(r"cells\.(\d{1,4})\.")


@dataclass(frozen=True)
class Size:
    """C and L of a network."""

    channels: int
    layers: int


def supernet_entry(weights: Mapping[str, Tensor]) -> str | None:
    """Return the name of an entry that only the network of a search has, if there is one."""
    return next((name for name in weights if _SEARCHED.search(name)), None)


def size_of(weights: Mapping[str, Tensor]) -> Size | None:
    """Return the size of the network that the weights belong to, if the names are DARTS'."""
    stem = weights.get("stem.0.weight")
    cells = [int(match[1]) for name in weights if (match := _CELL.match(name))]
    if stem is None or stem.ndim != 4 or len(stem) % 3 or not cells:
        return None
    return Size(len(stem) // 3, max(cells) + 1)


def cells_that_fit(weights: Mapping[str, Tensor]) -> list[str]:
    """Return the catalogue's cells whose operations the weights have, whatever their wiring."""
    size = size_of(weights)
    if size is None or size.layers < 3:
        return []
    catalogued = [cell.genotype for group in GROUPS for cell in cells_in(group)]
    return [str(cell.name) for cell in catalogued if _fits(cell, weights, size.layers)]


def _fits(genotype: Genotype, weights: Mapping[str, Tensor], layers: int) -> bool:
    return genotype.normal.num_inputs == 2 and all(
        _has_operations(weights, f"cells.{index}._ops.", cell, reduction)
        for index, cell, reduction in (
            (0, genotype.normal, False),
            (layers // 3, genotype.reduce, True),
        )
    )


def _has_operations(
    weights: Mapping[str, Tensor], prefix: str, cell: Cell, reduction: bool
) -> bool:
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    edges = {name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix)}
    if not edges <= set(map(str, range(len(cell.edges)))):
        return False
    return all(
        _fingerprint(shapes, f"{prefix}{number}.")
        == _operation(edge.operation, 2 if reduction and edge.source < cell.num_inputs else 1)
        for number, edge in enumerate(cell.edges)
    )


def _fingerprint(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> _Fingerprint:
    return frozenset(
        (name.removeprefix(prefix), shape[2:])
        for name, shape in shapes.items()
        if name.startswith(prefix) and not name.endswith("num_batches_tracked")
    )


@cache
def _operation(name: str, stride: int) -> _Fingerprint:
    with torch.device("meta"):
        state = build_operation(name, 2, stride=stride).state_dict()
    return _fingerprint({key: tuple(value.shape) for key, value in state.items()}, "")
