"""Networks made of cells, under DARTS' scheme for CIFAR and its published parameter names."""

from typing import TYPE_CHECKING

from nascope.lazy import lazily

if TYPE_CHECKING:
    from nascope.networks.folding import folded
    from nascope.networks.matching import operation_keys
    from nascope.networks.network import Network, multiply_adds, parameter_count

__all__ = ["Network", "folded", "multiply_adds", "operation_keys", "parameter_count"]

__getattr__ = lazily(
    __name__,
    {
        "Network": "nascope.networks.network",
        "folded": "nascope.networks.folding",
        "multiply_adds": "nascope.networks.network",
        "operation_keys": "nascope.networks.matching",
        "parameter_count": "nascope.networks.network",
    },
)
