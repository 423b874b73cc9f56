"""Loss landscapes and gradient variances: Figures 5 to 7 and 14 to 17, and those of the page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nascope._src.palette import COLOUR_MAPS, FAINT, GROUND, NOTE, WARNING, colours_at
from nascope._src.report.arrangement import Arrangement, Group
from nascope._src.report.figures.grid_panels import (
    PER_ROW,
    GridPanel,
    GridRow,
    GridValues,
    grid_arrays,
    grid_rows,
)
from nascope._src.report.figures.scales import LevelScale, shared_scale
from nascope._src.report.figures.style import STYLES, Drawing, Style, StyleName, new_figure
from nascope._src.results.levels import DataLevels, shared_levels
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.levels import rule_in_words
from nascope._src.results.text.trials import shortened

_LEAST = 3  # panels that a figure has room for, which its title needs
_LINE = 0.16  # inches, of a title's further line
_SIGNS = "+ the trained weights"


def band_colours(kind: str, scale: LevelScale) -> list[str]:
    """Return the colours between a scale's levels, from below the lowest to above the highest."""
    return colours_at(COLOUR_MAPS[kind], [k / scale.count for k in range(scale.count + 1)])


def named_levels(scale: LevelScale, most: int = 99) -> dict[float, str]:
    """Return the places of a scale's levels that have a name, and these; at most so many."""
    named = [(at, label) for at, label in zip(scale.places, scale.labels, strict=True) if label]
    return dict(named[:: -(-len(named) // most)])


def draw_grids(
    arrangement: Arrangement,
    kind: str,
    title: str,
    note: str = "",
    *,
    groups: Sequence[Group] | None = None,
    seeds: Sequence[int] | None = None,
    mode: str | None = None,
    scale: LevelScale | None = None,
    levels: DataLevels | None = None,
    surfaces: bool = False,
    style: StyleName = "page",
) -> Drawing:
    """Draw contours of the loss, maps of √g, or surfaces of either; a row per group and seed.

    All panels share their levels and colours. A trial without a grid has a panel that says why.

    Args:
        arrangement: of a study.
        kind: "landscape" or "variance".
        groups: of trials; all by default.
        seeds: all by default.
        mode: of BatchNorm; each trial's first grid by default.
        scale: that of the grids shown by default.
        levels: the loss of the heavy contour; that of the study by default.
    """
    look = STYLES[style]
    groups, seeds = groups or arrangement.groups, seeds or arrangement.seeds
    rows = list(grid_rows(arrangement, groups, seeds, kind, mode))
    panels = [panel for row in rows for panel in row.panels if not panel.is_empty]
    arrays = grid_arrays(panels) | {"quantity": np.array(GRIDS[kind].axis)}
    scale = scale or shared_scale([panel.values for panel in panels])
    if scale is None:
        return _draw_nothing(rows, title, note, look)
    level, signs = None, _SIGNS
    if kind == "landscape" and not surfaces:
        levels = levels or shared_levels(arrangement.study).only
        level = levels.landscape_loss if levels else None
        if levels and level is not None:
            signs += f"; heavy line: {rule_in_words(levels)}"
    if not surfaces:
        note = "\n".join(filter(None, (note, signs)))
    columns = max(len(row.panels) for row in rows)
    rim, gap = (0.3, 0.15) if surfaces else (0.7, 0.3)
    side = look.side or (look.width - rim) / max(columns, PER_ROW)
    width = max(columns, _LEAST) * side + rim if look.side else look.width
    height = len(rows) * (side + gap) + 1.1 + _LINE * note.count("\n")
    with new_figure(look, (width, height), title, note) as figure:
        draw = _draw_surfaces if surfaces else _draw_maps
        filled, axes = draw(figure, rows, look, kind=kind, scale=scale, level=level)
        if filled is not None:
            bar = figure.colorbar(
                filled, ax=axes, location="bottom", fraction=0.05, pad=0.03, aspect=50
            )
            label_bar(bar, kind, scale)
        _thin_bars(figure)
    return Drawing(figure, look, arrays=arrays)


def _draw_nothing(rows: Sequence[GridRow], title: str, note: str, look: Style) -> Drawing:
    with new_figure(look, (look.width, 1.5), title, note) as figure:
        reasons = sorted({panel.note.replace("\n", " ") for row in rows for panel in row.panels})
        figure.text(0.5, 0.4, "; ".join(reasons), ha="center", color=NOTE)
    return Drawing(figure, look, arrays={"labels": np.array([])})


def _draw_maps(
    figure: Figure,
    rows: Sequence[GridRow],
    look: Style,
    *,
    kind: str,
    scale: LevelScale,
    level: float | None,
) -> tuple[Any, Any]:
    columns = max(len(row.panels) for row in rows)
    axes = figure.subplots(len(rows), columns, squeeze=False, sharex=True, sharey=True)
    filled: Any = None
    for line, row in zip(axes, rows, strict=True):
        for ax in line[len(row.panels) :]:
            ax.set_axis_off()
        for ax, panel in zip(line, row.panels, strict=False):
            _name_panel(ax, panel, look, pad=4)
            ax.set_aspect("equal", "box")
            if panel.is_empty:
                ax.set(xlabel="α", ylabel="β")
                ax.tick_params(left=False, bottom=False)
                ax.spines[:].set_color(FAINT)
            else:
                drawn = fill_grid(ax, kind, panel, scale, level)
                filled = filled or drawn
                ax.plot(0, 0, "+", color="white", markersize=6, markeredgewidth=1)
                _name_axes(ax, panel)
            ax.label_outer()
            _write_note(ax, panel)
        if row.heading:
            line[0].set_ylabel("\n".join(filter(None, (row.heading, line[0].get_ylabel()))))
    return filled, axes


def _draw_surfaces(
    figure: Figure,
    rows: Sequence[GridRow],
    look: Style,
    *,
    kind: str,
    scale: LevelScale,
    level: float | None,
) -> tuple[Any, Any]:
    """Points that are not finite are holes."""
    heights = (scale.start - scale.step / 2, scale.end + scale.step / 2)
    named = named_levels(scale, most=4)
    columns = max(len(row.panels) for row in rows)
    axes = []
    for place, row in enumerate(rows):
        for number, panel in enumerate(row.panels, start=1):
            where = place * columns + number
            ax: Any = figure.add_subplot(len(rows), columns, where, projection="3d")
            axes.append(ax)
            _name_panel(ax, panel, look, pad=-2)
            if panel.is_empty:
                ax.set_axis_off()
            else:
                _draw_surface(ax, kind, panel, scale)
                _name_axes(ax, panel, pad=look.inset)
                ax.set_zlim(*heights)
                ax.set_zticks(list(named), labels=list(named.values()))
                ax.tick_params(labelsize=look.small, pad=-5)
                ax.tick_params(axis="z", pad=-3)
            _write_note(ax, panel)
            if row.heading and number == 1:
                ax.text2D(-0.08, 0.5, row.heading, transform=ax.transAxes, rotation=90, va="center")
            ax.view_init(elev=28, azim=-58)
            ax.set_box_aspect((1, 1, 0.8), zoom=0.92)
            for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
                axis.set_pane_color((1, 1, 1, 0))
    colours, norm = _colours(kind, scale)
    return ScalarMappable(norm, colours), axes


def _draw_surface(ax: Any, kind: str, panel: GridPanel, scale: LevelScale) -> None:
    colours, norm = _colours(kind, scale)
    places = np.minimum(scale.place(panel.values), scale.end + scale.step / 2)
    if not np.isfinite(places).any():
        ax.text2D(0.5, 0.5, "no finite value", ha="center", transform=ax.transAxes)
        return
    a, b = np.meshgrid(panel.alphas, panel.betas, indexing="ij")
    ax.plot_surface(
        a,
        b,
        places,
        facecolors=colours(norm(np.nan_to_num(places))),
        rcount=places.shape[0],
        ccount=places.shape[1],
        shade=False,
        linewidth=0.15,
        edgecolor=(1, 1, 1, 0.35),
    )


def _name_panel(ax: Any, panel: GridPanel, look: Style, *, pad: float) -> None:
    title = shortened(panel.cell.label, look.label)
    ax.set_title(title, color=panel.cell.look.colour, fontweight="bold", pad=pad)


def _name_axes(ax: Any, panel: GridPanel, *, pad: float = 4) -> None:
    for axis, name, points in ((ax.xaxis, "α", panel.alphas), (ax.yaxis, "β", panel.betas)):
        axis.set_ticks([points[0], (points[0] + points[-1]) / 2, points[-1]])
        axis.set_label_text(name)
        axis.labelpad = pad


def _write_note(ax: Any, panel: GridPanel) -> None:
    if panel.note:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2.0}
        text = ax.text2D if hasattr(ax, "text2D") else ax.text
        text(0.5, 0.5 if panel.is_empty else 0.12, panel.note, ha="center", va="center",
             transform=ax.transAxes, fontsize="small", bbox=box)  # fmt: skip


def label_bar(bar: Any, kind: str, scale: LevelScale) -> None:
    """Name a colour bar's levels and quantity."""
    named = named_levels(scale)
    bar.set_ticks(list(named), labels=list(named.values()))
    bar.set_label(GRIDS[kind].axis + (", log scale" if scale.base else ""))
    bar.outline.set_linewidth(0.4)


def _thin_bars(figure: Figure) -> None:
    """Leave out names of a colour bar's levels where they would touch: every other, then more."""
    figure.draw_without_rendering()
    for ax in figure.axes:
        if ax.get_label() != "<colorbar>":
            continue
        axis = ax.xaxis
        places, words = axis.get_ticklocs(), [text.get_text() for text in axis.get_ticklabels()]
        boxes = [text.get_window_extent() for text in axis.get_ticklabels()]
        gap = 0.5 * max((box.height for box in boxes), default=0.0)
        step = 1
        while any(
            before.x1 + gap > after.x0 for before, after in pairwise(boxes[::step])
        ) and step < len(boxes):
            step += 1
        axis.set_ticks(places, labels=["" if k % step else word for k, word in enumerate(words)])


def fill_grid(
    ax: Any, kind: str, grid: GridValues, scale: LevelScale, level: float | None = None
) -> Any:
    """Draw contours of a landscape, or a map of √g; points that are not finite are hatched.

    Args:
        level: the loss of a heavy contour.
    """
    return _contours(ax, grid, scale, level) if kind == "landscape" else _heat(ax, grid, scale)


def _contours(ax: Any, grid: GridValues, scale: LevelScale, level: float | None) -> Any:
    _hatch_ground(ax, grid, rim=0.0)
    alphas, betas = grid.alphas, grid.betas
    places = np.ma.masked_invalid(scale.place(grid.values).T)  # rows are betas
    colours = band_colours("landscape", scale)
    filled = ax.contourf(alphas, betas, places, scale.places, colors=colours, extend="both")

    def lines(levels: Sequence[float], **look: Any) -> None:
        crossed = [at for at in levels if places.count() and places.min() < at < places.max()]
        if crossed:  # matplotlib warns of levels that no value crosses
            ax.contour(alphas, betas, places, crossed, linestyles="-", **look)

    lines(scale.places, colors=["white"], linewidths=0.4, alpha=0.6)
    if level is not None:
        lines([float(scale.place(np.array(level)))], colors=["black"], linewidths=1.2)
    return filled


def _heat(ax: Any, grid: GridValues, scale: LevelScale) -> Any:
    _hatch_ground(ax, grid, rim=0.5)
    places = np.ma.masked_invalid(scale.place(grid.values).T)  # rows are betas
    colours, norm = _colours("variance", scale)
    return ax.pcolormesh(
        grid.alphas, grid.betas, places, cmap=colours, norm=norm, shading="nearest"
    )


def _hatch_ground(ax: Any, grid: GridValues, *, rim: float) -> None:
    """Hatch the ground, which shows where no colour covers it.

    Args:
        rim: how far colours reach beyond the outermost points, in grid steps.
    """
    if np.isfinite(grid.values).all():
        return
    (left, right), (low, high) = (
        (axis[0] - rim * (axis[1] - axis[0]), axis[-1] + rim * (axis[-1] - axis[-2]))
        for axis in (grid.alphas, grid.betas)
    )
    look: dict[str, Any] = {
        "facecolor": GROUND,
        "edgecolor": WARNING,
        "hatch": "////",
        "linewidth": 0,
    }
    ax.add_patch(Rectangle((left, low), right - left, high - low, zorder=-1, **look))
    ax.set(xlim=(left, right), ylim=(low, high))


def _colours(kind: str, scale: LevelScale) -> tuple[LinearSegmentedColormap, Normalize]:
    """The colour of each place on a scale, as on the page."""
    rim = scale.step / 2
    norm = Normalize(scale.start - rim, scale.end + rim, clip=True)
    return LinearSegmentedColormap.from_list(kind, COLOUR_MAPS[kind]), norm
