"""Figures of the theory: narrow beside wide linear cells, bounds beside what they bound, and λ of
trained networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nascope._src.records.files import write_bytes
from nascope._src.report.figures.pictures import png
from nascope._src.results.text.numbers import readable
from nascope._src.runtime.types import Plain
from nascope._src.theory.comparison_result import Sweep, SweepOutcome
from nascope._src.theory.summaries import norms_and_gains, swept_over_depth

_INK = "#1f2937"
_DEPTHS = ("#4db2ee", "#0072b2", "#00315f")  # light to dark: from wide to narrow
_ORANGE = "#c25400"
_VIOLET = "#7151b3"
_THREE = ("#0072b2", "#8f6400", "#b34d86")
_MARKERS = ("o", "s", "D", "^", "v")
_DASHES = {"gaussian": "-", "orthogonal": (0, (4, 2))}
_DIVERGING = LinearSegmentedColormap.from_list(
    "smoother", ["#00476f", "#4f9cc8", "#f7f7f7", "#e08a4a", "#8a3b00"]
)
_LOOKS: dict[str, tuple[str, str]] = {  # of a bound, in every panel; theorems' alike look alike
    "separable": (_THREE[2], "D"),
    "convex": (_THREE[0], "o"),
    "squared sum": (_THREE[0], "o"),
    "convex, counted": (_THREE[1], "s"),
    "counted": (_THREE[1], "s"),
    "coupled": ("#00805c", "^"),
    "as published": (_VIOLET, "x"),  # as in Figure 8
    "as published, at the weights": (_VIOLET, "+"),
}
_LEAST, _MOST = 1e-4, 1e8  # where the axes of ratios end
_DECADES = 3  # beyond a factor of 1,000 the colours of a map stay the same
_ONE = {"color": _INK, "linewidth": 0.8, "linestyle": ":"}


def write_figures(folder: Path, figures: Mapping[str, Figure]) -> list[Path]:
    """Write figures as ``theory-NAME.png``."""
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"theory-{name}.png")
        write_bytes(paths[-1], png(figure, dpi=160))
    return paths


def sweep_figures(sweep: Sweep) -> dict[str, Figure]:
    """By name: ``regimes``, ``blocks``, ``bounds`` and ``sizes``."""
    return {
        "regimes": _regimes(sweep),
        "blocks": _blocks(sweep),
        "bounds": _bounds(sweep),
        "sizes": _sizes(sweep),
    }


def _objectives(outcomes: Sequence[SweepOutcome]) -> list[str]:
    return list(dict.fromkeys(outcome.setting.objective for outcome in outcomes))


def _select(outcomes: Sequence[SweepOutcome], **wanted: Any) -> list[SweepOutcome]:
    """Outcomes whose setting has the values wanted, by scale."""
    found = [
        outcome
        for outcome in outcomes
        if all(getattr(outcome.setting, name) == value for name, value in wanted.items())
    ]
    return sorted(found, key=lambda outcome: outcome.setting.scale)


def _scales(outcomes: Sequence[SweepOutcome]) -> list[float]:
    return [outcome.setting.scale for outcome in outcomes]


def _name_scale_axis(ax: Any, scales: Sequence[float]) -> None:
    ax.set_xscale("log")
    ax.set_xticks([scale for scale in scales if np.log2(scale) % 1 == 0])
    ax.set_xticklabels([f"{scale:g}" for scale in scales if np.log2(scale) % 1 == 0])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("λ, the spectral norm of every matrix", fontsize=8)


def _sheet(rows: int, columns: int, title: str, height: float = 2.6) -> tuple[Figure, Any]:
    figure = Figure(figsize=(2.9 * columns + 0.4, height * rows + 0.8), layout="constrained")
    figure.suptitle(title, fontsize=10, color=_INK)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.tick_params(labelsize=8)
    return figure, axes


def _log_ratios(ax: Any) -> None:
    ax.set_yscale("log")
    # Written out, since matplotlib's own powers are drawn as formulas, which names forbid in print.
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _legend_below(figure: Figure, *axes: Any) -> None:
    """Each label of some panels once."""
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(), handles.keys(),
        loc="outside lower center", ncols=8 if len(handles) > 6 else 6, fontsize=8, frameon=False,
    )  # fmt: skip


def _end_axis(ax: Any) -> None:
    """End an axis of ratios where they stop to mean something, and say what lies beyond."""
    low, high = ax.get_ylim()
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in ax.get_lines()])
    ax.set_ylim(max(low, _LEAST), min(high, _MOST))
    for beyond, end, word, y, side in (
        (values < _LEAST, _LEAST, "below", 0.03, "bottom"),
        (values > _MOST, _MOST, "above", 0.97, "top"),
    ):
        if beyond.any():
            ax.text(0.5, y, f"some {word} {readable(end)}", transform=ax.transAxes, fontsize=7,
                    ha="center", va=side, color="#555555")  # fmt: skip


def _regimes(sweep: Sweep) -> Figure:
    outcomes = sweep.outcomes
    nodes, size = swept_over_depth(sweep)
    objectives = _objectives(outcomes)
    figure, axes = _sheet(
        2,
        len(objectives),
        f"Narrow by wide, the same matrices: {nodes} nodes of size {size}. "
        "Above 1 the wide cell is smoother, below 1 the narrow one",
    )
    rows = (
        ("largest_curvature", "largest block constant"),
        ("total_variance", "gradient variance"),
    )
    for column, objective in enumerate(objectives):
        for row, (quantity, label) in enumerate(rows):
            ax = axes[row, column]
            ax.axhline(1, **_ONE)
            for kind, dash in _DASHES.items():
                for depth, colour, marker in zip(
                    range(2, nodes + 1), _DEPTHS, _MARKERS, strict=False
                ):
                    line = _select(
                        outcomes,
                        objective=objective, kind=kind, depth=depth, nodes=nodes, size=size,
                    )  # fmt: skip
                    scales = _scales(line)
                    low, middle, high = np.array([getattr(outcome, quantity) for outcome in line]).T
                    ax.plot(
                        scales, middle, linestyle=dash, color=colour, marker=marker, markersize=3,
                        linewidth=1.2, label=f"depth {depth}, {kind}",
                    )  # fmt: skip
                    if depth == nodes:
                        ax.fill_between(scales, low, high, color=colour, alpha=0.12, linewidth=0)
            _log_ratios(ax)
            _end_axis(ax)
            _name_scale_axis(ax, scales)
            if column == 0:
                ax.set_ylabel(f"{label},\nnarrow / wide (median)", fontsize=8)
            if row == 0:
                ax.set_title(objective, fontsize=9)
    _legend_below(figure, axes[0, 0])
    return figure


def _blocks(sweep: Sweep) -> Figure:
    """Each block of the narrowest cell: how much smoother or rougher it is than in the widest."""
    outcomes = sweep.outcomes
    nodes, size = swept_over_depth(sweep)
    objectives = _objectives(outcomes)
    figure, axes = _sheet(
        2,
        len(objectives),
        "Each block of the narrowest cell by the same block of the widest: median ratio of their "
        "constants, and the share of cells where the narrow one is smoother",
        height=2.3,
    )
    norm = TwoSlopeNorm(0, -_DECADES, _DECADES)
    image: Any = None
    for column, objective in enumerate(objectives):
        for row, kind in enumerate(_DASHES):
            ax = axes[row, column]
            line = _select(
                outcomes, objective=objective, kind=kind, depth=nodes, nodes=nodes, size=size
            )
            medians = np.array([[block.median for block in outcome.curvature] for outcome in line])
            shares = np.array([outcome.smoother for outcome in line]).T
            values = np.log10(np.maximum(medians.T, 1e-300)).clip(-_DECADES, _DECADES)
            image = ax.imshow(values, cmap=_DIVERGING, norm=norm, aspect="auto")
            for (i, j), share in np.ndenumerate(shares):
                ink = "white" if abs(values[i, j]) > 1.6 else _INK
                ax.text(j, i, f"{share:.0%}", ha="center", va="center", fontsize=5.5, color=ink)
            ax.set_xticks(range(len(line)), [f"{scale:g}" for scale in _scales(line)], fontsize=7)
            ax.set_yticks(range(nodes), [str(i + 1) for i in range(nodes)])
            if row == 0:
                ax.set_title(objective, fontsize=9)
            else:
                ax.set_xlabel("λ", fontsize=8)
            if column == 0:
                ax.set_ylabel(f"{kind}\nblock i", fontsize=8)
    bar = figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01, extend="both")
    decades = range(-_DECADES, _DECADES + 1)
    bar.set_ticks(decades, labels=[readable(10.0**power) for power in decades])
    bar.set_label("narrow / wide", fontsize=8)
    return figure


def _bounds(sweep: Sweep) -> Figure:
    """What is measured by its bound, for the block where it comes nearest."""
    outcomes = sweep.outcomes
    nodes, size = swept_over_depth(sweep)
    objectives = _objectives(outcomes)
    figure, axes = _sheet(
        2,
        len(objectives),
        "Narrowest cell, Gaussian matrices: measured by bound, the block with the largest ratio "
        "(median over cells). Above 1 a bound fails",
    )
    for column, objective in enumerate(objectives):
        line = _select(
            outcomes, objective=objective, kind="gaussian", depth=nodes, nodes=nodes, size=size
        )
        scales = _scales(line)
        for row, quantity in enumerate(("curvature", "variance")):
            ax = axes[row, column]
            ax.axhline(1, **_ONE)
            for number, bound in enumerate(line[0].bounds):
                if bound.quantity != quantity:
                    continue
                colour, marker = _LOOKS[bound.bound]
                ax.plot(
                    scales,
                    [max(outcome.bounds[number].ratios) for outcome in line],
                    color=colour,
                    linestyle=_DASHES["orthogonal"] if bound.published else "-",
                    marker=marker,
                    markersize=5 if bound.published else 3,
                    linewidth=1.2,
                    label=bound.bound,
                )
            _log_ratios(ax)
            _name_scale_axis(ax, scales)
            if column == 0:
                theorem = "4.2: block constants" if quantity == "curvature" else "4.3: variances"
                ax.set_ylabel(f"Theorem {theorem}\nmeasured / bound", fontsize=8)
            if row == 0:
                ax.set_title(objective, fontsize=9)
    _legend_below(figure, *axes.flat)
    return figure


def _sizes(sweep: Sweep) -> Figure:
    """Over the number of nodes, and over their size."""
    outcomes = sweep.outcomes
    nodes, size = swept_over_depth(sweep)
    objectives = _objectives(outcomes)
    figure, axes = _sheet(
        2,
        len(objectives),
        f"Narrowest by widest cell, Gaussian matrices: over nodes (size {size}) and over size "
        f"({nodes} nodes)",
    )
    chains = [
        outcome for outcome in outcomes if outcome.setting.kind == "gaussian" and outcome.is_chain
    ]
    fewest = [outcome for outcome in chains if outcome.setting.nodes != nodes]
    scales = sorted({outcome.setting.scale for outcome in fewest})
    for column, objective in enumerate(objectives):
        for row, (name, fixed) in enumerate(
            (("nodes", {"size": size}), ("size", {"nodes": nodes}))
        ):
            ax = axes[row, column]
            ax.axhline(1, **_ONE)
            for scale, colour, marker in zip(scales, _THREE, _MARKERS, strict=False):
                line = sorted(
                    _select(chains, objective=objective, scale=scale, **fixed),
                    key=lambda outcome: getattr(outcome.setting, name),
                )
                places = [getattr(outcome.setting, name) for outcome in line]
                for quantity, dash, label in (
                    ("largest_curvature", "-", "largest constant"),
                    ("total_variance", (0, (4, 2)), "variance"),
                ):
                    ax.plot(
                        places,
                        [getattr(outcome, quantity).median for outcome in line],
                        color=colour, linestyle=dash, marker=marker, markersize=3, linewidth=1.2,
                        label=f"λ = {scale:g}, {label}",
                    )  # fmt: skip
            _log_ratios(ax)
            ax.set_xticks(places)
            ax.set_xlabel("nodes n" if name == "nodes" else "size d of a matrix", fontsize=8)
            if column == 0:
                ax.set_ylabel("narrow / wide (median)", fontsize=8)
            if row == 0:
                ax.set_title(objective, fontsize=9)
    _legend_below(figure, axes[0, 0])
    return figure


def network_figures(networks: Sequence[Plain]) -> dict[str, Figure]:
    """``networks``: λ of each network's weights and edges, at its beginning and its end."""
    rows = [
        (f"{network['label']}, {at}", own)
        for network in networks
        for at, own in network["moments"].items()
    ]
    figure = Figure(figsize=(11, 0.3 * len(rows) + 1.9), layout="constrained")
    figure.suptitle(
        "λ of trained networks: the spectral norm, and the gain ‖·‖_F/√n of a random input. "
        "Points are single weights or edges, bars medians",
        fontsize=10,
        color=_INK,
    )
    panels = (
        ("weights as stored", "weights"),
        ("weights with their BatchNorm", "batchnorm"),
        ("edges with weights, at real images", "edges"),
    )
    axes = figure.subplots(1, len(panels), sharey=True)
    for ax, (title, which) in zip(axes, panels, strict=True):
        ax.axvline(1, **_ONE)
        for place, (_, own) in enumerate(rows):
            pairs = norms_and_gains(own, which)
            for offset, part, colour, marker in (
                (-0.15, 0, _THREE[0], "o"),
                (0.18, 1, _ORANGE, "D"),
            ):
                known = [pair[part] for pair in pairs if pair[part] > 0]
                ax.plot(
                    known, [place + offset] * len(known), marker, color=colour, markersize=2.2,
                    alpha=0.35, markeredgewidth=0,
                )  # fmt: skip
                if known:
                    middle = float(np.median(known))
                    ax.plot([middle] * 2, [place + offset - 0.15, place + offset + 0.15],
                            color=colour, linewidth=2)  # fmt: skip
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_title(title, fontsize=9)
        ax.tick_params(labelsize=8)
        ax.set_xlabel("λ or gain", fontsize=8)
    axes[0].set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    for label in axes[0].get_yticklabels():
        label.set_parse_math(False)  # a name with a dollar sign is a name
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    handles = [
        axes[0].plot([], [], marker, color=colour, label=label)[0]
        for marker, colour, label in (("o", _THREE[0], "spectral norm λ"), ("D", _ORANGE, "gain"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return {"networks": figure}
