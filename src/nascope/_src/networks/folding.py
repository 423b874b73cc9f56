"""Fold BatchNorm into the convolutions before it: the same function in evaluation, but faster."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nascope._src.networks.operations import FactorizedReduce, PointwiseConv, has_hooks


@dataclass(frozen=True, eq=False)
class Fold:
    """A convolution that includes the BatchNorm after it.

    Attributes:
        convolution: The folded convolution.
        source: The original convolution.
        norm: The BatchNorm.
        channels: The channels of the BatchNorm that the convolution produces.
    """

    convolution: nn.Conv2d
    source: nn.Conv2d
    norm: nn.BatchNorm2d
    channels: slice

    @property
    def inverse(self) -> Tensor:
        """1 / √(v + ε), (out,)."""
        assert self.norm.running_var is not None
        return (self.norm.running_var[self.channels] + self.norm.eps).rsqrt()

    @property
    def scale(self) -> Tensor:
        """γ / √(v + ε), (out,), the factor of the original output."""
        inverse = self.inverse
        return inverse if self.norm.weight is None else self.norm.weight[self.channels] * inverse

    @property
    def centre(self) -> Tensor:
        """μ, (out,)."""
        assert self.norm.running_mean is not None
        return self.norm.running_mean[self.channels]

    def refresh(self) -> None:
        """Use the current weights and statistics of the source and the BatchNorm."""
        with torch.no_grad():
            shift = -self.centre if self.source.bias is None else self.source.bias - self.centre
            bias = shift * self.inverse
            if self.norm.weight is not None:
                bias = bias * self.norm.weight[self.channels] + self.norm.bias[self.channels]
            assert self.convolution.bias is not None
            self.convolution.weight.copy_(self.source.weight * self.scale[:, None, None, None])
            self.convolution.bias.copy_(bias)


class Folded:
    """A copy of a network, for evaluation, whose convolutions include BatchNorm.

    With running statistics BatchNorm is affine, γ (z − μ) / √(v + ε) + β. The convolution before
    it takes the factor into its weights and the rest as its bias. A BatchNorm without a
    convolution right before it stays. The copy shares all other parameters and buffers with the
    source.

    Attributes:
        network: The copy, in evaluation mode.
        folds: The folded convolutions.

    >>> Folded(nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))).network[1]
    Identity()
    """

    def __init__(self, source: nn.Module) -> None:
        shared = itertools.chain(source.parameters(), source.buffers())
        memo: dict[int, Any] = {id(tensor): tensor for tensor in shared}
        self.network = copy.deepcopy(source, memo).eval()
        self.folds = []
        pairs = list(zip(list(_pairs(source)), list(_pairs(self.network)), strict=True))
        if len({id(convolution) for (convolution, _, _), _ in pairs}) < len(pairs):
            pairs = []  # one convolution before several norms
        for (convolution, norm, channels), (copied, _, _) in pairs:
            empty = torch.empty_like(convolution.weight)  # keeps the memory order
            copied.weight = nn.Parameter(empty, requires_grad=False)
            copied.bias = nn.Parameter(empty.new_empty(len(empty)), requires_grad=False)
            self.folds.append(Fold(copied, convolution, norm, channels))
        norms = {id(norm) for _, (_, norm, _) in pairs}
        for module in list(self.network.modules()):
            for name, child in list(module.named_children()):
                if id(child) in norms:
                    setattr(module, name, nn.Identity())
        self.refresh()

    def refresh(self) -> None:
        """Use the current weights and statistics of the source."""
        for fold in self.folds:
            fold.refresh()


def folded(network: nn.Module) -> nn.Module:
    """Return the network's folded copy for evaluation; see `Folded`."""
    return Folded(network).network


def _pairs(network: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d, slice]]:
    """Yield convolutions before a BatchNorm, the BatchNorm, and the channels that they produce."""
    for module in network.modules():
        if isinstance(module, FactorizedReduce) and _fixed(module.bn):
            half = module.conv_1.out_channels
            yield module.conv_1, module.bn, slice(0, half)
            yield module.conv_2, module.bn, slice(half, 2 * half)
        elif isinstance(module, nn.Sequential):
            for first, second in itertools.pairwise(list(module)):
                if _is_plain(first) and _fixed(second):
                    assert isinstance(first, nn.Conv2d)
                    assert isinstance(second, nn.BatchNorm2d)
                    yield first, second, slice(0, first.out_channels)


def _is_plain(module: nn.Module) -> bool:
    """Whether a module is a convolution with a weight of its own, neither parametrised nor hooked.

    `weight_norm`, `spectral_norm` and pruning compute the weight from other parameters.
    """
    return (
        type(module) in (nn.Conv2d, PointwiseConv)
        and module._parameters.get("weight") is not None
        and not has_hooks(module)
    )


def _fixed(module: nn.Module) -> bool:
    """Whether a module is a plain BatchNorm with running statistics."""
    return (
        type(module) is nn.BatchNorm2d and module.running_var is not None and not has_hooks(module)
    )
