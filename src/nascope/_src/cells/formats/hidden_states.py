"""Cells as lists of hidden states: ENAS' micro arcs, and NASNet's and AmoebaNet's lists.

In both formats every node combines two earlier hidden states, and the output concatenates the
states that no node reads. That includes a cell *input* that no node reads. nascope's cells
concatenate intermediate nodes only, like DARTS' transcription of NASNet, so the readers leave such
an input out and report it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.formats.others import macro_layers
from nascope._src.cells.genotype import CELL_KINDS, MAX_NODES, Cell, Edge, Genotype
from nascope._src.cells.graph import loose_ends
from nascope._src.cells.operation_names import OPERATIONS, unknown_operation
from nascope._src.errors import GenotypeError

ENAS_OPERATIONS = (  # src/cifar10/micro_child.py of ENAS' code, by index
    "sep_conv_3x3",
    "sep_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
    "skip_connect",
)


def _cell(
    nodes: Sequence[Sequence[Edge]],
    kind: str,
    notes: list[str],
    used: Sequence[int] | None = None,
) -> Cell:
    """Return the cell that concatenates its unused hidden states.

    Args:
        used: For each hidden state, whether it is used; by default, whether a node reads it.
    """
    if used is None:
        read = {edge.source for node in nodes for edge in node}
        used = [int(state in read) for state in range(len(nodes) + 2)]
    concat = [state for state, flag in enumerate(used) if not flag]
    inputs = [state for state in concat if state < 2]
    if inputs:
        notes.append(
            f"{kind}: left out of the concatenation: input {' and '.join(map(str, inputs))}"
        )
    try:
        return Cell(nodes=nodes, concat=[state for state in concat if state >= 2])  # type: ignore[arg-type]
    except GenotypeError as error:
        raise GenotypeError(f"{kind} cell: {error}") from None


def _pairs_and_loose_ends(genotype: Genotype, form: str) -> None:
    """Raise an error if the genotype fits neither format."""
    for kind in CELL_KINDS:
        cell: Cell = getattr(genotype, kind)
        if cell.num_inputs != 2 or any(len(node) != 2 for node in cell.nodes):
            raise GenotypeError(f"{kind} cell: {form} holds two inputs and two edges per node only")
        if cell.concat != loose_ends(cell):
            raise GenotypeError(
                f"{kind} cell: {form} concatenates the nodes that no other reads, in order "
                f"{list(loose_ends(cell))}, but this cell concatenates {list(cell.concat)}"
            )


# ---------------------------------------------------------------- ENAS


def is_enas(value: Any) -> bool:
    """Return whether a value is a list of 8n integers, or one such list for each cell."""
    if isinstance(value, dict) and set(value) == {"normal", "reduce"}:
        value = [value["normal"], value["reduce"]]
    if not isinstance(value, list) or not value:
        return False
    if len(value) == 2 and all(isinstance(part, list) for part in value):
        return all(part and all(map(is_index, part)) for part in value)
    return len(value) % 8 == 0 and all(map(is_index, value)) and not macro_layers(value)


def read_enas(value: Any, notes: list[str]) -> Genotype:
    """Read ENAS' micro arc: two pairs (hidden state, operation) per node, normal cell first.

    >>> read_enas([0, 0, 1, 4, 0, 2, 1, 3], []).normal.nodes[0][1]
    Edge(operation='skip_connect', source=1)
    """
    if isinstance(value, dict):
        value = [value["normal"], value["reduce"]]
    if is_index(value[0]):
        value = [value[: len(value) // 2], value[len(value) // 2 :]]
    cells = []
    for kind, arc in zip(CELL_KINDS, value, strict=True):
        if len(arc) % 4:
            raise GenotypeError(f"{kind}: an ENAS arc has 4 numbers a node, but got {len(arc)}")
        edges = []
        for position in range(0, len(arc), 2):
            state, operation = arc[position : position + 2]
            if not 0 <= operation < len(ENAS_OPERATIONS):
                raise GenotypeError(
                    f"{kind}, entry {position + 1}: operation {short(operation)} must be 0 to 4"
                )
            if not 0 <= state < 2 + position // 4:
                raise GenotypeError(
                    f"{kind}, entry {position}: hidden state {short(state)} must be 0 to "
                    f"{1 + position // 4}"
                )
            edges.append(Edge(ENAS_OPERATIONS[operation], state))
        cells.append(_cell(list(zip(edges[::2], edges[1::2], strict=True)), kind, notes))
    return Genotype(normal=cells[0], reduce=cells[1])


def write_enas(genotype: Genotype) -> str:
    """Write ENAS' micro arc, as its ``--child_fixed_arc`` takes it."""
    _pairs_and_loose_ends(genotype, "an ENAS arc")
    numbers = []
    for edge in (*genotype.normal.edges, *genotype.reduce.edges):
        if edge.operation not in ENAS_OPERATIONS:
            raise GenotypeError(
                f"an ENAS arc cannot hold {edge.operation}, only {', '.join(ENAS_OPERATIONS)}"
            )
        numbers += [edge.source, ENAS_OPERATIONS.index(edge.operation)]
    return " ".join(map(str, numbers))


# ---------------------------------------------------------------- NASNet, AmoebaNet

