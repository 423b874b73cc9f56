"""Probes of any torch model: loss landscapes, gradient variance, curvature."""

from nascope._src.probes.curvature import eigenvalues, spectrum
from nascope._src.probes.directions import (
    TrajectoryPlane,
    direction_between,
    random_directions,
    trajectory_plane,
)
from nascope._src.probes.gradient_variance import (
    block_names,
    gradient_variance,
    measured_minibatch_variance,
    minibatch_variance,
)
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import landscape
from nascope._src.probes.lipschitz import (
    block_lipschitz,
    cell_blocks,
    gradient_lipschitz,
    matrix_blocks,
)
from nascope._src.probes.per_instance import Method, choose_method, gradient_norms
from nascope._src.probes.risk import Risk

__all__ = [
    "Grid",
    "Method",
    "Risk",
    "TrajectoryPlane",
    "block_lipschitz",
    "block_names",
    "cell_blocks",
    "choose_method",
    "direction_between",
    "eigenvalues",
    "gradient_lipschitz",
    "gradient_norms",
    "gradient_variance",
    "landscape",
    "matrix_blocks",
    "measured_minibatch_variance",
    "minibatch_variance",
    "random_directions",
    "spectrum",
    "trajectory_plane",
]
