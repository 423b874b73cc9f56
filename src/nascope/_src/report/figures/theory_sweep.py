"""Figures of the theory's sweep: narrow and wide linear cells of the same matrices, and bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from nascope._src.palette import (
    BLUE,
    DIVERGING,
    GREEN,
    INK,
    NIGHT_BLUE,
    NOTE,
    ORANGE,
    PALE_BLUE,
    PURPLE,
    VIOLET,
)
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    Style,
    StyleName,
    legend_below,
    new_figure,
    set_log_axis,
)
from nascope._src.results.text.numbers import readable
from nascope._src.theory.comparison_result import Sweep, SweepOutcome
from nascope._src.theory.summaries import swept_chains, swept_over_depth

_DEPTHS = (PALE_BLUE, BLUE, NIGHT_BLUE)  # light to dark: from wide to narrow
_THREE = (BLUE, ORANGE, PURPLE)
_MARKERS = ("o", "s", "D", "^", "v")
_DASHED = (0, (4, 2))
_DASHES = {"gaussian": "-", "orthogonal": _DASHED}
_BOUNDS: dict[str, tuple[str, str]] = {  # the same look in every panel, and for both theorems
    "separable": (PURPLE, "D"),
    "convex": (BLUE, "o"),
    "squared sum": (BLUE, "o"),
    "convex, counted": (ORANGE, "s"),
    "counted": (ORANGE, "s"),
    "coupled": (GREEN, "^"),
    "as published": (VIOLET, "x"),  # as in Figure 8
    "as published, at the weights": (VIOLET, "+"),
}
_RATIOS = ("largest_curvature", "total_variance")
_LEAST, _MOST = 1e-4, 1e8  # where the axes of ratios end
_DECADES = 3  # beyond a factor of 1,000 the colours of a map stay the same
_ONE = {"color": INK, "linewidth": 0.8, "linestyle": ":"}
_SMALL = 8  # points

_SETTING = ("objective", "kind", "nodes", "depth", "size", "scale")
_QUANTILES = ("q10", "median", "q90")


def draw_sweep(sweep: Sweep, *, style: StyleName = "page") -> dict[str, Drawing]:
    """Draw a sweep's figures, by name: ``regimes``, ``blocks``, ``bounds`` and ``sizes``."""
    figures = {"regimes": _regimes, "blocks": _blocks, "bounds": _bounds, "sizes": _sizes}
    return {name: draw(sweep, STYLES[style]) for name, draw in figures.items()}


def _regimes(sweep: Sweep, look: Style) -> Drawing:
    """How much smoother or rougher narrow cells are than the widest one, over λ."""
    nodes, size = swept_over_depth(sweep)
    title = (
        f"Ratio of narrow to wide cells with the same matrices: {nodes} nodes of size {size}. "
        "Above 1 the wide cell is smoother, below 1 the narrow one"
    )
    labels = [
        f"{label},\nnarrow / wide (median)"
        for label in ("largest block constant", "gradient variance")
    ]
    with _panels(sweep, title, labels, look) as (figure, axes):
        for objective, panels in axes.items():
            for ax, quantity in zip(panels, _RATIOS, strict=True):
                ax.axhline(1, **_ONE)
                for kind, dash in _DASHES.items():
                    for depth, colour, marker in zip(
                        range(2, nodes + 1), _DEPTHS, _MARKERS, strict=False
                    ):
                        wanted = {"objective": objective, "kind": kind, "depth": depth}
                        line = _by_scale(sweep.outcomes, **wanted, nodes=nodes, size=size)
                        scales = _scales(line)
                        low, middle, high = np.array(
                            [getattr(outcome, quantity) for outcome in line]
                        ).T
                        ax.plot(
                            scales, middle, linestyle=dash, color=colour, marker=marker,
                            markersize=3, linewidth=1.2, label=f"depth {depth}, {kind}",
                        )  # fmt: skip
                        if depth == nodes:
                            band = {"color": colour, "alpha": 0.12, "linewidth": 0}
                            ax.fill_between(scales, low, high, **band)
                set_log_axis(ax, name_between=False)
                _end_axis(ax)
                _name_scales(ax, scales)
        legend_below(figure, [next(iter(axes.values()))[0]], fontsize=_SMALL)
    return Drawing(figure, look, _ratios_table(_select(sweep.outcomes, nodes=nodes, size=size)))


