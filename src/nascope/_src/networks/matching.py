"""Which parameters of two networks of cells belong to the same operation."""

from __future__ import annotations

from collections import Counter

from nascope._src.networks.network import CellModule, Network


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
