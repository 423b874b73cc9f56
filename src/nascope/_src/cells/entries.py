"""The shapes in which public code lists a cell's edges, brought to one: node, operation, source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from nascope._src.errors import GenotypeError

MAX_NODES = 1_000  # nodes of one cell; the published ones have at most 12


def is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def short(value: object, limit: int = 60) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


def normalised(operation: str) -> str:
    """An operation's name in nascope's spelling.

    >>> normalised("conv 3x3"), normalised("nor_conv_1x1"), normalised("identity")
    ('conv_3x3', 'conv_1x1', 'skip_connect')
    """
    name = re.sub(r"[\s-]+", "_", operation.strip().lower())
    if name in ("identity", "skip"):
        return "skip_connect"
    return name.removeprefix("nor_")  # NAS-Bench-201 writes nor_conv_3x3


def placed(
    entries: Sequence[Any], concat: Iterable[int], num_inputs: int, what: str, notes: list[str]
) -> list[tuple[int, str, int]]:
    """For every entry its node, operation and source, whatever the list's shape."""
    if entries and all(_is_group(entry) for entry in entries):
        return [
            (node, edge[0], edge[1])
            for node, group in enumerate(entries, start=num_inputs)
            for edge in group
        ]
    shapes = set()
    for number, entry in enumerate(entries):
        match entry:
            case [str(), _]:
                shapes.add("pair")
            case [str(), int(), int()] if is_index(entry[1]) and is_index(entry[2]):
                shapes.add("triple")
            case [str(), _, float()]:
                shapes.add("weighted")
            case _:
                raise GenotypeError(
                    f"{what}, entry {number}: expected (operation, source), got {short(entry)}"
                )
    if len(shapes) > 1:
        raise GenotypeError(f"{what}: the entries have different shapes ({', '.join(shapes)})")
    if shapes == {"triple"}:
        return [(max(a, b), operation, min(a, b)) for operation, a, b in entries]
    if shapes == {"weighted"}:
        notes.append(f"{what}: left out the weights of the edges")
    targets = _targets([entry[1] for entry in entries], concat, num_inputs, what)
    return [(node, entry[0], entry[1]) for node, entry in zip(targets, entries, strict=True)]


def _is_group(entry: Any) -> bool:
    return (
        isinstance(entry, (list, tuple))
        and len(entry) > 0
        and all(
            isinstance(edge, (list, tuple)) and len(edge) == 2 and isinstance(edge[0], str)
            for edge in entry
        )
    )


def _targets(sources: list[int], concat: Iterable[int], num_inputs: int, what: str) -> list[int]:
    """The node that each entry of a list of pairs belongs to."""
    if lists_all_edges(sources, concat, num_inputs):
        last = max(concat)
        return [node for node in range(num_inputs, last + 1) for _ in range(node)]
    if len(sources) % 2:
        raise GenotypeError(
            f"{what}: {len(sources)} edges, but every intermediate node needs two "
            "(entries 2i and 2i+1 belong to one node)"
        )
    return [num_inputs + number // 2 for number in range(len(sources))]


def lists_all_edges(sources: list[int], concat: Iterable[int], num_inputs: int) -> bool:
    """Whether the list holds one entry from each node to each later one, up to ``max(concat)``.

    Read as two entries a node, such a list would leave its last nodes dead, so no published cell
    is mistaken; the writer avoids the ambiguity.
    """
    nodes = [node for node in concat if is_index(node)]
    if not nodes or not num_inputs < max(nodes) < num_inputs + MAX_NODES:
        return False
    start = 0
    for node in range(num_inputs, max(nodes) + 1):
        if sorted(map(str, sources[start : start + node])) != sorted(map(str, range(node))):
            return False
        start += node
    return start == len(sources)
