"""Reproducing the paper: a figure or table → trainings and probes → figure, words and verdict.

The driver loads no torch.
"""

from nascope._src.reproduce.carry_out import Result, draw_questions, run_questions
from nascope._src.reproduce.questions import Options, Question, Questions, ask
from nascope._src.reproduce.scales import REPRODUCTION_SCALES, ReproductionScale, reproduction_scale
from nascope._src.reproduce.targets import TARGETS, Target, targets_of

__all__ = [
    "REPRODUCTION_SCALES",
    "TARGETS",
    "Options",
    "Question",
    "Questions",
    "ReproductionScale",
    "Result",
    "Target",
    "ask",
    "draw_questions",
    "reproduction_scale",
    "run_questions",
    "targets_of",
]
