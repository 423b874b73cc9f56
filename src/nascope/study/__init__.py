"""Studies: cells and their variants, trained and probed under the same recipe, resumably."""

from nascope.study.plans import CurvaturePlan, ProbePlan
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
