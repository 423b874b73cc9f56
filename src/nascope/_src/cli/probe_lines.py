"""The result of a probe in numbers, and these numbers in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nascope._src.results.metrics.convexity import convex_radius, largest_curvature, roughness
from nascope._src.results.metrics.smoothness import at_centre, gradient_std, summarise
from nascope._src.results.stats.intervals import over_seeds
from nascope._src.runtime.types import Arrays, Plain

Numbers = dict[str, Any]


def probe_numbers(kind: str, arrays: Arrays, settings: Plain) -> Numbers:
    """Return the numbers that ``nascope probe`` prints of a result."""
    numbers = _NUMBERS[kind](arrays)
    return numbers | _path_numbers(arrays, settings) if "trajectory" in arrays else numbers


def probe_lines(kind: str, numbers: Numbers) -> list[str]:
    """Describe these numbers in a few lines."""
    lines = _LINES[kind](numbers)
    return lines + _path_lines(numbers) if "path" in numbers else lines


def radius_line(settings: Plain) -> str:
    """Say which radius "auto" has found, and why."""
    return (
        f"radius {settings['radius']:g}: along the directions the mean loss reaches "
        f"{_number(settings['radius_level'])} there, that of a network whose weights are all 0"
    )


def _axes(arrays: Arrays) -> list[np.ndarray]:
    return [arrays[name] for name in ("alphas", "betas") if name in arrays]


def _centre(axes: list[np.ndarray]) -> tuple[int, ...]:
    """Return the indices of the grid point nearest to the network."""
    return tuple(int(np.abs(axis).argmin()) for axis in axes)


def _landscape_numbers(arrays: Arrays) -> Numbers:
    loss, axes = arrays["loss"], _axes(arrays)
    summary, centre = summarise(loss), _centre(axes)
    numbers: Numbers = {
        "loss": float(loss[centre]),
        "loss_error": float(arrays["loss_error"][centre]),
        "accuracy": float(arrays["accuracy"][centre]),
        "median_loss": summary.median,
        "largest_loss": summary.largest,
        "non_finite_share": summary.non_finite_share,
    }
    if min(loss.shape) >= 3:
        numbers |= {
            "convex_radius": convex_radius(loss, *axes),
            "roughness": roughness(loss, *axes),
            "largest_curvature": largest_curvature(loss, *axes),
        }
    return numbers


def _landscape_lines(n: Numbers) -> list[str]:
    lines = [
        f"loss {_number(n['loss'])} ± {_number(n['loss_error'])} (standard error) and accuracy "
        f"{n['accuracy']:.2%} nearest to the network",
        f"median loss {_number(n['median_loss'])}, largest {_number(n['largest_loss'])}, "
        f"{n['non_finite_share']:.1%} non-finite",
    ]
    if "roughness" in n:
        lines.append(
            f"near-convex radius {_number(n['convex_radius'])}, roughness "
            f"{_number(n['roughness'])}, largest curvature {_number(n['largest_curvature'])} nats "
            "per unit²"
        )
    return lines


def _path_numbers(arrays: Arrays, settings: Plain) -> Numbers:
    names = ("path_loss", "projected_loss", "explained_by_step")
    rows = zip(settings["moments"], *(arrays[name].tolist() for name in names), strict=True)
    keys = ("moment", "loss", "projected_loss", "explained")
    return {
        "explained": float(arrays["explained"].sum()),
        "path": [dict(zip(keys, row, strict=True)) for row in rows],
    }


def _path_lines(n: Numbers) -> list[str]:
    return [
        f"the plane contains {n['explained']:.1%} of the trajectory's squared distance",
        "loss on the path, and at its projection onto the plane:",
        *(
            f"  {step['moment']}: {_number(step['loss'])} and {_number(step['projected_loss'])} "
            f"({step['explained']:.1%} in the plane)"
            for step in n["path"]
        ),
    ]


def _variance_numbers(arrays: Arrays) -> Numbers:
    deviation = gradient_std(arrays["variance"])
    summary, axes = summarise(deviation), _axes(arrays)
    centre = _centre(axes)
    central = deviation[centre] if len(axes) == 1 else at_centre(deviation, axes[0], axes[1])
    with np.errstate(invalid="ignore"):  # shares of a variance of 0 are NaN
        shares = arrays["block_variance"][centre] / arrays["variance"][centre]
    return {
        "gradient_std": float(central),
        "mean_gradient_norm": float(arrays["mean_gradient_norm"][centre]),
        "mean_gradient_std": summary.mean,
        "lower_decile": summary.lower_decile,
        "upper_decile": summary.upper_decile,
        "non_finite_share": summary.non_finite_share,
        "block_shares": {
            str(block): float(share) for block, share in zip(arrays["blocks"], shares, strict=True)
        },
    }


def _variance_lines(n: Numbers) -> list[str]:
    return [
        f"nearest to the network: standard deviation of the gradient {_number(n['gradient_std'])}, "
        f"norm of the mean gradient {_number(n['mean_gradient_norm'])}",
        f"over the grid: mean {_number(n['mean_gradient_std'])}, deciles "
        f"{_number(n['lower_decile'])} and {_number(n['upper_decile'])}, "
        f"{n['non_finite_share']:.1%} non-finite",
        "largest shares of the variance nearest to the network: "
        + ", ".join(f"{block} {share:.1%}" for block, share in _largest(n["block_shares"])),
    ]


def _curvature_numbers(arrays: Arrays) -> Numbers:
    numbers: Numbers = {
        "eigenvalues": arrays["eigenvalues"].tolist(),
        "residuals": arrays["residuals"].tolist(),
        "smallest_eigenvalue": float(arrays["smallest"]),
        "smallest_residual": float(arrays["smallest_residual"]),
    }
    if "trace_samples" in arrays:
        trace = over_seeds(arrays["trace_samples"].tolist())
        numbers |= {
            "trace": trace.mean,
            "trace_low": trace.low,
            "trace_high": trace.high,
            "trace_vectors": trace.seeds,
        }
    if "lipschitz" in arrays:
        constants = zip(arrays["blocks"], arrays["lipschitz"], strict=True)
        numbers["block_lipschitz"] = {str(block): float(value) for block, value in constants}
    if "along_first" in arrays:
        both = np.concatenate([arrays["along_first"].ravel(), arrays["along_second"].ravel()])
        finite = both[np.isfinite(both)]
        if finite.size:
            numbers |= {
                "median_lipschitz": float(np.median(finite)),
                "largest_lipschitz": float(finite.max()),
            }
    return numbers


def _curvature_lines(n: Numbers) -> list[str]:
    pairs = zip(n["eigenvalues"], n["residuals"], strict=True)
    lines = [
        "largest eigenvalues (residual): "
        + ", ".join(f"{_number(value)} ({_number(residual)})" for value, residual in pairs),
        f"smallest eigenvalue {_number(n['smallest_eigenvalue'])} "
        f"({_number(n['smallest_residual'])})",
    ]
    if "trace" in n:
        interval = ""
        if n["trace_low"] is not None and n["trace_high"] is not None:
            interval = f", 95 % interval {_number(n['trace_low'])} … {_number(n['trace_high'])}"
        lines.append(f"trace {_number(n['trace'])}{interval}, {n['trace_vectors']} random vectors")
    if "block_lipschitz" in n:
        lines.append(
            "largest block-wise Lipschitz constants: "
            + ", ".join(f"{block} {_number(v)}" for block, v in _largest(n["block_lipschitz"]))
        )
    if "median_lipschitz" in n:
        lines.append(
            "gradient's Lipschitz constant between grid points: median "
            f"{_number(n['median_lipschitz'])}, largest {_number(n['largest_lipschitz'])}"
        )
    return lines


_NUMBERS: Mapping[str, Callable[[Arrays], Numbers]] = {
    "landscape": _landscape_numbers,
    "variance": _variance_numbers,
    "curvature": _curvature_numbers,
}
_LINES: Mapping[str, Callable[[Numbers], list[str]]] = {
    "landscape": _landscape_lines,
    "variance": _variance_lines,
    "curvature": _curvature_lines,
}


def _largest(by_block: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the three blocks with the largest values."""
    return sorted(by_block.items(), key=lambda item: (item[1], item[0]), reverse=True)[:3]


def _number(value: float) -> str:
    return f"{value:.4g}"
