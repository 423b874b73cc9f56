"""Cells as the inputs of a surrogate: the categories of NAS-Bench-301's configuration space.

The fourteen possible edges of a cell are numbered by target and then by source: edges 0–1 lead to
node 2, 2–4 to node 3, 5–8 to node 4, 9–13 to node 5. ``edge_normal_k`` is the operation on edge k,
or ``#na#`` if the cell lacks it; ``inputs_node_normal_n`` is "a_b", the two sources of node n in
increasing order. Node 2 always reads nodes 0 and 1.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.genotype import CELL_KINDS, Cell, Genotype
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError, SurrogateError
from nascope._src.runtime.input_files import read_text

ABSENT = "#na#"
"""The category of an edge that a cell lacks."""
_NODES, _EDGES = 4, 14
_LARGEST = 1_000_000  # bytes of the codes
_INPUTS = frozenset(
    [f"edge_{kind}_{edge}" for kind in CELL_KINDS for edge in range(_EDGES)]
    + [f"inputs_node_{kind}_{node}" for kind in CELL_KINDS for node in (3, 4, 5)]
)


def categories(genotype: Genotype) -> dict[str, str]:
    """Return a genotype as a configuration of NAS-Bench-301.

    Raises:
        GenotypeError: A cell is not in DARTS' space. The message names the genotype.

    >>> from nascope._src.cells.catalog import load
    >>> values = categories(load("DARTS"))
    >>> values["edge_normal_0"], values["edge_normal_4"], values["inputs_node_normal_5"]
    ('sep_conv_3x3', '#na#', '0_2')
    """
    chosen: dict[str, str] = {}
    for kind in CELL_KINDS:
        try:
            chosen |= _cell_categories(getattr(genotype, kind), kind)
        except GenotypeError as error:
            raise GenotypeError(f"{_named(genotype, kind)} cannot be predicted: {error}") from None
    return chosen


@functools.lru_cache(maxsize=16)  # rewirings of a cell share the other cell
def _cell_categories(cell: Cell, kind: str) -> Mapping[str, str]:
    """Return the categories of one cell.

    Raises:
        GenotypeError: It is not in DARTS' space.
    """
    named_space("darts").for_cell(cell)
    if cell.num_nodes != _NODES:
        raise GenotypeError(f"it has {cell.num_nodes} intermediate nodes, not {_NODES}")
    chosen = {f"edge_{kind}_{edge}": ABSENT for edge in range(_EDGES)}
    for node, edges in enumerate(cell.nodes, start=2):
        first = node * (node - 1) // 2 - 1  # number of the edge from node 0
        for operation, source in edges:
            chosen[f"edge_{kind}_{first + source}"] = operation
        if node > 2:
            sources = sorted(edge.source for edge in edges)
            chosen[f"inputs_node_{kind}_{node}"] = "_".join(map(str, sources))
    return chosen


def _named(genotype: Genotype, kind: str) -> str:
    return f"{genotype.name or 'the genotype'}: its {kind} cell"


@dataclass(frozen=True)
class Encoding:
    """The order of a surrogate's inputs, and the code of each category.

    Attributes:
        codes: for each input, in order, its name and the codes of its categories.
    """

    codes: tuple[tuple[str, Mapping[str, int]], ...]

    def encode(self, genotype: Genotype) -> np.ndarray:
        """Return the codes of a genotype, (inputs,) as int32.

        Raises:
            GenotypeError: A cell is not in DARTS' space, or has an operation without a code. The
                message names the genotype.
        """
        chosen = categories(genotype)
        try:
            numbers = [codes[chosen[name]] for name, codes in self.codes]
        except KeyError as missing:
            category = missing.args[0]
            name = next(n for n, codes in self.codes if chosen[n] not in codes)
            known = ", ".join(c for c in dict(self.codes)[name] if c != ABSENT)
            kind = "reduce" if "reduce" in name else "normal"
            raise GenotypeError(
                f"{_named(genotype, kind)} cannot be predicted: the surrogate does not know the "
                f"operation {category!r}, only {known}"
            ) from None
        return np.array(numbers, np.int32)


def read_encoding(path: Path) -> Encoding:
    """Read the codes of a surrogate's inputs.

    The file is JSON: ``{"x_cat": [{"name": "edge_normal_0", "codes": {"#na#": 0, …}}, …]}``.

    Raises:
        SurrogateError: The file cannot be read, or does not describe these inputs.
    """
    try:
        value = json.loads(read_text(path, at_most=_LARGEST))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise SurrogateError(
            f"{path}: {reason}; the codes of the surrogate's inputs were expected there"
        ) from None
    inputs = value.get("x_cat") if isinstance(value, dict) else None
    if not isinstance(inputs, list):
        raise SurrogateError(
            f"{path}: expected an object with the list x_cat, one entry per input, but got "
            f"{short(value)}"
        )
    codes = tuple(_input(path, item) for item in inputs)
    names = [name for name, _ in codes]
    if len(names) != len(_INPUTS) or set(names) != _INPUTS:
        odd = sorted(_INPUTS.symmetric_difference(names)) or ["a name that appears twice"]
        raise SurrogateError(
            f"{path}: expected the {len(_INPUTS)} inputs of NAS-Bench-301's configuration space, "
            f"but got {len(names)}; they differ in {', '.join(odd[:3])}"
        )
    return Encoding(codes)


def _input(path: Path, item: Any) -> tuple[str, Mapping[str, int]]:
    name, codes = (item.get("name"), item.get("codes")) if isinstance(item, dict) else (None, None)
    if (
        not isinstance(name, str)
        or not isinstance(codes, dict)
        or ABSENT not in codes
        or not all(is_index(code) and 0 <= code < 2**31 for code in codes.values())
    ):
        raise SurrogateError(
            f"{path}: expected a name and integer codes with {ABSENT!r} for each input, but got "
            f"{short(item)}"
        )
    return name, codes
