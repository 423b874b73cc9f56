"""Networks made of cells, under DARTS' scheme for CIFAR and its published parameter names."""

from nascope.networks.folding import folded
from nascope.networks.network import Network, multiply_adds, parameter_count

__all__ = ["Network", "folded", "multiply_adds", "parameter_count"]
