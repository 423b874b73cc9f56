"""The demonstration: DARTS' cell against random variants of it, on handwritten digits."""

from __future__ import annotations

import dataclasses

from nascope._src.data.request import DataRequest
from nascope._src.probes.settings import LandscapeSettings, VarianceSettings
from nascope._src.study.definition import Part, StudyDefinition, plan_cells
from nascope._src.study.scales import SCALES


def demo_study(*, seed: int = 0, variants: int = 4) -> StudyDefinition:
    """Return a study of DARTS and random variants: curves, landscapes and gradient variances.

    It runs in minutes: scale ``tiny`` with twice the channels.

    Args:
        seed: random seed of variants, weights, order of images and directions.
        variants: number of variants.
    """
    tiny = SCALES["tiny"]
    part = Part(
        cells=plan_cells(["DARTS"], seeds=[seed * 1000 + k for k in range(1, variants + 1)]),
        recipe=dataclasses.replace(tiny.recipe(), channels=8),
        data=(DataRequest(tiny.dataset),),
        seeds=(seed,),
        probes=(LandscapeSettings(seed=seed), VarianceSettings(seed=seed)),
    )
    return StudyDefinition("demo", (part,))
