"""What is to be trained and probed, as data, and the names of its results. Loads no torch."""

from nascope._src.plans.moments import Moment
from nascope._src.plans.probes import CurvaturePlan, ProbePlan
from nascope._src.plans.recipe import RECIPES, SCALES, Recipe

__all__ = ["RECIPES", "SCALES", "CurvaturePlan", "Moment", "ProbePlan", "Recipe"]
