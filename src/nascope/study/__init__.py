"""Studies: cells and their variants, trained and probed under the same recipe, resumably."""

from nascope.study.plans import CurvaturePlan, ProbePlan
from nascope.study.run import run_study
from nascope.study.study import Study, read_study_file

__all__ = ["CurvaturePlan", "ProbePlan", "Study", "read_study_file", "run_study"]