def _blocks(sweep: Sweep, look: Style) -> Drawing:
    """Each block of the narrowest cell: how much smoother or rougher it is than in the widest."""
    nodes, _ = swept_over_depth(sweep)
    title = (
        "Each block of the narrowest cell, compared with that of the widest: median ratio of their "
        "constants, and share of cells whose narrow block is smoother"
    )
    norm = TwoSlopeNorm(0, -_DECADES, _DECADES)
    colours = LinearSegmentedColormap.from_list("smoother", DIVERGING)
    image: Any = None
    labels = [f"{kind}\nblock i" for kind in _DASHES]
    with _panels(sweep, title, labels, look, height=2.3) as (figure, axes):
        for objective, panels in axes.items():
            for ax, kind in zip(panels, _DASHES, strict=True):
                line = _by_scale(swept_chains(sweep), objective=objective, kind=kind)
                medians = np.array([[block.median for block in o.curvature] for o in line])
                shares = np.array([outcome.smoother for outcome in line]).T
                values = np.log10(np.maximum(medians.T, 1e-300)).clip(-_DECADES, _DECADES)
                image = ax.imshow(values, cmap=colours, norm=norm, aspect="auto")
                for (i, j), share in np.ndenumerate(shares):
                    ink = "white" if abs(values[i, j]) > 1.6 else INK
                    ax.text(j, i, f"{share:.0%}", ha="center", va="center", fontsize=5.5, color=ink)
                scales = [f"{scale:g}" for scale in _scales(line)]
                ax.set_xticks(range(len(line)), scales, fontsize=7)
                ax.set_yticks(range(nodes), [str(i + 1) for i in range(nodes)])
            panels[-1].set_xlabel("λ", fontsize=_SMALL)
        every = [ax for panels in axes.values() for ax in panels]
        bar = figure.colorbar(image, ax=every, fraction=0.02, pad=0.01, extend="both")
        decades = range(-_DECADES, _DECADES + 1)
        bar.set_ticks(decades, labels=[readable(10.0**power) for power in decades])
        bar.set_label("narrow / wide", fontsize=_SMALL)
    names = ["block", *(f"curvature_{part}" for part in _QUANTILES), "narrow_smoother_share"]

    def rows(outcome: SweepOutcome) -> list[list[Any]]:
        blocks = zip(outcome.curvature, outcome.smoother, strict=True)
        return [[block, *ratio, share] for block, (ratio, share) in enumerate(blocks, start=1)]

    return Drawing(figure, look, _table(swept_chains(sweep), names, rows))


def _bounds(sweep: Sweep, look: Style) -> Drawing:
    """What is measured, divided by its bound, for the block with the largest ratio."""
    title = (
        "Narrowest cell, Gaussian matrices: measured value / bound for the block with the largest "
        "ratio (median over cells). Above 1 a bound fails"
    )
    labels = [
        f"Theorem {theorem}\nmeasured / bound"
        for theorem in ("4.2: block constants", "4.3: variances")
    ]
    with _panels(sweep, title, labels, look) as (figure, axes):
        for objective, panels in axes.items():
            line = _by_scale(swept_chains(sweep), objective=objective, kind="gaussian")
            for ax, quantity in zip(panels, ("curvature", "variance"), strict=True):
                ax.axhline(1, **_ONE)
                for number, bound in enumerate(line[0].bounds):
                    if bound.quantity == quantity:
                        colour, marker = _BOUNDS[bound.bound]
                        ratios = [max(outcome.bounds[number].ratios) for outcome in line]
                        ax.plot(
                            _scales(line), ratios, color=colour, marker=marker, label=bound.bound,
                            linestyle=_DASHED if bound.published else "-",
                            markersize=5 if bound.published else 3, linewidth=1.2,
                        )  # fmt: skip
                set_log_axis(ax, name_between=False)
                _name_scales(ax, _scales(line))
        every = [ax for panels in axes.values() for ax in panels]
        legend_below(figure, every, columns=8, fontsize=_SMALL)
    names = ["of", "bound", "block", "measured_by_bound_median"]

    def rows(outcome: SweepOutcome) -> list[list[Any]]:
        return [
            [row.quantity, row.bound, row.ratios.index(max(row.ratios)) + 1, max(row.ratios)]
            for row in outcome.bounds
        ]

    return Drawing(figure, look, _table(_select(swept_chains(sweep), kind="gaussian"), names, rows))


