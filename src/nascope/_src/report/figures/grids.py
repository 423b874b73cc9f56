"""Landscapes and gradient variances for print: contours, heat maps, surfaces."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nascope._src.records.read import ProbeRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.quantities import STOPS, bands
from nascope._src.report.scales import Scale
from nascope._src.results.planes import plane
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.trials import shortened

_SIDE = 2.3  # inches, of a panel
_COLUMNS = 5


@dataclass(frozen=True, kw_only=True)
class GridValues:
    """A grid of values, (A, B), and its axes."""

    alphas: np.ndarray
    betas: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Panel(GridValues):
    """A cell's; ``note`` stands in it, and in place of a grid where there is none."""

    cell: ShownCell
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no grid."""
        return self.values.size == 0


@dataclass(frozen=True)
class Row:
    """Panels beside each other, and what they have in common, in words."""

    panels: Sequence[Panel]
    heading: str = ""


def in_rows(panels: Sequence[Panel], columns: int = _COLUMNS, heading: str = "") -> list[Row]:
    """Panels row by row."""
    starts = range(0, len(panels), columns)
    return [Row(panels[start : start + columns], heading) for start in starts]


def absent(cell: ShownCell, note: str) -> Panel:
    """The panel of a cell without a grid, which says why."""
    nothing = np.empty((0, 0))
    return Panel(cell=cell, alphas=nothing[0:0], betas=nothing[0:0], values=nothing, note=note)


def panels_by_seed(
    group: Group, arrangement: Arrangement, kind: str, mode: str
) -> Iterator[tuple[int, list[Panel]]]:
    """Each seed that was probed, with the panels of a group's cells, the original first.

    Args:
        mode: of BatchNorm.
    """
    for seed in arrangement.probed_seeds:
        panels = [
            panel_of(arrangement.cell(key), probe)
            for key, trials in group.trials.items()
            for trial in trials
            if trial.seed == seed and (probe := plane(trial, kind, mode)) is not None
        ]
        if panels:
            yield seed, panels


def panel_of(cell: ShownCell, probe: ProbeRecord, note: str = "") -> Panel:
    """The panel of a grid."""
    return Panel(
        cell=cell,
        note=note,
        alphas=probe.arrays["alphas"],
        betas=probe.arrays["betas"],
        values=GRIDS[probe.kind].values(probe),
    )


def grid_arrays(panels: Sequence[Panel]) -> dict[str, np.ndarray]:
    """The grids behind a figure: ``labels`` (n,), and for panel k ``alphas_k``, ``betas_k`` and
    ``values_k`` (A, B)."""
    arrays: dict[str, np.ndarray] = {"labels": np.array([panel.cell.label for panel in panels])}
    for index, panel in enumerate(panels):
        arrays |= {
            f"alphas_{index}": panel.alphas,
            f"betas_{index}": panel.betas,
            f"values_{index}": panel.values,
        }
    return arrays


def _sheet(rows: Sequence[Row], title: str) -> tuple[Figure, int]:
    """A figure for rows of panels, and the number of its columns."""
    columns = max(len(row.panels) for row in rows)
    size = (columns * _SIDE + 1.2, len(rows) * (_SIDE - 0.05) + 0.35)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10, fontweight="bold")
    return figure, columns


def _name_panel(ax: Any, panel: Panel, *, compact: bool, **where: Any) -> None:
    title = shortened(panel.cell.label, 15 if compact else 26)
    ax.set_title(title, color=panel.cell.look.colour, fontweight="bold", **where)


def _name_axes(ax: Any, panel: Panel, *, pad: float = 4) -> None:
    for axis, name, points in ((ax.xaxis, "α", panel.alphas), (ax.yaxis, "β", panel.betas)):
        axis.set_ticks([points[0], (points[0] + points[-1]) / 2, points[-1]])
        axis.set_label_text(name)
        axis.labelpad = pad


def draw_maps(
    rows: Sequence[Row],
    kind: str,
    scale: Scale,
    title: str,
    *,
    level: float | None = None,
    width: float | None = None,
) -> Figure:
    """Contours of a landscape, or a heat map of √g, on the levels that all panels share.

    Args:
        level: the loss at which areas are compared, drawn as a heavy contour.
        width: of the figure in inches, where that is given: then axes are named at its rims alone,
            and the colours below.
    """
    compact = width is not None
    figure, columns = _sheet(rows, title)
    if width is not None:
        side = (width - 0.7) / max(columns, _COLUMNS)
        figure.set_size_inches(width, len(rows) * (side + 0.25) + 1.15)
    axes = figure.subplots(len(rows), columns, squeeze=False, sharex=compact, sharey=compact)
    filled: Any = None
    for line, row in zip(axes, rows, strict=True):
        for ax in line[len(row.panels) :]:
            ax.set_axis_off()
        for ax, panel in zip(line, row.panels, strict=False):
            _name_panel(ax, panel, compact=compact, pad=4)
            ax.set_aspect("equal", "box")
            if panel.is_empty:
                ax.set(xlabel="α", ylabel="β")
                ax.tick_params(left=False, bottom=False)
                ax.spines[:].set_color("#cccccc")
            else:
                drawn = fill_grid(ax, kind, panel, scale, level)
                filled = filled or drawn
                ax.plot(0, 0, "+", color="white", markersize=6, markeredgewidth=1)
                _name_axes(ax, panel)
            if compact:
                ax.label_outer()
            _write_note(ax, panel)
        if row.heading:
            line[0].set_ylabel("\n".join(filter(None, (row.heading, line[0].get_ylabel()))))
    if filled is not None:
        look: dict[str, Any] = {"fraction": 0.04, "pad": 0.01}
        if compact:
            look = {"location": "bottom", "fraction": 0.05, "pad": 0.02, "aspect": 50}
        label_bar(figure.colorbar(filled, ax=axes, **look), kind, scale, wrapped=not compact)
    return figure


def _write_note(ax: Any, panel: Panel) -> None:
    if panel.note:
        where = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2.0}
        text = ax.text2D if hasattr(ax, "text2D") else ax.text
        text(0.5, 0.5 if panel.is_empty else 0.12, panel.note, ha="center", va="center",
             transform=ax.transAxes, fontsize="small", bbox=where)  # fmt: skip


def label_bar(bar: Any, kind: str, scale: Scale, *, wrapped: bool = True) -> None:
    """Name a colour bar's levels and quantity."""
    named = _named_levels(scale)
    bar.set_ticks(list(named), labels=list(named.values()))
    axis = GRIDS[kind].axis + (", log scale" if scale.base else "")
    bar.set_label("\n".join(textwrap.wrap(axis, 34)) if wrapped else axis, fontsize=8)
    bar.outline.set_linewidth(0.4)


