"""Folding BatchNorm into the convolutions before it: the same function in evaluation, faster."""

from __future__ import annotations

import copy
import itertools
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from nascope.networks.operations import FactorizedReduce

Module = TypeVar("Module", bound=nn.Module)


def folded(network: Module) -> Module:
    """A copy of the network for evaluation, in which convolutions do what BatchNorm did.

    With running statistics BatchNorm is affine, γ (z − μ) / √(v + ε) + β, so the convolution
    before it takes the factor into its weights and the rest as its bias. Where no convolution
    stands right before a BatchNorm, it stays.

    >>> network = folded(nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)))
    >>> network[1]
    Identity()
    """
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, FactorizedReduce) and isinstance(module.bn, nn.BatchNorm2d):
            half = module.conv_1.out_channels
            _fold(module.conv_1, module.bn, slice(0, half))
            _fold(module.conv_2, module.bn, slice(half, None))
            module.bn = nn.Identity()  # type: ignore[assignment]
        elif isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(itertools.pairwise(list(module))):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    _fold(first, second, slice(None))
                    module[index + 1] = nn.Identity()
    return network


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d, channels: slice) -> None:
    def part(values: Tensor | None) -> Tensor | None:
        return None if values is None else values[channels]

    assert norm.running_mean is not None
    assert norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean[channels],
        norm.running_var[channels],
        norm.eps,
        part(norm.weight),
        part(norm.bias),
    )
