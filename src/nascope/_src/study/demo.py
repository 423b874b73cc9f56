"""The demonstration: DARTS' cell against random variants of it, on real handwritten digits."""

from __future__ import annotations

from nascope._src.probes.settings import ProbePlan
from nascope._src.study.definition import DataRequest, Part, Study, plan_cells
from nascope._src.training.recipe import Recipe


def demo_study(*, seed: int = 0, variants: int = 4) -> Study:
    """DARTS and random variants: curves, landscapes and gradient variances in minutes.

    Args:
        seed: of all randomness: variants, weights, order of images, directions.
        variants: how many.
    """
    draws = [seed * 1000 + k for k in range(1, variants + 1)]
    part = Part(
        cells=plan_cells(["DARTS"], seeds=draws),
        recipe=Recipe(channels=8, layers=5, epochs=12, batch_size=64),
        data=(DataRequest("digits"),),
        seeds=(seed,),
        probes=(
            ProbePlan("landscape", points=21, seed=seed),
            ProbePlan("variance", points=11, seed=seed),
        ),
    )
    return Study("demo", (part,))
