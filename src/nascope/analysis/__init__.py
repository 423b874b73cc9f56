"""Analysis: numbers from records, each a function with its formula. Loads no torch."""

from nascope.analysis.convergence import (
    area_under_loss,
    best_test_accuracy,
    epochs_to_loss,
    final_test_accuracy,
    shared_threshold,
)
from nascope.analysis.intervals import MIN_SEEDS, Estimate, over_seeds
from nascope.analysis.measures import (
    Levels,
    TrialMeasures,
    measure_study,
    measure_trial,
    shared_levels,
)
from nascope.analysis.smoothness import (
    GridSummary,
    area_below,
    at_centre,
    chance_loss,
    gradient_std,
    summarise,
)

__all__ = [
    "MIN_SEEDS",
    "Estimate",
    "GridSummary",
    "Levels",
    "TrialMeasures",
    "area_below",
    "area_under_loss",
    "at_centre",
    "best_test_accuracy",
    "chance_loss",
    "epochs_to_loss",
    "final_test_accuracy",
    "gradient_std",
    "measure_study",
    "measure_trial",
    "over_seeds",
    "shared_levels",
    "shared_threshold",
    "summarise",
]
