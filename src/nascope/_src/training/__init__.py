"""Training a network of cells under the paper's recipe, and its checkpoints."""

from nascope._src.plans.recipe import RECIPES, SCALES, Recipe
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.evaluation import Evaluation, evaluate
from nascope._src.training.train import build_network, train

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
