"""What is not a cell, or only a part of one, is named for what it is."""

from __future__ import annotations

from typing import Any

from nascope._src.cells.checks import is_index

_RECURRENT = ("recurrent", "recurrent_concat")  # fields of DARTS' genotypes for language
_ACTIVATIONS = ("relu", "tanh", "sigmoid")
_MACRO_OPERATIONS = 12  # ENAS' macro space has six, in both of its versions
_MACRO_LAYERS = 7  # a shorter list may be a micro arc


def what_else(value: Any) -> str | None:
    """Return what a plain value is, and what to give instead, or None if it is unknown.

    >>> what_else({"recurrent": [["relu", 0]], "concat": [1]})[:11]
    'an RNN cell'
    """
    if isinstance(value, dict):
        return _fields(value)
    if not isinstance(value, list) or not value:
        return None
    if layers := macro_layers(value):
        return (
            f"an ENAS macro arc of {layers} layers, which describes a whole network: nascope reads "
            "ENAS' micro arcs, which describe a normal and a reduction cell"
        )
    if all(_is_edge(entry) for entry in value):
        return "the edges of one cell only: a genotype has a normal and a reduction cell"
    return _numbers(value) if all(map(is_index, value)) else _table(value)


def macro_layers(value: list[Any]) -> int | None:
    """Return the number of layers of a macro arc of ENAS, or None if a list is not one.

    Layer i has its operation, followed by i numbers: 1 for each earlier layer that it also reads.
    """
    if all(isinstance(row, list) for row in value):
        grows = [len(row) for row in value] == list(range(1, len(value) + 1))
        return len(value) if grows and len(value) > 2 else None
    if not all(map(is_index, value)):
        return None
    place = layers = 0
    while place < len(value):
        operation, skips = value[place], value[place + 1 : place + 1 + layers]
        if not 0 <= operation < _MACRO_OPERATIONS or set(skips) - {0, 1} or len(skips) < layers:
            return None
        place += 1 + layers
        layers += 1
    return layers if layers >= _MACRO_LAYERS else None


def _fields(value: dict[str, Any]) -> str | None:
    if set(_RECURRENT) & set(value) or _is_recurrent(value.get("normal")):
        return "an RNN cell: nascope reads convolutional ones, with a normal and a reduction cell"
    for kind, other in (("normal", "reduce"), ("reduce", "normal")):
        if kind in value and other not in value and f"{other}_concat" not in value:
            name = "normal" if kind == "normal" else "reduction"
            return (
                f"a {name} cell only: add {other} and {other}_concat, which may repeat the "
                f"{name} cell"
            )
    return None


def _is_recurrent(edges: Any) -> bool:
    """Return whether the operations of a list of edges are an RNN cell's."""
    return (
        isinstance(edges, list)
        and all(_is_edge(edge) for edge in edges)
        and any(edge[0] in _ACTIVATIONS for edge in edges)
    )


def _numbers(value: list[Any]) -> str:
    if set(value) <= {0, 1}:
        return (
            "a one-hot choice, which does not say what the operations are: give the genotype that "
            "the search derives from it"
        )
    if len(value) % 2:
        return (
            f"a list of {len(value)} numbers, which may be an ENAS arc of an RNN cell: nascope "
            "reads convolutional cells, whose micro arc has 4 numbers a node for each of two cells"
        )
    return (
        f"a list of {len(value)} numbers, which no format has: ENAS' micro arc has 4 numbers a "
        "node for each of two cells, and NAS-Bench-201 has 6 operations"
    )


def _table(value: list[Any]) -> str | None:
    if not all(map(_is_row, value)) or len({len(row) for row in value}) > 1:
        return None
    if _is_one_hot(value):
        return (
            "a one-hot choice of an operation for each edge, which does not say what the "
            "operations are: give the genotype that the search derives from it"
        )
    return (
        "a table of numbers, such as architecture weights before a cell is chosen: give the "
        "genotype that the search derives from it"
    )


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, list)
        and bool(row)
        and all(is_index(entry) or isinstance(entry, float) for entry in row)
    )


def _is_one_hot(rows: list[list[Any]]) -> bool:
    return len(rows[0]) > 1 and all(
        sum(row) == 1 and all(entry in (0, 1) for entry in row) for row in rows
    )


def _is_edge(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) in {2, 3} and isinstance(entry[0], str)
