"""Figures for print: one panel a cell, the original first, each with its data beside it.

matplotlib draws them without pyplot, so that no state outlives a figure.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from nascope.analysis.measures import Levels
from nascope.records import ProbeRecord, TrialRecord
from nascope.records.files import write_arrays, write_bytes
from nascope.records.paths import slug
from nascope.report.arrangement import Arrangement, Group, ShownCell
from nascope.report.payload import CURVES, GRIDS, bands, curve_figure, scale_of, value_of
from nascope.report.scales import Scale

_DPI = 200
_POSTER_SCALE = 0.5  # of the printed figure's pixels
_PANEL = 2.3  # inches
_COLUMNS = 5
_TITLES = {"landscape": "Loss landscape", "variance": "Gradient variance"}
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # a name with a dollar sign is a name
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class _Panel:
    """A cell's grid of values, (A, B), and its axes."""

    cell: ShownCell
    alphas: np.ndarray
    betas: np.ndarray
    values: np.ndarray


def draw_figures(arrangement: Arrangement, levels: Levels, folder: Path) -> dict[str, bytes]:
    """Write every figure of a study as PNG, with its data beside it as CSV or npz.

    Returns:
        Small WebP pictures of the surfaces, by ``"GROUP-KIND"``, for the page.

    Raises:
        StudyError: the folder cannot be written.
    """
    posters: dict[str, bytes] = {}
    with mpl.rc_context(_STYLE):
        for group in arrangement.groups:
            name = _name(group, arrangement)
            if any(trial.training for trials in group.trials.values() for trial in trials):
                _write(_curves(group, arrangement), folder / f"curves{name}.png")
                write_bytes(folder / f"curves{name}.csv", _curves_table(group, arrangement))
            for kind in GRIDS:
                scale = scale_of(arrangement, kind)
                for seed, panels in _panels_by_seed(group, arrangement, kind):
                    assert scale is not None
                    suffix = name + (f"-seed{seed}" if len(arrangement.probed_seeds) > 1 else "")
                    title = _title(_TITLES[kind], group, seed)
                    flat = _maps(panels, kind, scale, title, levels)
                    _write(flat, folder / f"{kind}{suffix}.png")
                    surfaces = _write(
                        _surfaces(panels, kind, scale, title), folder / f"{kind}{suffix}-3d.png"
                    )
                    _write_grids(panels, folder / f"{kind}{suffix}.npz")
                    posters.setdefault(f"{group.key}-{kind}", _poster(surfaces))
    return posters


def _name(group: Group, arrangement: Arrangement) -> str:
    """What sets a group's files apart; empty where there is one group."""
    parts = []
    if len(arrangement.families) > 1:
        # two names may have the same slug, so they are numbered too
        parts.append(f"{arrangement.families.index(group.family) + 1}-{slug(group.family)}")
    if len(arrangement.settings) > 1:
        parts.append(f"{arrangement.settings.index(group.setting) + 1}-{slug(group.setting)}")
    return "".join(f"-{part}" for part in parts)


def _title(what: str, group: Group, seed: int | None = None) -> str:
    parts = [what, _short(group.family, 40), group.setting]
    if seed is not None:
        parts.append(f"seed {seed}")
    return " · ".join(part for part in parts if part)


def _short(label: str, limit: int = 26) -> str:
    return label if len(label) <= limit else label[: limit - 9] + "…" + label[-8:]


def _write(figure: Figure, path: Path) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # a name may hold signs that the font lacks; the page shows them all
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasAgg(figure).print_png(buffer)
    write_bytes(path, buffer.getvalue())
    return buffer.getvalue()


def _poster(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        size = (round(image.width * _POSTER_SCALE), round(image.height * _POSTER_SCALE))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=88)
    return buffer.getvalue()


# ---------------------------------------------------------------- curves


