"""The theory on a page: what was checked, what was swept, and where real networks stand."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2
from markupsafe import Markup

from nascope._src.errors import StudyError
from nascope._src.records.files import read_json, write_bytes
from nascope._src.report.figures.style import Drawing
from nascope._src.report.figures.theory_networks import draw_networks
from nascope._src.report.figures.theory_sweep import draw_sweep
from nascope._src.report.html.environment import new_environment
from nascope._src.runtime.types import Plain
from nascope._src.theory.check_result import read_check
from nascope._src.theory.comparison_result import read_sweep
from nascope._src.theory.summaries import reversals, summary, tallies_by_bound
from nascope._version import __version__

_PARTS = ("check", "sweep", "networks")
_DAMAGE = (KeyError, TypeError, AttributeError, IndexError, ValueError, jinja2.UndefinedError)


def write_theory_page(folder: Path) -> Path:
    """Write ``theory.html`` from the check.json, sweep.json and networks.json of a folder.

    The figure of the networks is written as PNG, too.

    Raises:
        StudyError: there is none of these files, one is damaged, or the page cannot be written.
    """
    parts = _read(folder)
    if not parts:
        raise StudyError(
            f"{folder} holds nothing to report: name checkpoints or studies, or run check or sweep"
        )
    try:
        networks = _networks_drawing(parts)
        page = _fill("theory.html", parts, networks)
    except _DAMAGE:
        names = ", ".join(f"{name}.json" for name in parts)
        raise StudyError(
            f"{folder}: one of {names} is damaged or of another version; delete it, and run its "
            "command again"
        ) from None
    if networks is not None:
        networks.write(folder, "theory-networks")
    path = folder / "theory.html"
    write_bytes(path, page.encode("utf-8"))
    return path


def theory_sections(folder: Path, prefix: str = "") -> Markup | None:
    """Return the theory's sections for a page that shows more; None if there are no results.

    A damaged file counts as missing: the theory's own command says what is wrong.

    Args:
        prefix: of the sections' ids, if a page shows the theory of several studies.
    """
    try:
        parts = _read(folder)
        if not parts:
            return None
        return Markup(_fill("theory_body.html", parts, _networks_drawing(parts), prefix))
    except (StudyError, *_DAMAGE):
        return None


def _read(folder: Path) -> dict[str, Plain]:
    """The results that a folder holds."""
    paths = {name: folder / f"{name}.json" for name in _PARTS}
    return {name: read_json(path) for name, path in paths.items() if path.is_file()}


def _networks_drawing(parts: Plain) -> Drawing | None:
    return draw_networks(parts["networks"]["networks"]) if "networks" in parts else None


def _fill(template: str, parts: Plain, networks: Drawing | None, prefix: str = "") -> str:
    check = read_check(parts["check"]) if "check" in parts else None
    sweep = read_sweep(parts["sweep"]) if "sweep" in parts else None
    drawings = draw_sweep(sweep) if sweep else {}
    if networks is not None:
        drawings["networks"] = networks
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
            networks=parts["networks"]["networks"] if "networks" in parts else [],
            summary=summary,
            figures={
                name: drawing.inline_svg(f"{prefix}{name}") for name, drawing in drawings.items()
            },
        )
    )


_environment = functools.cache(new_environment)
