"""What the commands that judge the paper print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nascope._src.reproduce.run import DrawnFigure
    from nascope._src.results.metrics.smoothness import Smoothness


def figure_lines(drawn: DrawnFigure) -> list[str]:
    """Return a target's title, its files, and what the paper shows next to what came out."""
    lines = [f"{drawn.figure.target.name}: {drawn.figure.title}"]
    suffixes: dict[Path, list[str]] = {}
    for path in drawn.paths:
        suffixes.setdefault(path.with_suffix(""), []).append(path.suffix)
    for stem, (first, *others) in suffixes.items():
        lines.append(f"  {stem}{first}" + (f" ({', '.join(others)})" if others else ""))
    if drawn.page is not None:
        lines.append(f"  {drawn.page}")
    for heading, texts in (
        ("paper", (drawn.figure.paper,)),
        ("here", drawn.here),
        ("agreement", drawn.agreement),
    ):
        for place, text in enumerate(texts):
            lines.append(f"  {heading if place == 0 else '':<11}{text}")
    return lines


def smoothness_lines(measured: Mapping[Path, Smoothness]) -> list[str]:
    """Return the measures of each landscape, and means with intervals if there are several."""
    from nascope._src.results.metrics.smoothness import over_pairs

    lines = []
    for path, numbers in measured.items():
        lines.append(str(path))
        lines += [
            f"  {name.replace('_', ' '):18} {value:.4g}"
            for name, value in asdict(numbers).items()
            if not isnan(value)  # without a level, there is no area below it
        ]
    if len(measured) > 1:
        lines.append(f"mean of {len(measured)}")
        for name, mean in over_pairs(list(measured.values())).items():
            interval = (
                f"  95 % interval {mean.low:.4g} … {mean.high:.4g}" if mean.low is not None else ""
            )
            if not isnan(mean.mean):
                lines.append(f"  {name.replace('_', ' '):18} {mean.mean:.4g}{interval}")
    return lines
