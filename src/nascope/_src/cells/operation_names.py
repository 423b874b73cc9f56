"""Names of the operations that an edge can carry."""

from __future__ import annotations

import difflib
import re

from nascope._src.cells.checks import short

OPERATIONS = (
    "skip_connect",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "avg_pool_3x3",
    "avg_pool_5x5",
    "avg_pool_7x7",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "dil_conv_7x7",
    "conv_1x1",
    "conv_3x3",
    "conv_5x5",
    "conv_7x7",
    "conv_3x1_1x3",
    "conv_1x3_3x1",
    "conv_7x1_1x7",
    "conv_1x7_7x1",
)
"""All operations, named as in the published genotypes."""

DARTS_OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The operations of DARTS' search space.

The order matters: the paper's seeds index the authors' list, and NASLib's compact form
(search_spaces/nasbench301/conversions.py) has the same one.
"""

NO_OPERATION = ("none", "null", "zero")
"""What published genotypes write for a missing edge. Readers drop such edges."""

_KNOWN = "known are skip_connect, and conv, sep_conv, dil_conv, max_pool and avg_pool with _3x3 …"


def normalised(operation: str) -> str:
    """Return an operation's name in nascope's spelling.

    >>> normalised("conv 3x3"), normalised("nor_conv_1x1"), normalised("identity")
    ('conv_3x3', 'conv_1x1', 'skip_connect')
    """
    name = re.sub(r"[\s-]+", "_", operation.strip().lower())
    if name in ("identity", "skip"):
        return "skip_connect"
    return name.removeprefix("nor_")  # NAS-Bench-201 writes nor_conv_3x3


def unknown_operation(name: object) -> str:
    """Return the error text for an unknown operation, with the nearest known name."""
    near = difflib.get_close_matches(str(name)[:40], OPERATIONS, n=1)
    hint = f"the nearest known is {near[0]!r}" if near else _KNOWN
    return f"unknown operation {short(name)}; {hint}"