def fill_grid(
    ax: Any, kind: str, grid: GridValues, scale: Scale, level: float | None = None
) -> Any:
    """Contours of a landscape, or a heat map of √g; what is not finite is hatched."""
    return _contours(ax, grid, scale, level) if kind == "landscape" else _heat(ax, grid, scale)


def _contours(ax: Any, grid: GridValues, scale: Scale, level: float | None) -> Any:
    _hatch_ground(ax, grid, rim=0.0)
    alphas, betas = grid.alphas, grid.betas
    places = np.ma.masked_invalid(scale.place(grid.values).T)  # rows are betas
    colours = bands("landscape", scale)
    filled = ax.contourf(alphas, betas, places, scale.places, colors=colours, extend="both")

    def lines(levels: Sequence[float], **look: Any) -> None:
        crossed = [at for at in levels if places.count() and places.min() < at < places.max()]
        if crossed:  # matplotlib warns of levels that no value crosses
            ax.contour(alphas, betas, places, crossed, linestyles="-", **look)

    lines(scale.places, colors=["white"], linewidths=0.4, alpha=0.6)
    if level is not None:
        lines([float(scale.place(np.array(level)))], colors=["black"], linewidths=1.2)
    return filled


def _heat(ax: Any, grid: GridValues, scale: Scale) -> Any:
    _hatch_ground(ax, grid, rim=0.5)
    places = np.ma.masked_invalid(scale.place(grid.values).T)  # rows are betas
    colours, norm = _colours("variance", scale)
    return ax.pcolormesh(
        grid.alphas, grid.betas, places, cmap=colours, norm=norm, shading="nearest"
    )


