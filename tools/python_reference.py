"""Writes the table of public Python names, from their own docstrings.

python tools/python_reference.py docs/reference/python.md

The site adds each name's full description (tools/site_hooks.py).
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import nascope

GROUPS = {
    "Cells": (
        "Cells are given by name, as a file, as text in any format, or as a `Genotype`.",
        ("load_cell", "parse", "topology", "random_variant", "published_variant", "named_space"),
        ("Genotype", "Cell"),
    ),
    "Networks": (
        "Train a cell's network, or build it and train it yourself.",
        ("train", "load", "load_data"),
        ("Trained", "Network", "Recipe"),
    ),
    "Probes": (
        "Probes take a trained network, the path of a checkpoint, or a `Risk` for any other model.",
        ("landscape", "gradient_variance", "curvature", "random_directions"),
        ("Risk", "Grid", "Landscape", "GradientVariance", "Curvature"),
    ),
    "Studies and tables": (
        "A study trains and probes many cells. A table has accuracies that others measured.",
        ("run_study", "read_study", "write_report", "evidence"),
        ("Study", "StudyResults"),
    ),
    "Errors": (
        "Every error that a user can cause is a `NascopeError`, and its message is one line.",
        ("NascopeError",),
    ),
}

_SOURCE = Path(nascope.__file__).parents[1]


def names() -> list[str]:
    """Return the names that the page lists, in its order."""
    return [name for _, *kinds in GROUPS.values() for kind in kinds for name in kind]


def summary(name: str) -> str:
    """Return the first line of a name's docstring, without its full stop."""
    return (inspect.getdoc(getattr(nascope, name)) or "").split("\n")[0].rstrip(".")


def source(name: str) -> str:
    """Return the file that defines a name, relative to the page."""
    file = inspect.getsourcefile(inspect.unwrap(getattr(nascope, name)))
    return "../../src/" + Path(file or "").relative_to(_SOURCE).as_posix()


def reference() -> str:
    """Return the whole page."""
    parts = [
        "# Python",
        "",
        "Made from the docstrings by `make docs`; a test keeps it current. Only these "
        f"{len(names())} names are public.",
        "The [guide to Python and notebooks](../guides/notebooks.md) shows how to use them. In "
        "Python,",
        "`help(nascope.train)` shows a description.",
        "",
    ]
    for title, (sentence, *kinds) in GROUPS.items():
        parts += [f"## {title}", "", sentence, "", "| name | |", "|---|---|"]
        parts += [f"| [`{n}`]({source(n)}) | {summary(n)} |" for kind in kinds for n in kind]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
