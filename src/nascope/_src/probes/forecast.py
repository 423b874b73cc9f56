"""Forecast how long a probe takes, from the time of a small piece of its own work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascope._src.probes.chunks import CHUNK, num_chunks
from nascope._src.probes.gradient_variance import gradient_moments
from nascope._src.probes.hessian import HessianProduct, expected_products
from nascope._src.probes.lipschitz import cell_blocks, matrix_blocks
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.plane import Plane
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import (
    CurvatureSettings,
    GridSettings,
    ProbeSettings,
    VarianceSettings,
)
from nascope._src.runtime.threads import map_copies

_GRADIENTS_PER_POINT = 2.3  # of a grid: its own, and those of neighbours that are not kept
_TIMED_BLOCKS = 3  # the first, the middle and the last one


@dataclass(frozen=True)
class Work:
    """A kind of work that a probe repeats.

    Attributes:
        name: What it is, in the plural.
        count: How often it is done.
        seconds: Wall-clock time of all of it.
    """

    name: str
    count: int
    seconds: float


@dataclass(frozen=True)
class ProbeForecast:
    """What a probe will take, and what that rests on.

    Attributes:
        works: What it does, one after another.
        instances: Number of instances that each work goes through.
        timed: Number of instances, the first batch, on which each kind of work was timed.
        workers: Number of threads.
    """

    works: tuple[Work, ...]
    instances: int
    timed: int
    workers: int

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole probe, without checks and input or output."""
        return math.fsum(work.seconds for work in self.works)


def forecast_probe(
    risk: Risk, settings: ProbeSettings, plane: Plane | None = None, *, workers: int = 1
) -> ProbeForecast:
    """Time each kind of work on the first batch, on all threads at once, and extrapolate.

    A batch's time is assumed to be proportional to its instances, and equal at all points. The
    number of products that the eigenvalues need is a guess. Finished chunks of an earlier run are
    not subtracted.

    Args:
        risk: The risk, at the weights to examine.
        settings: What will be computed.
        plane: Directions and grid; only probes on a grid need one.
        workers: Number of threads.

    Raises:
        ProbeError: The model or the loss fails.
    """
    first = risk.restricted(risk.slices()[0])
    if isinstance(settings, CurvatureSettings):
        works = tuple(_curvature_works(risk, first, settings, workers))
    else:
        assert isinstance(settings, GridSettings)
        assert plane is not None
        works = (_points(risk, first, settings, plane, workers),)
    return ProbeForecast(works, len(risk), len(first), workers)


def _points(risk: Risk, first: Risk, settings: GridSettings, plane: Plane, workers: int) -> Work:
    point = plane.grid.points[0]
    method = choose_method(first).name if isinstance(settings, VarianceSettings) else ""

    def move(risk: Risk) -> None:
        risk.displace(plane.directions, point)

    def measure(risk: Risk) -> None:
        if method:
            gradient_moments(risk, method, point)
        else:
            risk.loss()

    count = len(plane.grid.points)
    batches = len(risk) / len(first)
    seconds = _seconds(first, move, workers) + batches * _seconds(first, measure, workers)
    longest = min(count, math.ceil(num_chunks(count) / workers) * CHUNK)  # of one thread
    return Work("points", count, longest * seconds)


def _curvature_works(
    risk: Risk, first: Risk, settings: CurvatureSettings, workers: int
) -> Iterator[Work]:
    batches = len(risk) / len(first)
    rounds = math.ceil(len(risk.slices()) / workers) if workers > 1 else batches
    product = _product_seconds(first, None, workers)
    count = expected_products(settings.top) + settings.vectors * settings.steps
    yield Work("Hessian-vector products", count, count * rounds * product)
    if settings.blocks != "none":
        blocks = list((cell_blocks if settings.blocks == "cells" else matrix_blocks)(risk).values())
        places = {round(share * (len(blocks) - 1) / 2) for share in range(_TIMED_BLOCKS)}
        times = [_product_seconds(first, blocks[place], workers) for place in sorted(places)]
        longest = math.ceil(len(blocks) / workers) * settings.block_steps  # of one thread
        count = len(blocks) * settings.block_steps
        yield Work("products of blocks", count, longest * batches * float(np.mean(times)))
    if settings.points:
        count = round(_GRADIENTS_PER_POINT * settings.points**2)
        seconds = _seconds(first, lambda risk: risk.gradient(), workers)
        yield Work("gradients", count, math.ceil(count / workers) * batches * seconds)


def _product_seconds(first: Risk, names: list[str] | None, workers: int) -> float:
    def multiply(risk: Risk) -> None:
        product = HessianProduct(risk, 1, names)
        product(np.ones(product.size))

    return _seconds(first, multiply, workers)


def _seconds(first: Risk, work: Callable[[Risk], Any], workers: int) -> float:
    """Return the time of some work if all threads do it at once, after one for warming up."""

    def time_once(risk: Risk, _: int) -> float:
        start = time.perf_counter()
        work(risk)
        return time.perf_counter() - start

    times = list(map_copies(first, range(2 * workers), time_once, workers=workers))
    return float(np.mean(times[workers:]))
