"""The paper's theorems: checked, corrected, and met with real networks. Proofs: docs/theory.md."""

from nascope._src.theory.blocks import Blocks, Constants, constants
from nascope._src.theory.bounds import SOUND, Bound
from nascope._src.theory.check import check_bounds, check_published
from nascope._src.theory.convergence import check_convergence
from nascope._src.theory.counterexamples import cases
from nascope._src.theory.everything import check_everything
from nascope._src.theory.jacobians import EdgeNorm, edge_norms, jacobian_norms
from nascope._src.theory.lanczos import spectral_norms
from nascope._src.theory.norms import WeightNorm, weight_norms
from nascope._src.theory.sweeping import compare, sweep

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
