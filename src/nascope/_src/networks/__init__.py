"""Networks made of cells, under DARTS' scheme for CIFAR and its published parameter names."""

from typing import TYPE_CHECKING

from nascope._src.lazy import lazily

if TYPE_CHECKING:
    from nascope._src.networks.folding import folded
    from nascope._src.networks.matching import operation_keys
    from nascope._src.networks.network import Network, multiply_adds, parameter_count

__all__ = ["Network", "folded", "multiply_adds", "operation_keys", "parameter_count"]

__getattr__ = lazily(
    __name__,
    {
        "Network": "nascope._src.networks.network",
        "folded": "nascope._src.networks.folding",
        "multiply_adds": "nascope._src.networks.network",
        "operation_keys": "nascope._src.networks.matching",
        "parameter_count": "nascope._src.networks.network",
    },
)
