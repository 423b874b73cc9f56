"""The result of a probe in a few lines."""

from __future__ import annotations

import numpy as np

from nascope._src.results.metrics.convexity import convex_radius, largest_curvature, roughness
from nascope._src.results.metrics.smoothness import at_centre, gradient_std, summarise
from nascope._src.results.stats.intervals import over_seeds
from nascope._src.runtime.types import Arrays


def _axes(arrays: Arrays) -> list[np.ndarray]:
    return [arrays[name] for name in ("alphas", "betas") if name in arrays]


def landscape_lines(arrays: Arrays) -> list[str]:
    """Describe a landscape in numbers (docs/guides/smoothness.md)."""
    loss, axes = arrays["loss"], _axes(arrays)
    summary = summarise(loss)
    centre = tuple(int(np.abs(axis).argmin()) for axis in axes)
    lines = [
        f"loss {_number(float(loss[centre]))} ± {_number(float(arrays['loss_error'][centre]))} "
        f"(standard error) and accuracy {arrays['accuracy'][centre]:.2%} nearest to the network",
        f"median loss {_number(summary.median)}, largest {_number(summary.largest)}, "
        f"{summary.non_finite_share:.1%} non-finite",
    ]
    if min(loss.shape) >= 3:
        lines.append(
            f"near-convex radius {_number(convex_radius(loss, *axes))}, roughness "
            f"{_number(roughness(loss, *axes))}, largest curvature "
            f"{_number(largest_curvature(loss, *axes))} nats per unit²"
        )
    if "explained" in arrays:
        share = arrays["explained"].sum()
        lines.append(f"the plane contains {share:.1%} of the trajectory's squared distance")
    return lines


def variance_lines(arrays: Arrays) -> list[str]:
    """Describe a gradient variance in numbers."""
    deviation = gradient_std(arrays["variance"])
    summary = summarise(deviation)
    axes = _axes(arrays)
    centre = tuple(int(np.abs(axis).argmin()) for axis in axes)
    with np.errstate(invalid="ignore"):  # shares of a variance of 0 are NaN
        shares = arrays["block_variance"][centre] / arrays["variance"][centre]
    largest = sorted(zip(shares, arrays["blocks"], strict=True), reverse=True)[:3]
    central = deviation[centre] if len(axes) == 1 else at_centre(deviation, axes[0], axes[1])
    return [
        f"nearest to the network: standard deviation of the gradient {_number(float(central))}, "
        f"norm of the mean gradient {_number(float(arrays['mean_gradient_norm'][centre]))}",
        f"over the grid: mean {_number(summary.mean)}, deciles {_number(summary.lower_decile)} and "
        f"{_number(summary.upper_decile)}, {summary.non_finite_share:.1%} non-finite",
        "largest shares of the variance nearest to the network: "
        + ", ".join(f"{name} {share:.1%}" for share, name in largest),
    ]


def curvature_lines(arrays: Arrays) -> list[str]:
    """Describe a curvature probe in numbers."""
    pairs = zip(arrays["eigenvalues"], arrays["residuals"], strict=True)
    lines = [
        "largest eigenvalues (residual): "
        + ", ".join(f"{_number(v)} ({_number(r)})" for v, r in pairs),
        f"smallest eigenvalue {_number(float(arrays['smallest']))} "
        f"({_number(float(arrays['smallest_residual']))})",
    ]
    if "trace_samples" in arrays:
        trace = over_seeds(arrays["trace_samples"].tolist())
        interval = (
            f", 95 % interval {_number(trace.low)} … {_number(trace.high)}"
            if trace.low is not None and trace.high is not None
            else ""
        )
        lines.append(f"trace {_number(trace.mean)}{interval}, {trace.seeds} random vectors")
    if "lipschitz" in arrays:
        blocks = zip(arrays["lipschitz"], arrays["blocks"], strict=True)
        lines.append(
            "largest block-wise Lipschitz constants: "
            + ", ".join(
                f"{name} {_number(value)}" for value, name in sorted(blocks, reverse=True)[:3]
            )
        )
    if "along_first" in arrays:
        both = np.concatenate([arrays["along_first"].ravel(), arrays["along_second"].ravel()])
        finite = both[np.isfinite(both)]
        if finite.size:
            lines.append(
                f"gradient's Lipschitz constant between grid points: median "
                f"{_number(float(np.median(finite)))}, largest {_number(float(finite.max()))}"
            )
    return lines


def _number(value: float) -> str:
    return f"{value:.4g}"
