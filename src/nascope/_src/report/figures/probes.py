"""A single probe in print: landscape, gradient variance or curvature of one network."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nascope._src.palette import GROUND, INK, NOTE, VERMILION
from nascope._src.report.figures.grid_panels import GridValues
from nascope._src.report.figures.grids import band_colours, fill_grid, label_bar
from nascope._src.report.figures.scales import LevelScale, asks_for_log, shared_scale
from nascope._src.report.figures.style import STYLES, Drawing, StyleName, new_figure, set_log_axis
from nascope._src.results.metrics.smoothness import gradient_std
from nascope._src.results.metrics.spectrum import spectral_density
from nascope._src.results.quantities import GRIDS
from nascope._src.runtime.types import Arrays, Plain


def draw_probe(
    kind: str, arrays: Arrays, settings: Plain, title: str, *, style: StyleName = "page"
) -> Drawing:
    """Draw a probe's result.

    Args:
        kind: "landscape", "variance" or "curvature".
        settings: what was probed, for the title.
        title: the network's name.
    """
    heading = "Curvature" if kind == "curvature" else GRIDS[kind].heading
    note = "\n".join(
        [f"{_instances(settings)}, BatchNorm {settings['batchnorm']}", *_on_path(kind, arrays)]
    )
    size = (9.0 if kind == "curvature" else 5.4, 4.4)
    with new_figure(STYLES[style], size, f"{heading}: {title}", note) as figure:
        if kind == "curvature":
            _draw_curvature(figure, arrays)
        elif "betas" in arrays:
            _draw_plane(figure, kind, arrays)
        else:
            _draw_line(figure, kind, arrays, settings)
    return Drawing(figure, STYLES[style])


def _instances(settings: Plain) -> str:
    """How many instances were probed, and of a trained network which images, at which moment."""
    count = f"{settings['instances']:,}"
    if "data" not in settings:
        return f"{count} instances"
    return f"{count} {settings['data']} images, {settings['at']}"


def _on_path(kind: str, arrays: Arrays) -> list[str]:
    """Return what to say of a trajectory: how far the plane contains it, and shows its losses."""
    if "path_loss" not in arrays:
        return []
    true, shown = arrays["path_loss"], arrays["projected_loss"]
    worst = int(np.nan_to_num(np.abs(true - shown), nan=-1.0).argmax())
    points = "; points: loss on the path" if kind == "landscape" else ""
    return [
        f"The plane contains {arrays['explained'].sum():.1%} of the path{points}",
        f"Largest difference: loss {true[worst]:.3g} on the path, {shown[worst]:.3g} in the plane",
    ]


def _draw_plane(figure: Figure, kind: str, arrays: Arrays) -> None:
    alphas, betas = arrays["alphas"], arrays["betas"]
    values = arrays["loss"] if kind == "landscape" else gradient_std(arrays["variance"])
    ax = figure.subplots()
    scale = shared_scale([values])
    if scale is None or not np.isfinite(values).any() or min(values.shape) < 2:
        ax.text(0.5, 0.5, "no finite value to draw", ha="center", va="center", color=NOTE)
        ax.set_axis_off()
        return
    filled = fill_grid(ax, kind, GridValues(alphas=alphas, betas=betas, values=values), scale)
    path = arrays.get("trajectory")
    if path is not None:
        ax.plot(*path.T, "-o", color=VERMILION, markersize=4, mec="white", linewidth=1.4)
        if kind == "landscape" and "path_loss" in arrays:
            faces = _colours_on(scale, arrays["path_loss"])
            ax.scatter(
                path[:, 0],
                path[:, 1],
                s=50,
                c=faces,
                edgecolors=VERMILION,
                linewidths=1.4,
                zorder=3,
            )
        ax.annotate("start", path[0], xytext=(5, 5), textcoords="offset points", color=VERMILION)
    ax.plot(0, 0, "+", color="white", markersize=8, markeredgewidth=1.5)
    first, second = arrays.get("explained", (None, None))
    whole = " of the trajectory" if path is not None else ""
    ax.set_xlabel("α" if first is None else f"first direction: {first:.1%}{whole}")
    ax.set_ylabel("β" if second is None else f"second direction: {second:.1%}{whole}")
    if path is None:
        ax.set_aspect("equal", "box")
    label_bar(figure.colorbar(filled, ax=ax, fraction=0.05, pad=0.02), kind, scale)


def _colours_on(scale: LevelScale, losses: np.ndarray) -> list[str]:
    """Return the colours that the map has where it has these losses."""
    bands = band_colours("landscape", scale)
    return [
        bands[int(np.searchsorted(scale.places, place))] if np.isfinite(place) else GROUND
        for place in scale.place(losses)
    ]


def _draw_line(figure: Figure, kind: str, arrays: Arrays, settings: Plain) -> None:
    alphas = arrays["alphas"]
    ax = figure.subplots()
    if kind == "landscape":
        values, error = arrays["loss"], arrays["loss_error"]
        with np.errstate(invalid="ignore"):
            ax.fill_between(alphas, values - 2 * error, values + 2 * error, color=INK, alpha=0.15)
    else:
        values = gradient_std(arrays["variance"])
    ax.plot(alphas, values, color=INK, marker=".", linewidth=1.4)
    for alpha in alphas[~np.isfinite(values)]:
        ax.axvspan(alpha - 0.01, alpha + 0.01, color=VERMILION, alpha=0.4)
    if kind == "landscape" and np.isfinite(arrays["accuracy"]).any():
        right = ax.twinx()
        right.plot(alphas, 100 * arrays["accuracy"], color=VERMILION, linestyle="--", linewidth=1.2)
        right.set_ylabel("Accuracy (%), dashed", color=VERMILION)
        right.set_ylim(0, 100)
        right.spines.right.set_visible(True)
    if asks_for_log(values[np.isfinite(values)].tolist()):
        set_log_axis(ax)
    ax.set_ylabel(GRIDS[kind].axis)
    ax.set_xlabel("α, from this network (0) to the other (1)" if "to" in settings else "α")


def _draw_curvature(figure: Figure, arrays: Arrays) -> None:
    count = 1 + ("lipschitz" in arrays)
    axes = np.atleast_1d(figure.subplots(1, count))
    _draw_spectrum(axes[0], arrays)
    if "lipschitz" in arrays:
        _draw_blocks(axes[1], arrays)


def _draw_spectrum(ax: Any, arrays: Arrays) -> None:
    """The density of the eigenvalues on a logarithmic axis, and marks at the largest ones."""
    values = arrays["eigenvalues"][np.isfinite(arrays["eigenvalues"])]
    if "nodes" in arrays and np.isfinite(arrays["nodes"]).all():
        x, density, width = spectral_density(arrays["nodes"], arrays["weights"])
        ax.plot(x, density, color=INK, linewidth=1.2)
        ax.set_ylim(1e-7, 3 * density.max())
        set_log_axis(ax)
        ax.set_ylabel(f"Density, Gaussian of width {width:.2g}")
    else:
        ax.set_yticks([])
    for value in values:
        ax.axvline(value, ymax=0.06, color=VERMILION, linewidth=1.4)
    ax.set_title("Eigenvalues of the Hessian; the largest ones are marked", fontsize=9)
    ax.set_xlabel("λ (nats per unit of weight²)")


def _draw_blocks(ax: Any, arrays: Arrays) -> None:
    values, names = arrays["lipschitz"], arrays["blocks"]
    places = np.arange(len(values))
    ax.barh(places, np.where(np.isfinite(values), values, 0.0), color=INK, height=0.7)
    if len(values) <= 40:
        ax.set_yticks(places, [str(name) for name in names], fontsize=7)
    ax.invert_yaxis()
    ax.set_title("Block-wise Lipschitz constant of the gradient", fontsize=9)
    ax.set_xlabel("largest |eigenvalue| of the block's Hessian")
