"""NAS-Bench-301's configurations of ConfigSpace: a cell of DARTS' space as named choices.

Each cell has fourteen possible edges, numbered by target and then by source: edges 0–1 lead to
node 2, 2–4 to node 3, 5–8 to node 4, 9–13 to node 5. ``edge_normal_k`` is the operation on edge k;
an edge that the cell lacks is left out, None or ``#na#``. ``inputs_node_normal_n`` is "a_b", the
two sources of node n; node 2 always reads nodes 0 and 1.
"""

from __future__ import annotations

import re
from typing import Any

from nascope._src.cells.checks import short
from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import CELL_KINDS, Genotype
from nascope._src.cells.operation_names import NO_OPERATION
from nascope._src.errors import GenotypeError

_KEY = re.compile(r"(?:.*:)?(edge|inputs_node)_(normal|reduce)_(\d+)")
_ABSENT = (None, "", "#na#", *NO_OPERATION)
_NODES = range(2, 6)


def is_configspace(value: Any) -> bool:
    """Return whether a value is a dictionary with edges of both cells."""
    if not isinstance(value, dict):
        return False
    keys = [_KEY.fullmatch(key) for key in value if isinstance(key, str)]
    return {match[2] for match in keys if match and match[1] == "edge"} == set(CELL_KINDS)


def read_configspace(value: dict[str, Any], notes: list[str]) -> Genotype:
    """Read a configuration; its keys may begin with ``NetworkSelectorDatasetInfo:darts:``.

    >>> value = {"inputs_node_normal_3": "0_2", "inputs_node_reduce_3": "0_1"}
    >>> value |= {f"inputs_node_{k}_{n}": "0_1" for k in ("normal", "reduce") for n in (4, 5)}
    >>> value |= {f"edge_{k}_{e}": "sep_conv_3x3" for k in ("normal", "reduce")
    ...           for e in (0, 1, 2, 5, 6, 9, 10)}
    >>> value |= {"edge_normal_4": "skip_connect", "edge_reduce_3": "max_pool_3x3"}
    >>> read_configspace(value, []).normal.sources
    ((0, 1), (0, 2), (0, 1), (0, 1))
    """
    choices: dict[tuple[str, str, int], Any] = {}
    for key, choice in value.items():
        if match := _KEY.fullmatch(str(key)):
            choices[match[1], match[2], int(match[3])] = choice
    fields: dict[str, Any] = {}
    for kind in CELL_KINDS:
        fields[kind] = [
            (operation, source)
            for node in _NODES
            for operation, source in _node(choices, kind, node)
        ]
        fields[f"{kind}_concat"] = list(_NODES)
    return from_dict(fields, notes)


def _node(choices: dict[tuple[str, str, int], Any], kind: str, node: int) -> list[tuple[str, int]]:
    """Return the two edges of a node."""
    first = node * (node - 1) // 2 - 1  # the number of the edge from node 0
    present = [
        source
        for source in range(node)
        if choices.get(("edge", kind, first + source)) not in _ABSENT
    ]
    named = choices.get(("inputs_node", kind, node))
    if named not in _ABSENT:
        match = re.fullmatch(r"(\d)_(\d)", str(named))
        if match is None or sorted(map(int, match.groups())) != present:
            raise GenotypeError(
                f"inputs_node_{kind}_{node}: expected the sources of its two edges, {present}, but "
                f"got {short(named)}"
            )
    if len(present) != 2:
        raise GenotypeError(
            f"{kind}: node {node} has {len(present)} edges, but every node needs two"
        )
    return [(str(choices["edge", kind, first + source]), source) for source in present]
