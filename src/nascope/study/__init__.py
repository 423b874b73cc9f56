"""Studies: cells and their variants, trained and probed under the same recipe, resumably."""

from typing import TYPE_CHECKING

from nascope.lazy import lazily

if TYPE_CHECKING:
    from nascope.plans.probes import CurvaturePlan, ProbePlan
    from nascope.study.run import run_study
    from nascope.study.study import DataRequest, Part, Study, plan_cells
    from nascope.study.study_file import read_study_file

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
        "CurvaturePlan": "nascope.plans.probes",
        "DataRequest": "nascope.study.study",
        "Part": "nascope.study.study",
        "ProbePlan": "nascope.plans.probes",
        "Study": "nascope.study.study",
        "plan_cells": "nascope.study.study",
        "read_study_file": "nascope.study.study_file",
        "run_study": "nascope.study.run",
    },
)