def _hatch_ground(ax: Any, grid: GridValues, *, rim: float) -> None:
    """What no colour covers, the points that are not finite, shows as hatched.

    ``rim``: how far colours reach beyond the outermost points, in grid steps.
    """
    if np.isfinite(grid.values).all():
        return
    (left, right), (low, high) = (
        (axis[0] - rim * (axis[1] - axis[0]), axis[-1] + rim * (axis[-1] - axis[-2]))
        for axis in (grid.alphas, grid.betas)
    )
    look: dict[str, Any] = {
        "facecolor": "#f7f7f5",
        "edgecolor": "#9a3412",
        "hatch": "////",
        "linewidth": 0,
    }
    ax.add_patch(Rectangle((left, low), right - left, high - low, zorder=-1, **look))
    ax.set(xlim=(left, right), ylim=(low, high))


def _colours(kind: str, scale: Scale) -> tuple[LinearSegmentedColormap, Normalize]:
    """The colour of each place on a scale, as the page has it."""
    rim = scale.step / 2
    norm = Normalize(scale.start - rim, scale.end + rim, clip=True)
    return LinearSegmentedColormap.from_list(kind, STOPS[kind]), norm


def _named_levels(scale: Scale) -> dict[float, str]:
    named = zip(scale.places, scale.labels, strict=True)
    return {place: label for place, label in named if label}


def draw_surfaces(
    rows: Sequence[Row],
    kind: str,
    scale: Scale,
    title: str,
    *,
    width: float | None = None,
) -> Figure:
    """The same grids as surfaces, on one scale of height and colour; lost points are holes.

    Args:
        width: of the figure in inches, where that is given: then colours are named below.
    """
    compact = width is not None
    figure, columns = _sheet(rows, title)
    if width is not None:
        side = (width - 0.3) / max(columns, _COLUMNS)
        figure.set_size_inches(width, len(rows) * (side + 0.15) + 1.15)
    heights = (scale.start - scale.step / 2, scale.end + scale.step / 2)
    named = list(_named_levels(scale).items())
    named = named[:: max(1, -(-len(named) // (4 if compact else 5)))]
    axes = []
    for place, row in enumerate(rows):
        for number, panel in enumerate(row.panels, start=1):
            where = place * columns + number
            ax: Any = figure.add_subplot(len(rows), columns, where, projection="3d")
            axes.append(ax)
            _name_panel(ax, panel, compact=compact, pad=-2 if compact else -6)
            if panel.is_empty:
                ax.set_axis_off()
            else:
                _draw_surface(ax, kind, panel, scale)
                _name_axes(ax, panel, pad=-12 if compact else -8)
                ax.set_zlim(*heights)
                ax.set_zticks([at for at, _ in named], labels=[label for _, label in named])
                ax.tick_params(labelsize=5 if compact else 6, pad=-5 if compact else -3)
                ax.tick_params(axis="z", pad=-3 if compact else -1)
            _write_note(ax, panel)
            if row.heading and number == 1:
                ax.text2D(-0.08, 0.5, row.heading, transform=ax.transAxes, rotation=90, va="center")
            ax.view_init(elev=28, azim=-58)
            ax.set_box_aspect((1, 1, 0.8), zoom=0.92)
            for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
                axis.set_pane_color((1, 1, 1, 0))
    if compact:
        colours, norm = _colours(kind, scale)
        look: dict[str, Any] = {"location": "bottom", "fraction": 0.05, "pad": 0.04, "aspect": 50}
        bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, **look)
        label_bar(bar, kind, scale, wrapped=False)
    else:  # on the title's line, where no panel's ticks come
        axis = GRIDS[kind].axis + (", log scale" if scale.base else "")
        figure.text(0.995, 0.985, axis, ha="right", va="top", fontsize=7, color="#555555")
    return figure


def _draw_surface(ax: Any, kind: str, panel: Panel, scale: Scale) -> None:
    colours, norm = _colours(kind, scale)
    places = np.minimum(scale.place(panel.values), scale.end + scale.step / 2)
    if not np.isfinite(places).any():
        ax.text2D(0.5, 0.5, "nothing finite", ha="center", transform=ax.transAxes)
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
