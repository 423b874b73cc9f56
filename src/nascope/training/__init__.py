"""Training a network of cells under the paper's recipe, and its checkpoints."""

from nascope.training.checkpoint import Checkpoint, load_checkpoint
from nascope.training.recipe import RECIPES, SCALES, Recipe
from nascope.training.train import build_network, evaluate, train

__all__ = [
    "RECIPES",
    "SCALES",
    "Checkpoint",
    "Recipe",
    "build_network",
    "evaluate",
    "load_checkpoint",
    "train",
]
