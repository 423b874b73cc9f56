"""The modules that compute the operations of a cell.

The modules and the names of their parameters follow DARTS' published code, so weights that were
trained with it can be loaded. Every convolution comes after a ReLU and before a BatchNorm, and has
no bias.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.errors import GenotypeError

Pieces = Tensor | Sequence[Tensor]
"""A tensor, or the tensors that are its pieces along the channels."""


class PointwiseConv(nn.Conv2d):
    """A 1×1 convolution that first takes every stride-th pixel, then convolves at stride 1.

    It gives the same numbers as a strided convolution. torch's CPU kernel for strided ones
    (oneDNN, channels_last) corrupts memory at some sizes, such as 6 channels of 8×8 pixels in
    torch 2.13.
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__(c_in, c_out, 1, stride, bias=False)

    def forward(self, x: Pieces) -> Tensor:
        """Convolve a tensor, or the concatenation of several along the channels.

        Several are not concatenated: the result is the sum of their convolutions with their own
        parts of the weight.
        """
        if isinstance(x, Tensor):
            return functional.conv2d(_every(x, self.stride[0]), self.weight, self.bias)
        weights = self.weight.split([piece.shape[1] for piece in x], dim=1)
        parts = zip(x, weights, [self.bias, *[None] * (len(x) - 1)], strict=True)
        total: Tensor | None = None
        for piece, weight, bias in parts:
            product = functional.conv2d(_every(piece, self.stride[0]), weight, bias)
            total = product if total is None else total.add_(product)
        assert total is not None
        return total


def _every(x: Tensor, stride: int) -> Tensor:
    """Every stride-th pixel of every stride-th row.

    This is pooling with a window of one pixel. A slice would take twice the time, because torch
    lays out its gradient channels first.
    """
    return functional.avg_pool2d(x, 1, stride) if stride > 1 else x


class Rectified(nn.Module):
    """An operation that starts with a ReLU.

    Operations that read the same tensor can share its ReLU; ``after_relu`` computes the rest.
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.after_relu(functional.relu(x))

    def after_relu(self, x: Pieces) -> Tensor:
        """Compute the operation without its ReLU, for an input that is already rectified.

        Only operations that start with a 1×1 convolution accept an input in pieces.
        """
        raise NotImplementedError


class RectifiedStack(Rectified):
    """A ReLU and the layers after it, in ``op``. The ReLU is layer 0, as in DARTS' code."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.op = nn.Sequential(nn.ReLU(), *layers)

    def after_relu(self, x: Pieces) -> Tensor:
        for index, layer in enumerate(self.op):
            if index > 0:
                x = layer(x)
        assert isinstance(x, Tensor)
        return x


class ReLUConvBN(RectifiedStack):
    """ReLU, one convolution, BatchNorm: preprocessing (1×1) and plain convolutions."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int | tuple[int, int] = 1, stride: int = 1
    ) -> None:
        sizes = (kernel, kernel) if isinstance(kernel, int) else kernel
        convolution = (
            PointwiseConv(c_in, c_out, stride)
            if sizes == (1, 1)
            else nn.Conv2d(c_in, c_out, sizes, stride, _same(sizes), bias=False)
        )
        super().__init__(convolution, nn.BatchNorm2d(c_out))


class FactorizedReduce(Rectified):
    """Halve the resolution with two 1×1 convolutions of stride 2, the second shifted by a pixel."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        if c_out % 2:
            raise ValueError(f"expected an even number of channels, but got {c_out}")
        self.conv_1 = PointwiseConv(c_in, c_out // 2, stride=2)
        self.conv_2 = PointwiseConv(c_in, c_out // 2, stride=2)
        self.bn = nn.BatchNorm2d(c_out)

    def after_relu(self, x: Pieces) -> Tensor:
        shifted = _shifted(x) if isinstance(x, Tensor) else [_shifted(piece) for piece in x]
        out: Tensor = self.bn(torch.cat([self.conv_1(x), self.conv_2(shifted)], dim=1))
        return out


def _shifted(x: Tensor) -> Tensor:
    """Drop the first row and column; at an odd size, add a row and column of zeros at the end."""
    height, width = x.shape[2:]
    return functional.pad(x, (-1, width % 2, -1, height % 2))


class SeparableConv(RectifiedStack):
    """Depthwise then pointwise convolution, applied twice; the stride belongs to the first."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(
            _depthwise(channels, kernel, stride, dilation=1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            _depthwise(channels, kernel, 1, dilation=1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )


class DilatedConv(RectifiedStack):
    """Depthwise convolution with dilation 2, then pointwise, once."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(
            _depthwise(channels, kernel, stride, dilation=2),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )


class FactoredConv(RectifiedStack):
    """A long convolution in one direction, then in the other, as conv_7x1_1x7.

    As in DARTS' code, the row kernel (1×k) comes first, whatever the order in the name.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        pad = kernel // 2
        super().__init__(
            nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, pad), bias=False),
            nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (pad, 0), bias=False),
            nn.BatchNorm2d(channels),
        )


def has_hooks(module: nn.Module) -> bool:
    """Return whether a module has hooks of its own that see its inputs or outputs."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def accepts_pieces(module: nn.Module) -> bool:
    """Return whether all hooks of a module say, by an attribute, that they take `Pieces`."""
    hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    return all(getattr(hook, "accepts_pieces", False) for hook in hooks)


def _same(kernel: tuple[int, int]) -> tuple[int, int]:
    return kernel[0] // 2, kernel[1] // 2


def _depthwise(channels: int, kernel: int, stride: int, dilation: int) -> nn.Conv2d:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(
        channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
    )


_SQUARE = re.compile(r"(max_pool|avg_pool|sep_conv|dil_conv|conv)_(\d+)x(\d+)")
_FACTORED = re.compile(r"conv_(?:(\d+)x1_1x(\d+)|1x(\d+)_(\d+)x1)")


def build_operation(name: str, channels: int, stride: int) -> nn.Module:
    """Return the module of an edge.

    Args:
        name: One of the known `OPERATIONS`.
        channels: Number of input channels, and of output channels.
        stride: 1, or 2 on an edge of a reduction cell that reads an input.

    Raises:
        GenotypeError: There is no module for that name.
    """
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if match := _SQUARE.fullmatch(name):
        family, kernel, other = match[1], int(match[2]), int(match[3])
        if kernel == other and kernel % 2:
            return _square(family, kernel, channels, stride)
    if match := _FACTORED.fullmatch(name):
        sizes = {int(size) for size in match.groups() if size}
        if len(sizes) == 1 and (kernel := sizes.pop()) % 2:
            return FactoredConv(channels, kernel, stride)
    raise GenotypeError(f"no network module for operation {name!r}")


def _square(family: str, kernel: int, channels: int, stride: int) -> nn.Module:
    pad = kernel // 2
    match family:
        case "max_pool":
            return nn.MaxPool2d(kernel, stride, pad)
        case "avg_pool":
            return nn.AvgPool2d(kernel, stride, pad, count_include_pad=False)
        case "sep_conv":
            return SeparableConv(channels, kernel, stride)
        case "dil_conv":
            return DilatedConv(channels, kernel, stride)
    return ReLUConvBN(channels, channels, kernel, stride)
