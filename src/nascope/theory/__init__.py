"""The paper's theorems: checked, corrected, and met with real networks. Proofs: docs/theory.md."""

from nascope.theory.blocks import Blocks, Constants, constants
from nascope.theory.bounds import SOUND, Bound
from nascope.theory.check import check_bounds, check_published
from nascope.theory.convergence import check_convergence
from nascope.theory.counterexamples import cases
from nascope.theory.everything import check_everything
from nascope.theory.jacobians import EdgeNorm, edge_norms, jacobian_norms
from nascope.theory.lanczos import spectral_norms
from nascope.theory.norms import WeightNorm, weight_norms
from nascope.theory.sweeping import compare, sweep

__all__ = [
    "SOUND",
    "Blocks",
    "Bound",
    "Constants",
    "EdgeNorm",
    "WeightNorm",
    "cases",
    "check_bounds",
    "check_convergence",
    "check_everything",
    "check_published",
    "compare",
    "constants",
    "edge_norms",
    "jacobian_norms",
    "spectral_norms",
    "sweep",
    "weight_norms",
]
