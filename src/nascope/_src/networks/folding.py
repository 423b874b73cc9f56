"""Folding BatchNorm into the convolutions before it: the same function in evaluation, faster."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nascope._src.networks.operations import FactorizedReduce


@dataclass(frozen=True, eq=False)
class Fold:
    """A convolution that also does what the BatchNorm after it did.

    Attributes:
        convolution: the folded one.
        source: the convolution that it stands for.
        norm: the BatchNorm.
        channels: the part of the BatchNorm's channels that the convolution yields.
    """

    convolution: nn.Conv2d
    source: nn.Conv2d
    norm: nn.BatchNorm2d
    channels: slice

    @property
    def inverse(self) -> Tensor:
        """(out,) 1 / √(v + ε)."""
        assert self.norm.running_var is not None
        return (self.norm.running_var[self.channels] + self.norm.eps).rsqrt()

    @property
    def scale(self) -> Tensor:
        """(out,) γ / √(v + ε), by which the source's output is multiplied."""
        inverse = self.inverse
        return inverse if self.norm.weight is None else self.norm.weight[self.channels] * inverse

    @property
    def centre(self) -> Tensor:
        """(out,) μ."""
        assert self.norm.running_mean is not None
        return self.norm.running_mean[self.channels]

    def refresh(self) -> None:
        """Take over the weights and statistics that the source and the BatchNorm now have."""
        with torch.no_grad():
            shift = -self.centre if self.source.bias is None else self.source.bias - self.centre
            bias = shift * self.inverse
            if self.norm.weight is not None:
                bias = bias * self.norm.weight[self.channels] + self.norm.bias[self.channels]
            assert self.convolution.bias is not None
            self.convolution.weight.copy_(self.source.weight * self.scale[:, None, None, None])
            self.convolution.bias.copy_(bias)


class Folded:
    """A twin of a network, for evaluation, in which convolutions do what BatchNorm did.

    With running statistics BatchNorm is affine, γ (z − μ) / √(v + ε) + β, so the convolution
    before it takes the factor into its weights and the rest as its bias. Where no convolution
    stands right before a BatchNorm, it stays. All other parameters and buffers are the source's.

    Attributes:
        network: the twin, in evaluation mode.
        folds: what was folded.

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
        for (convolution, norm, channels), (own, _, _) in pairs:
            empty = torch.empty_like(convolution.weight)  # keeps the memory order
            own.weight = nn.Parameter(empty, requires_grad=False)
            own.bias = nn.Parameter(empty.new_empty(len(empty)), requires_grad=False)
            self.folds.append(Fold(own, convolution, norm, channels))
        norms = {id(norm) for _, (_, norm, _) in pairs}
        for module in list(self.network.modules()):
            for name, child in list(module.named_children()):
                if id(child) in norms:
                    setattr(module, name, nn.Identity())
        self.refresh()

    def refresh(self) -> None:
        """Follow a change of the source's weights or statistics."""
        for fold in self.folds:
            fold.refresh()


def folded(network: nn.Module) -> nn.Module:
    """The network's twin for evaluation; see `Folded`."""
    return Folded(network).network


def _pairs(network: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d, slice]]:
    """Convolutions whose output goes to a BatchNorm, and to its channels ``slice``."""
    for module in network.modules():
        if isinstance(module, FactorizedReduce) and _fixed(module.bn):
            half = module.conv_1.out_channels
            yield module.conv_1, module.bn, slice(0, half)
            yield module.conv_2, module.bn, slice(half, 2 * half)
        elif isinstance(module, nn.Sequential):
            for first, second in itertools.pairwise(list(module)):
                if isinstance(first, nn.Conv2d) and _fixed(second):
                    assert isinstance(second, nn.BatchNorm2d)
                    yield first, second, slice(0, first.out_channels)


def _fixed(module: nn.Module) -> bool:
    """Whether it is a BatchNorm that has running statistics."""
    return isinstance(module, nn.BatchNorm2d) and module.running_var is not None