def _sizes(sweep: Sweep, look: Style) -> Drawing:
    """The ratios by number of nodes, and by their size."""
    nodes, size = swept_over_depth(sweep)
    title = (
        f"Ratio of the narrowest to the widest cell, Gaussian matrices: by number of nodes "
        f"(size {size}) and by size ({nodes} nodes)"
    )
    chains = [outcome for outcome in _select(sweep.outcomes, kind="gaussian") if outcome.is_chain]
    others = [o for o in chains if (o.setting.nodes, o.setting.size) != (nodes, size)]
    scales = sorted(set(_scales(others)))
    rows = (("nodes", "nodes n", {"size": size}), ("size", "size d of a matrix", {"nodes": nodes}))
    with _panels(sweep, title, ["narrow / wide (median)"] * 2, look) as (figure, axes):
        for objective, panels in axes.items():
            for ax, (name, label, fixed) in zip(panels, rows, strict=True):
                ax.axhline(1, **_ONE)
                for scale, colour, marker in zip(scales, _THREE, _MARKERS, strict=False):
                    line = _select(chains, objective=objective, scale=scale, **fixed)
                    line.sort(key=operator.attrgetter(f"setting.{name}"))
                    places = [getattr(outcome.setting, name) for outcome in line]
                    for quantity, dash, words in zip(
                        _RATIOS, ("-", _DASHED), ("largest constant", "variance"), strict=True
                    ):
                        ax.plot(
                            places, [getattr(outcome, quantity).median for outcome in line],
                            color=colour, linestyle=dash, marker=marker, markersize=3,
                            linewidth=1.2, label=f"λ = {scale:g}, {words}",
                        )  # fmt: skip
                set_log_axis(ax, name_between=False)
                ax.set_xticks(places)
                ax.set_xlabel(label, fontsize=_SMALL)
        legend_below(figure, [next(iter(axes.values()))[0]], fontsize=_SMALL)
    shown = [outcome for outcome in chains if outcome.setting.scale in scales]
    return Drawing(figure, look, _ratios_table(shown))


# ---------------------------------------------------------------- shared


@contextmanager
def _panels(
    sweep: Sweep, title: str, labels: Sequence[str], look: Style, height: float = 2.6
) -> Iterator[tuple[Figure, dict[str, Any]]]:
    """A column of panels for each objective, and a row for each label."""
    objectives = list(dict.fromkeys(outcome.setting.objective for outcome in sweep.outcomes))
    size = (2.9 * len(objectives) + 0.4, height * len(labels) + 0.8)
    with new_figure(look, size, title) as figure:
        axes = figure.subplots(len(labels), len(objectives), squeeze=False)
        for ax in axes.flat:
            ax.tick_params(labelsize=_SMALL)
        for ax, objective in zip(axes[0], objectives, strict=True):
            ax.set_title(objective, fontsize=9)
        for ax, label in zip(axes[:, 0], labels, strict=True):
            ax.set_ylabel(label, fontsize=_SMALL)
        yield figure, dict(zip(objectives, axes.T, strict=True))


def _select(outcomes: Sequence[SweepOutcome], **wanted: Any) -> list[SweepOutcome]:
    """The outcomes of some settings."""
    return [o for o in outcomes if wanted.items() <= vars(o.setting).items()]


def _by_scale(outcomes: Sequence[SweepOutcome], **wanted: Any) -> list[SweepOutcome]:
    """The same in the order of λ."""
    return sorted(_select(outcomes, **wanted), key=lambda outcome: outcome.setting.scale)


def _scales(outcomes: Sequence[SweepOutcome]) -> list[float]:
    return [outcome.setting.scale for outcome in outcomes]


def _name_scales(ax: Any, scales: Sequence[float]) -> None:
    ax.set_xscale("log")
    powers = [scale for scale in scales if np.log2(scale) % 1 == 0]
    ax.set_xticks(powers, [f"{scale:g}" for scale in powers])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("λ, the spectral norm of every matrix", fontsize=_SMALL)


def _end_axis(ax: Any) -> None:
    """End an axis of ratios where they no longer mean much, and say what lies beyond."""
    low, high = ax.get_ylim()
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in ax.get_lines()])
    ax.set_ylim(max(low, _LEAST), min(high, _MOST))
    for beyond, end, word, y, side in (
        (values < _LEAST, _LEAST, "below", 0.03, "bottom"),
        (values > _MOST, _MOST, "above", 0.97, "top"),
    ):
        if beyond.any():
            ax.text(0.5, y, f"some {word} {readable(end)}", transform=ax.transAxes, fontsize=7,
                    ha="center", va=side, color=NOTE)  # fmt: skip


def _ratios_table(outcomes: Sequence[SweepOutcome]) -> bytes:
    names = [f"{name}_{part}" for name in _RATIOS for part in _QUANTILES]
    return _table(outcomes, names, lambda o: [[v for name in _RATIOS for v in getattr(o, name)]])


def _table(
    outcomes: Sequence[SweepOutcome],
    names: Sequence[str],
    rows: Callable[[SweepOutcome], list[list[Any]]],
) -> bytes:
    """Rows of every outcome after its setting; ``scale`` is λ, ratios are narrow by wide.

    Quantiles are over the random cells.
    """
    return csv_bytes(
        [*_SETTING, *names],
        (
            [*(getattr(outcome.setting, name) for name in _SETTING), *row]
            for outcome in outcomes
            for row in rows(outcome)
        ),
    )
