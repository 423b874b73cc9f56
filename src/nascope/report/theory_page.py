"""The theory on one HTML page: what was checked, what was swept, and where real networks stand."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from nascope import __version__
from nascope.analysis.regimes import edge_summary, reversals, tallies_by_bound
from nascope.errors import StudyError
from nascope.records.files import read_json, write_bytes
from nascope.report.theory_figures import (
    PLAIN,
    network_figures,
    sweep_figures,
    write_network_figures,
)

_METADATA = ("Creator", "Date", "Format", "Type")  # left out
_PARTS = ("check", "sweep", "networks")


def write_theory_page(folder: Path) -> Path:
    """Write ``theory.html`` from the check.json, sweep.json and networks.json that a folder holds.

    Raises:
        StudyError: one of them is damaged, or the page cannot be written.
    """
    found: dict[str, Any] = {}
    for name in _PARTS:
        path = folder / f"{name}.json"
        found[name] = read_json(path) if path.is_file() else None
    try:
        page = render_theory(found)
        if found["networks"] is not None:
            write_network_figures(folder, found["networks"]["networks"])
    except (KeyError, TypeError, AttributeError, IndexError, jinja2.UndefinedError):
        names = ", ".join(f"{name}.json" for name in _PARTS if found[name] is not None)
        raise StudyError(
            f"{folder}: one of {names} is damaged or of another version; delete it, and run its "
            "command again"
        ) from None
    path = folder / "theory.html"
    write_bytes(path, page.encode("utf-8"))
    return path


def render_theory(found: Mapping[str, Any]) -> str:
    """The page as text, from the three results, None where one is missing."""
    figures: dict[str, Figure] = {}
    if found["sweep"] is not None:
        figures |= sweep_figures(found["sweep"])
    if found["networks"] is not None:
        figures |= network_figures(found["networks"]["networks"])
    return (
        _environment()
        .get_template("theory.html")
        .render(
            version=__version__,
            check=found["check"],
            tallies=tallies_by_bound(found["check"]["bounds"]) if found["check"] else {},
            sweep=found["sweep"],
            reversals=reversals(found["sweep"]["outcomes"]) if found["sweep"] else [],
            networks=found["networks"]["networks"] if found["networks"] else [],
            summary=edge_summary,
            figures={name: _svg(figure) for name, figure in figures.items()},
        )
    )


def _svg(figure: Figure) -> Markup:
    """A figure as an inline drawing; matplotlib escapes the texts in it."""
    out = io.StringIO()
    with mpl.rc_context(PLAIN | {"svg.hashsalt": "nascope"}):  # else ids differ from run to run
        figure.savefig(out, format="svg", metadata=dict.fromkeys(_METADATA))
    text = out.getvalue()
    return Markup(text[text.index("<svg") :])


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("nascope.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