def _curves(group: Group, arrangement: Arrangement) -> Figure:
    figure = Figure(figsize=(10.5, 3.6), dpi=_DPI, layout="constrained")
    figure.suptitle(_title("Training", group), fontsize=10, fontweight="bold")
    axes = figure.subplots(1, len(CURVES))
    for ax, (quantity, (title, axis)) in zip(axes, CURVES.items(), strict=True):
        data = curve_figure(group, quantity)
        for line in data["lines"]:
            _draw_line(ax, line, arrangement.cell(line["cell"]))
        ax.set_title(title, loc="left", fontweight="bold")
        ax.set_xlabel("epoch")
        ax.set_ylabel(axis)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(linewidth=0.4, color="#dddddd")
        if data["log"]:
            ax.set_yscale("log")
    handles, labels = axes[0].get_legend_handles_labels()
    columns = min(6, len(handles)) or 1
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    rows = -(-len(handles) // columns)
    figure.set_figheight(3.3 + 0.2 * rows)
    return figure


def _draw_line(ax: Any, line: dict[str, Any], cell: ShownCell) -> None:
    look, blank = cell.style, float("nan")

    def clean(values: Sequence[float | None]) -> list[float]:
        return [blank if value is None else value for value in values]

    epochs = range(1, len(line["mean"]) + 1)
    if "low" in line:
        low, high = clean(line["low"]), clean(line["high"])
        ax.fill_between(epochs, low, high, color=look.colour, alpha=0.14, linewidth=0)
    if len(line["seeds"]) > 1:
        for seed in line["seeds"]:
            values = clean(seed["y"])
            ax.plot(range(1, len(values) + 1), values, color=look.colour, alpha=0.35, linewidth=0.5)
    ax.plot(
        epochs,
        clean(line["mean"]),
        color=look.colour,
        linestyle=look.mpl_dash,
        linewidth=0.6 * look.width,
        marker=look.mpl_marker,
        markersize=4 if cell.is_original else 5,
        markevery=max(1, len(epochs) // 6),
        label=_short(cell.label),
        zorder=3 if cell.is_original else 2,
    )
    for lost in line["diverged"]:
        if lost["y"] is not None:
            at = (lost["epoch"], lost["y"])
            ax.plot(*at, "x", color=look.colour, markersize=7, markeredgewidth=1.6, zorder=4)
            ax.annotate("diverged", at, (4, 4), textcoords="offset points", fontsize=7)


def _curves_table(group: Group, arrangement: Arrangement) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["cell", "variant", "setting", "seed", "epoch", "learning_rate", *CURVES])
    for key, trials in group.trials.items():
        cell = arrangement.cell(key)
        for trial in trials:
            for epoch in trial.training.epochs if trial.training else ():
                values = [value_of(epoch, quantity) for quantity in CURVES]
                head = [cell.label, cell.variant, group.setting, trial.seed]
                table.writerow([*head, epoch.epoch, epoch.learning_rate, *values])
    return text.getvalue().encode("utf-8")


# ---------------------------------------------------------------- grids


def _panels_by_seed(
    group: Group, arrangement: Arrangement, kind: str
) -> Iterator[tuple[int, list[_Panel]]]:
    for seed in arrangement.probed_seeds:
        panels = [
            _panel(arrangement.cell(key), trial, kind)
            for key, trials in group.trials.items()
            for trial in trials
            if trial.seed == seed and trial.probe(kind) is not None
        ]
        if panels:
            yield seed, panels


def _panel(cell: ShownCell, trial: TrialRecord, kind: str) -> _Panel:
    probe = trial.probe(kind)
    assert isinstance(probe, ProbeRecord)
    return _Panel(cell, probe.arrays["alphas"], probe.arrays["betas"], GRIDS[kind][3](probe))


def _write_grids(panels: Sequence[_Panel], path: Path) -> None:
    arrays: dict[str, np.ndarray] = {"labels": np.array([panel.cell.label for panel in panels])}
    for index, panel in enumerate(panels):
        arrays |= {
            f"alphas_{index}": panel.alphas,
            f"betas_{index}": panel.betas,
            f"values_{index}": panel.values,
        }
    write_arrays(path, arrays)


def _sheet(count: int, title: str) -> tuple[Figure, int, int]:
    """A figure for so many panels, and its numbers of rows and columns."""
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    size = (columns * _PANEL + 1.2, rows * (_PANEL - 0.05) + 0.35)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    figure.suptitle(title, fontsize=10, fontweight="bold")
    return figure, rows, columns


def _ends_and_middle(points: np.ndarray) -> list[float]:
    return [float(points[0]), float(points[0] + points[-1]) / 2, float(points[-1])]


def _heading(panel: _Panel) -> str:
    return _short(panel.cell.label)


def _maps(panels: Sequence[_Panel], kind: str, scale: Scale, title: str, levels: Levels) -> Figure:
    """Contours of a landscape, or a heat map of √g, on the levels that all panels share."""

    figure, rows, columns = _sheet(len(panels), title)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    axes = axes[: len(panels)]
    for ax, panel in zip(axes, panels, strict=True):
        _hatched_ground(ax, panel)
        places = scale.place(panel.values).T  # rows are betas
        if kind == "landscape":
            colours = bands(kind, scale)
            filled = ax.contourf(
                panel.alphas,
                panel.betas,
                np.ma.masked_invalid(places),
                scale.places,
                colors=colours,
                extend="both",
            )
            _lines(ax, panel, places, scale.places, color="white", linewidths=0.4, alpha=0.6)
            if levels.landscape_loss is not None:
                at = [float(scale.place(np.array(levels.landscape_loss)))]
                _lines(ax, panel, places, at, color="black", linewidths=1.2)
        else:
            filled = ax.pcolormesh(
                panel.alphas,
                panel.betas,
                np.ma.masked_invalid(places),
                cmap=_map(kind),
                norm=_norm(scale),
                shading="nearest",
            )
        ax.plot(0, 0, "+", color="white", markersize=6, markeredgewidth=1)
        ax.set_title(_heading(panel), color=panel.cell.style.colour, fontweight="bold")
        ax.set_aspect("equal", "box")
        ax.set_xticks(_ends_and_middle(panel.alphas))
        ax.set_yticks(_ends_and_middle(panel.betas))
        ax.set_xlabel("α")
        ax.set_ylabel("β")
    bar = figure.colorbar(filled, ax=axes, fraction=0.04, pad=0.01)
    _label_bar(bar, kind, scale)
    return figure


def _lines(
    ax: Any, panel: _Panel, places: np.ndarray, levels: Sequence[float], **look: Any
) -> None:
    color = look.pop("color")
    finite = places[np.isfinite(places)]
    crossed = [at for at in levels if finite.size and finite.min() < at < finite.max()]
    if crossed:  # matplotlib warns of levels that no value crosses
        values = np.ma.masked_invalid(places)
        ax.contour(
            panel.alphas, panel.betas, values, crossed, colors=[color], linestyles="-", **look
        )


def _hatched_ground(ax: Any, panel: _Panel) -> None:
    """What no colour covers, the points that are not finite, shows as hatched."""
    (left, right), (low, high) = panel.alphas[[0, -1]], panel.betas[[0, -1]]
    if np.isfinite(panel.values).all():
        return
    ground = Rectangle(
        (left, low),
        right - left,
        high - low,
        facecolor="#f2f2f2",
        edgecolor="#9a3412",
        hatch="////",
        linewidth=0,
        zorder=-1,
    )
    ax.add_patch(ground)


def _map(kind: str) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(kind, GRIDS[kind][2])


def _norm(scale: Scale) -> Normalize:
    return Normalize(scale.start - scale.step / 2, scale.end + scale.step / 2, clip=True)


def _label_bar(bar: Any, kind: str, scale: Scale) -> None:
    named = [(p, text) for p, text in zip(scale.places, scale.labels, strict=True) if text]
    bar.set_ticks([place for place, _ in named], labels=[text for _, text in named])
    bar.set_label(GRIDS[kind][1] + (", log scale" if scale.base else ""))
    bar.outline.set_linewidth(0.4)


def _surfaces(panels: Sequence[_Panel], kind: str, scale: Scale, title: str) -> Figure:
    figure, rows, columns = _sheet(len(panels), title)
    places_of_panels = range(1, len(panels) + 1)
    axes = [figure.add_subplot(rows, columns, k, projection="3d") for k in places_of_panels]
    colours, norm = _map(kind), _norm(scale)
    top = scale.end + scale.step / 2
    named = [(p, text) for p, text in zip(scale.places, scale.labels, strict=True) if text]
    named = named[:: -(-len(named) // 5)]
    for ax, panel in zip(axes, panels, strict=True):
        places = np.minimum(scale.place(panel.values), top)
        a, b = np.meshgrid(panel.alphas, panel.betas, indexing="ij")
        if np.isfinite(places).any():
            ax.plot_surface(
                a,
                b,
                places,
                facecolors=colours(norm(np.nan_to_num(places, nan=top))),
                rcount=places.shape[0],
                ccount=places.shape[1],
                shade=False,
                linewidth=0.15,
                edgecolor=(1, 1, 1, 0.35),
                antialiased=True,
            )
        ax.set_zlim(scale.start - scale.step / 2, top)
        ax.set_zticks([p for p, _ in named], labels=[text for _, text in named])
        ax.set_title(_heading(panel), color=panel.cell.style.colour, fontweight="bold", pad=-6)
        ax.set_xticks(_ends_and_middle(panel.alphas))
        ax.set_yticks(_ends_and_middle(panel.betas))
        ax.set_xlabel("α", labelpad=-8)
        ax.set_ylabel("β", labelpad=-8)
        ax.tick_params(labelsize=6, pad=-3)
        ax.tick_params(axis="z", pad=-1)
        ax.view_init(elev=28, azim=-58)
        ax.set_box_aspect((1, 1, 0.8), zoom=0.92)
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_pane_color((1, 1, 1, 0))
            axis._axinfo["grid"].update(linewidth=0.3, color="#d0d0d0")
    figure.text(0.995, 0.01, GRIDS[kind][1], ha="right", va="bottom", fontsize=7, color="#555555")
    return figure
