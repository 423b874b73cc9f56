"""Training a network of cells under the paper's recipe, and its checkpoints."""

from nascope.plans.recipe import RECIPES, SCALES, Recipe
from nascope.training.checkpoint import Checkpoint, load_checkpoint
from nascope.training.evaluation import Evaluation, evaluate
from nascope.training.train import build_network, train

__all__ = [
    "RECIPES",
    "SCALES",
    "Checkpoint",
    "Evaluation",
    "Recipe",
    "build_network",
    "evaluate",
    "load_checkpoint",
    "train",
]
