"""The forecast of a probe in a line."""

from __future__ import annotations

from nascope._src.probes.forecast import ProbeForecast
from nascope._src.runtime.progress import duration


def forecast_line(forecast: ProbeForecast) -> str:
    """Say how long a probe will take, and what that rests on.

    >>> from nascope._src.probes.forecast import Work
    >>> forecast_line(ProbeForecast((Work("points", 441, 190.0),), 1000, 64, 2))
    'about 3 min 10 s: 441 points × 1,000 instances on 2 threads, timed on 64 instances'
    """
    works = ", ".join(f"{work.count:,} {work.name}" for work in forecast.works)
    threads = f"{forecast.workers} threads" if forecast.workers > 1 else "1 thread"
    time = f"about {duration(forecast.seconds)}" if forecast.seconds >= 1 else "less than a second"
    return (
        f"{time}: {works} × {forecast.instances:,} instances on {threads}, timed on "
        f"{forecast.timed:,} instances"
    )
