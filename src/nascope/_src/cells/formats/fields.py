"""The field's exchange format: two lists of edges and two lists of concatenated nodes.

Public code lists the edges of a cell in several shapes. The reader takes all of them; the writer
always uses the shape of `nascope._src.cells.genotype.to_dict`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nascope._src.cells.checks import is_index, is_text, short
from nascope._src.cells.genotype import (
    CELL_KINDS,
    FIELDS,
    MAX_NODES,
    Cell,
    Edge,
    Genotype,
    lists_all_edges,
    to_dict,
)
from nascope._src.cells.operation_names import (
    NO_OPERATION,
    OPERATIONS,
    normalised,
    unknown_operation,
)
from nascope._src.errors import GenotypeError

_LABELS = ("name", "source", "num_inputs")  # fields that a genotype may also have


def is_genotype(value: Any) -> bool:
    """Return whether a value has the four fields, by name or, as JSON of a namedtuple, in order."""
    if isinstance(value, dict):
        return set(FIELDS) <= set(value)
    return (
        isinstance(value, list)
        and len(value) == len(FIELDS)
        and all(isinstance(part, list) and part for part in value)
        and all(isinstance(edges[0], list) for edges in value[::2])
        and all(all(map(is_index, concat)) for concat in value[1::2])
    )


def read_genotype(value: Any, notes: list[str]) -> Genotype:
    """Return the genotype of a value that `is_genotype` accepts; see `from_dict`."""
    fields = value if isinstance(value, dict) else dict(zip(FIELDS, value, strict=True))
    return from_dict(fields, notes)


def from_dict(fields: Mapping[str, Any], notes: list[str] | None = None) -> Genotype:
    """Return the genotype of four fields, as JSON holds them. A ``name`` is optional.

    ``normal`` and ``reduce`` list edges in one of the shapes of public code:

    - ``(operation, source)``: entries 2i and 2i+1 belong to intermediate node i; in a list over
      *all* edges of a cell, a node has as many entries as predecessors;
    - ``(operation, source, node)``, with the last two in either order;
    - ``(operation, source, weight)`` with a fractional weight;
    - for each node, a list of its edges in one of these shapes.

    An edge whose operation is ``none``, ``null`` or ``zero`` is dropped.

    Args:
        fields: The fields by name.
        notes: A sentence is appended here for everything that the reader leaves out.

    Raises:
        GenotypeError: A field is missing or malformed; the message names the entry.
    """
    notes = [] if notes is None else notes
    missing = [name for name in FIELDS if name not in fields]
    if missing:
        raise GenotypeError(f"a genotype needs {', '.join(FIELDS)}; it lacks {', '.join(missing)}")
    unknown = [short(key) for key in fields if key not in (*FIELDS, *_LABELS)]
    if unknown:
        notes.append(f"ignored the fields {', '.join(unknown)}")
    name, num_inputs = fields.get("name"), fields.get("num_inputs", 2)
    if name is not None and not is_text(name):
        raise GenotypeError(f"name: expected text, got {short(name)}")
    if not is_index(num_inputs) or not 1 <= num_inputs <= MAX_NODES:
        raise GenotypeError(f"num_inputs: expected 1 to {MAX_NODES}, got {short(num_inputs)}")
    normal, reduce = (
        _read_cell(kind, fields[kind], fields[f"{kind}_concat"], num_inputs, notes)
        for kind in CELL_KINDS
    )
    return Genotype(normal=normal, reduce=reduce, name=name)


def format_json(genotype: Genotype) -> str:
    """Return the genotype as a JSON object with its fields, and its name if it has one."""
    name = {"name": genotype.name} if genotype.name else {}
    return json.dumps(name | to_dict(genotype))


def _read_cell(
    kind: str, entries: Sequence[Any], concat: Iterable[int], num_inputs: int, notes: list[str]
) -> Cell:
    """Return the cell of a list of edges in any of the shapes that `from_dict` names."""
    if not isinstance(entries, (list, tuple)):
        raise GenotypeError(f"{kind}: expected a list of (operation, source), got {short(entries)}")
    if not isinstance(concat, (list, tuple, range)):
        raise GenotypeError(f"{kind}_concat: expected a list of node indices, got {short(concat)}")
    edges = _with_nodes(entries, concat, num_inputs, kind, notes)
    last = max((node for node, _, _ in edges), default=num_inputs - 1)
    if last >= num_inputs + MAX_NODES:
        raise GenotypeError(f"{kind}: node {last} is beyond the {MAX_NODES} that a cell may have")
    nodes: list[list[Edge]] = [[] for _ in range(num_inputs, last + 1)]
    dropped = set()
    for number, (node, operation, source) in enumerate(edges):
        operation_name = normalised(operation)
        if operation_name in NO_OPERATION:
            dropped.add((number, node))
            continue
        where = f"{kind}, entry {number}"
        if operation_name not in OPERATIONS:
            raise GenotypeError(f"{where}: {unknown_operation(operation)}")
        if node < num_inputs:
            raise GenotypeError(f"{where}: node {node} is an input and cannot have an edge")
        if not is_index(source) or not 0 <= source < node:
            raise GenotypeError(
                f"{where}: node {node} reads node {short(source)}, but an edge must come from an "
                f"earlier node (0 to {node - 1})"
            )
        nodes[node - num_inputs].append(Edge(operation_name, source))
    for index, edges_in in enumerate(nodes, start=num_inputs):
        if not edges_in:
            empty = sorted(number for number, target in dropped if target == index)
            reason = f" but 'none' (entries {', '.join(map(str, empty))})" if empty else ""
            raise GenotypeError(f"{kind}: node {index} has no edge{reason}, so it has no value")
    if dropped:
        notes.append(f"{kind}: dropped the edges without an operation: {len(dropped)}")
    try:
        return Cell(nodes=nodes, concat=concat, num_inputs=num_inputs)  # type: ignore[arg-type]
    except GenotypeError as error:
        raise GenotypeError(f"{kind} cell: {error}") from None


# ---------------------------------------------------------------- shapes of a list of edges


def _with_nodes(
    entries: Sequence[Any], concat: Iterable[int], num_inputs: int, kind: str, notes: list[str]
) -> list[tuple[int, str, int]]:
    """Return (node, operation, source) for each edge of a list in any shape."""
    if entries and all(_is_group(entry) for entry in entries):
        shape = _shape([edge for group in entries for edge in group], kind, notes)
        return [
            (node, edge[0], edge[1] if shape != "triple" else _source(edge, node, kind))
            for node, group in enumerate(entries, start=num_inputs)
            for edge in group
        ]
    if _shape(entries, kind, notes) == "triple":
        return [(max(a, b), operation, min(a, b)) for operation, a, b in entries]
    targets = _targets([entry[1] for entry in entries], concat, num_inputs, kind)
    return [(node, entry[0], entry[1]) for node, entry in zip(targets, entries, strict=True)]


def _shape(edges: Sequence[Any], kind: str, notes: list[str]) -> str:
    """Return "pair", "triple" (with the node) or "weighted"; the last one is noted."""
    shapes = set()
    for number, edge in enumerate(edges):
        match edge:
            case [str(), _]:
                shapes.add("pair")
            case [str(), int(), int()] if is_index(edge[1]) and is_index(edge[2]):
                shapes.add("triple")
            case [str(), _, float()]:
                shapes.add("weighted")
            case _:
                raise GenotypeError(
                    f"{kind}, entry {number}: expected (operation, source), got {short(edge)}"
                )
    if shapes == {"triple", "weighted"}:  # JSON may write the weight 1.0 as 1
        shapes = {"weighted"}
    if len(shapes) > 1:
        raise GenotypeError(
            f"{kind}: the entries have different shapes ({', '.join(sorted(shapes))})"
        )
    if shapes == {"weighted"}:
        notes.append(f"{kind}: left out the weights of the edges")
    return shapes.pop() if shapes else "pair"


def _source(edge: Sequence[Any], node: int, kind: str) -> Any:
    """Return the source of a triple in the group of a node, which is its second or last entry."""
    if node not in edge[1:]:
        raise GenotypeError(f"{kind}: {short(edge)} is among the edges into node {node}")
    return edge[1] if edge[2] == node else edge[2]


def _is_group(entry: Any) -> bool:
    return (
        isinstance(entry, (list, tuple))
        and len(entry) > 0
        and all(
            isinstance(edge, (list, tuple)) and len(edge) in {2, 3} and isinstance(edge[0], str)
            for edge in entry
        )
    )


def _targets(sources: list[int], concat: Iterable[int], num_inputs: int, kind: str) -> list[int]:
    """Return the node that each entry of a list of pairs belongs to."""
    if lists_all_edges(sources, concat, num_inputs):
        last = max(concat)
        return [node for node in range(num_inputs, last + 1) for _ in range(node)]
    if len(sources) % 2:
        raise GenotypeError(
            f"{kind}: {len(sources)} edges, but every intermediate node needs two "
            "(entries 2i and 2i+1 belong to one node)"
        )
    return [num_inputs + number // 2 for number in range(len(sources))]
