"""Figures for print: one panel a cell, the original first, each with its data beside it.

matplotlib draws them without pyplot, so that no state outlives a figure.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from nascope._src.records.files import write_arrays, write_bytes
from nascope._src.records.paths import slug
from nascope._src.report.arrangement import Arrangement, Group
from nascope._src.report.figures.curves import curves_table, draw_curves
from nascope._src.report.figures.grids import (
    Panel,
    draw_maps,
    draw_surfaces,
    grid_arrays,
    in_rows,
    panels_by_seed,
)
from nascope._src.report.figures.pictures import PRINT, png
from nascope._src.report.quantities import scale_of
from nascope._src.results.levels import Levels
from nascope._src.results.planes import modes_of
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.trials import shortened

_POSTER_SCALE = 0.5  # of the printed figure's pixels


def draw_figures(arrangement: Arrangement, levels: Levels, folder: Path) -> dict[str, bytes]:
    """Write every figure of a study as PNG, with its data beside it as CSV or npz.

    Returns:
        Small WebP pictures of the surfaces, by ``"GROUP-KIND"``, for the page.

    Raises:
        StudyError: the folder cannot be written.
    """
    posters: dict[str, bytes] = {}
    scales = {kind: scale_of(arrangement, kind) for kind in GRIDS}
    with mpl.rc_context(PRINT):
        for group in arrangement.groups:
            name = _name(group, arrangement)
            level = levels.of(next(iter(group.trials.values()))[0]).landscape_loss
            if any(trial.training for trials in group.trials.values() for trial in trials):
                curves = draw_curves(group, arrangement, _title("Training", group))
                _write(curves, folder / f"curves{name}.png")
                write_bytes(folder / f"curves{name}.csv", curves_table([group], arrangement))
            for kind, mode, seed, panels in _grids(group, arrangement):
                scale = scales[kind]
                assert scale is not None  # there is a grid of the kind
                seeded = f"-seed{seed}" if len(arrangement.probed_seeds) > 1 else ""
                moded = "" if mode == "frozen" else f"-{mode}"
                stem = f"{kind}{name}{seeded}{moded}"
                title = _title(GRIDS[kind].heading, group, seed, f"BatchNorm {mode}")
                rows = in_rows(panels)
                _write(draw_maps(rows, kind, scale, title, level=level), folder / f"{stem}.png")
                picture = _write(draw_surfaces(rows, kind, scale, title), folder / f"{stem}-3d.png")
                write_arrays(folder / f"{stem}.npz", grid_arrays(panels))
                posters.setdefault(f"{group.key}-{kind}", _poster(picture))
    return posters


def _grids(group: Group, arrangement: Arrangement) -> Iterator[tuple[str, str, int, list[Panel]]]:
    """Kind, BatchNorm mode, seed and panels of each figure of a group."""
    for kind in GRIDS:
        for mode in modes_of(arrangement.study.trials, kind):
            for seed, panels in panels_by_seed(group, arrangement, kind, mode):
                yield kind, mode, seed, panels


def _name(group: Group, arrangement: Arrangement) -> str:
    """What sets a group's files apart; empty where there is one group."""
    parts = []
    if len(arrangement.families) > 1:
        # two names may have the same slug, so they are numbered too
        parts.append(f"{arrangement.families.index(group.family) + 1}-{slug(group.family)}")
    if len(arrangement.settings) > 1:
        parts.append(f"{arrangement.settings.index(group.setting) + 1}-{slug(group.setting)}")
    return "".join(f"-{part}" for part in parts)


def _title(what: str, group: Group, seed: int | None = None, mode: str = "") -> str:
    parts = [what, shortened(group.family, 40), group.setting]
    if seed is not None:
        parts.append(f"seed {seed}")
    parts.append(mode)
    return " · ".join(part for part in parts if part)


def _write(figure: Figure, path: Path) -> bytes:
    picture = png(figure)
    write_bytes(path, picture)
    return picture


def _poster(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        size = (round(image.width * _POSTER_SCALE), round(image.height * _POSTER_SCALE))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=88)
    return buffer.getvalue()
