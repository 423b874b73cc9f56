"""Networks made of cells, under DARTS' scheme for CIFAR and its published parameter names."""

from nascope.networks.folding import folded
from nascope.networks.matching import operation_keys
from nascope.networks.network import Network, multiply_adds, parameter_count

__all__ = ["Network", "folded", "multiply_adds", "operation_keys", "parameter_count"]
