"""The theory on one HTML page: what was checked, what was swept, and where real networks stand."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from nascope._src.errors import StudyError
from nascope._src.records.files import read_json, write_bytes
from nascope._src.report.figures.pictures import inline_svg
from nascope._src.report.figures.theory import network_figures, sweep_figures, write_figures
from nascope._src.report.html.environment import new_environment
from nascope._src.theory.check_result import read_check
from nascope._src.theory.comparison_result import read_sweep
from nascope._src.theory.summaries import reversals, summary, tallies_by_bound
from nascope._version import __version__

_PARTS = ("check", "sweep", "networks")
_DAMAGE = (KeyError, TypeError, AttributeError, IndexError, ValueError, jinja2.UndefinedError)


def write_theory_page(folder: Path) -> Path:
    """Write ``theory.html`` from the check.json, sweep.json and networks.json that a folder holds,
    and the networks' figures for print.

    Raises:
        StudyError: it holds none, one of them is damaged, or the page cannot be written.
    """
    paths = {name: folder / f"{name}.json" for name in _PARTS}
    found = {name: read_json(path) for name, path in paths.items() if path.is_file()}
    if not found:
        raise StudyError(
            f"{folder} holds nothing to report: name checkpoints or studies, or run check or sweep"
        )
    try:
        networks = network_figures(found["networks"]["networks"]) if "networks" in found else {}
        page = render_theory(found, networks)
    except _DAMAGE:
        raise StudyError(
            f"{folder}: one of {', '.join(paths[name].name for name in found)} is damaged or of "
            "another version; delete it, and run its command again"
        ) from None
    write_figures(folder, networks)
    path = folder / "theory.html"
    write_bytes(path, page.encode("utf-8"))
    return path


def render_theory(found: Mapping[str, Any], networks: Mapping[str, Figure]) -> str:
    """The page as text.

    Args:
        found: what was found, ``check``, ``sweep`` and ``networks``, as far as there.
        networks: the figures of the networks.
    """
    return _filled("theory.html", found, networks)


def theory_sections(folder: Path, prefix: str = "") -> Markup | None:
    """The same without a page around it, for one that tells more; None where there is nothing.

    A damaged file counts as none: the theory's own command says what is wrong.

    Args:
        prefix: of the sections' ids, where several stand on one page.
    """
    try:
        found = {
            name: read_json(path) for name in _PARTS if (path := folder / f"{name}.json").is_file()
        }
        if not found:
            return None
        networks = network_figures(found["networks"]["networks"]) if "networks" in found else {}
        return Markup(_filled("theory_body.html", found, networks, prefix))
    except (StudyError, *_DAMAGE):
        return None


def _filled(
    template: str, found: Mapping[str, Any], networks: Mapping[str, Figure], prefix: str = ""
) -> str:
    check = read_check(found["check"]) if "check" in found else None
    sweep = read_sweep(found["sweep"]) if "sweep" in found else None
    figures = {**(sweep_figures(sweep) if sweep else {}), **networks}
    return (
        _environment()
        .get_template(template)
        .render(
            version=__version__,
            prefix=prefix,
            check=check,
            tallies=tallies_by_bound(check.bounds) if check else [],
            sweep=sweep,
            reversals=reversals(sweep) if sweep else [],
            networks=found["networks"]["networks"] if "networks" in found else [],
            summary=summary,
            figures={name: inline_svg(figure) for name, figure in figures.items()},
        )
    )


_environment = functools.cache(new_environment)
