"""Studies: cells and their variants, trained and probed under the same recipe, resumably."""

from typing import TYPE_CHECKING

from nascope._src.lazy import lazily

if TYPE_CHECKING:
    from nascope._src.plans.probes import CurvaturePlan, ProbePlan
    from nascope._src.study.run import run_study
    from nascope._src.study.study import DataRequest, Part, Study, plan_cells
    from nascope._src.study.study_file import read_study_file

__all__ = [
    "CurvaturePlan",
    "DataRequest",
    "Part",
    "ProbePlan",
    "Study",
    "plan_cells",
    "read_study_file",
    "run_study",
]

__getattr__ = lazily(
    __name__,
    {
        "CurvaturePlan": "nascope._src.plans.probes",
        "DataRequest": "nascope._src.study.study",
        "Part": "nascope._src.study.study",
        "ProbePlan": "nascope._src.plans.probes",
        "Study": "nascope._src.study.study",
        "plan_cells": "nascope._src.study.study",
        "read_study_file": "nascope._src.study.study_file",
        "run_study": "nascope._src.study.run",
    },
)