_LISTS = ("operations", "hiddenstate_indices", "used_hiddenstates")
_PREFIXES = {"normal": "normal_cell_", "reduce": "reduction_cell_"}
_SEPARABLE = re.compile(
    r"separable_(\d+)x(\d+)_2"
)  # depthwise-pointwise applied twice, as sep_conv
_PLAIN = {"none": "skip_connect", "identity": "skip_connect"}  # 'none' means the identity here


def is_nasnet(value: Any) -> bool:
    """Return whether a value is a dictionary with the lists of one cell, or of both."""
    if not isinstance(value, dict):
        return False
    parts = [value, value.get("normal"), {k.removeprefix("normal_cell_"): 0 for k in value}]
    return any(isinstance(part, dict) and set(_LISTS[:2]) <= set(part) for part in parts)


def read_nasnet(value: dict[str, Any], notes: list[str]) -> Genotype:
    """Read NASNet's and AmoebaNet's lists, in the form of TensorFlow's code.

    A node has two ``operations`` and two ``hiddenstate_indices``. Hidden state 0 is the
    *preceding* cell and 1 the one before it, the reverse of DARTS' inputs. ``used_hiddenstates``
    (1: not concatenated) is optional. The lists of both cells are under ``normal`` and ``reduce``,
    or have the prefixes ``normal_cell_`` and ``reduction_cell_``. The lists of one cell give both.
    """
    cells = {}
    for kind, prefix in _PREFIXES.items():
        nested = value.get(kind) if isinstance(value.get(kind), dict) else None
        flat = {name: value[prefix + name] for name in _LISTS if prefix + name in value}
        lists = nested or flat or (value if "operations" in value else None)
        if lists is None:
            raise GenotypeError(f"the lists of the {kind} cell are missing")
        cells[kind] = _read_lists(lists, kind, notes)
    if "operations" in value:
        notes.append("the lists hold one cell: it is used as normal and reduction cell")
    return Genotype(normal=cells["normal"], reduce=cells["reduce"])


def _read_lists(lists: dict[str, Any], kind: str, notes: list[str]) -> Cell:
    for name in _LISTS[:2]:
        if not isinstance(lists.get(name), list):
            raise GenotypeError(f"{kind}: {name} must be a list, not {short(lists.get(name))}")
    operations, states = lists["operations"], lists["hiddenstate_indices"]
    if len(operations) != len(states) or len(operations) % 2 or len(states) > 2 * MAX_NODES:
        raise GenotypeError(
            f"{kind}: every node needs two operations and two hidden states, but there are "
            f"{len(operations)} and {len(states)}"
        )
    edges = []
    for number, (operation, state) in enumerate(zip(operations, states, strict=True)):
        if not is_index(state) or not 0 <= state < 2 + number // 2:
            raise GenotypeError(
                f"{kind}, entry {number}: hidden state {short(state)} must be 0 to "
                f"{1 + number // 2}"
            )
        edges.append(Edge(_nasnet_operation(operation, f"{kind}, entry {number}"), _flip(state)))
    used = lists.get("used_hiddenstates")
    if used is not None:
        if not isinstance(used, list) or len(used) != 2 + len(edges) // 2:
            raise GenotypeError(
                f"{kind}: used_hiddenstates must have {2 + len(edges) // 2} entries, "
                f"not {short(used)}"
            )
        used = [used[1], used[0], *used[2:]]
    return _cell(list(zip(edges[::2], edges[1::2], strict=True)), kind, notes, used)


def _flip(state: int) -> int:
    """Swap the two inputs: hidden state 0 is the preceding cell, a genotype's input 0 the other."""
    return 1 - state if state < 2 else state


def _nasnet_operation(name: Any, where: str) -> str:
    if not isinstance(name, str):
        raise GenotypeError(f"{where}: expected an operation, got {short(name)}")
    if separable := _SEPARABLE.fullmatch(name):
        plain = f"sep_conv_{separable[1]}x{separable[2]}"
    elif re.fullmatch(r"\d+x\d+(_\d+x\d+)?", name):
        plain = f"conv_{name}"
    else:
        plain = _PLAIN.get(name, name.replace("atrous", "dil_conv"))
    if plain not in OPERATIONS:
        raise GenotypeError(f"{where}: {unknown_operation(name)}")
    return plain


def write_nasnet(genotype: Genotype) -> str:
    """Write NASNet's lists of both cells as JSON. Inputs are marked as used: not concatenated."""
    _pairs_and_loose_ends(genotype, "the NASNet lists")
    value = {}
    for kind in CELL_KINDS:
        cell: Cell = getattr(genotype, kind)
        value[kind] = {
            "operations": [_nasnet_name(edge.operation) for edge in cell.edges],
            "hiddenstate_indices": [_flip(edge.source) for edge in cell.edges],
            "used_hiddenstates": [
                int(state < 2 or state not in cell.concat) for state in range(cell.num_nodes + 2)
            ],
        }
    return json.dumps(value)


def _nasnet_name(operation: str) -> str:
    if operation == "skip_connect":
        return "none"
    family, _, size = operation.partition("_conv_")
    if family == "sep":
        return f"separable_{size}_2"
    if family == "dil":
        return f"atrous_{size}"
    return operation.removeprefix("conv_")
