"""Analysis: numbers from records, each a function with its formula. Loads no torch."""

from nascope._src.analysis.convergence import (
    area_under_loss,
    best_test_accuracy,
    epochs_to_loss,
    final_test_accuracy,
    shared_threshold,
)
from nascope._src.analysis.convexity import (
    concavity,
    convex_area,
    convex_radius,
    largest_curvature,
    near_convex,
    roughness,
    second_derivatives,
)
from nascope._src.analysis.intervals import MIN_SEEDS, Estimate, over_seeds
from nascope._src.analysis.measures import (
    DataLevels,
    Levels,
    TrialMeasures,
    measure_study,
    measure_trial,
    shared_levels,
)
from nascope._src.analysis.selection import Candidate, Choice, choices, read_candidates
from nascope._src.analysis.smoothness import (
    GridSummary,
    Smoothness,
    area_below,
    at_centre,
    chance_loss,
    gradient_std,
    over_pairs,
    smoothness_of,
    summarise,
)
from nascope._src.analysis.verdict import Verdict
from nascope._src.analysis.verdicts import too_small, verdicts

__all__ = [
    "MIN_SEEDS",
    "Candidate",
    "Choice",
    "DataLevels",
    "Estimate",
    "GridSummary",
    "Levels",
    "Smoothness",
    "TrialMeasures",
    "Verdict",
    "area_below",
    "area_under_loss",
    "at_centre",
    "best_test_accuracy",
    "chance_loss",
    "choices",
    "concavity",
    "convex_area",
    "convex_radius",
    "epochs_to_loss",
    "final_test_accuracy",
    "gradient_std",
    "largest_curvature",
    "measure_study",
    "measure_trial",
    "near_convex",
    "over_pairs",
    "over_seeds",
    "read_candidates",
    "roughness",
    "second_derivatives",
    "shared_levels",
    "shared_threshold",
    "smoothness_of",
    "summarise",
    "too_small",
    "verdicts",
]
