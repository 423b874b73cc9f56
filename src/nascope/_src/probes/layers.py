"""Per-instance weight gradients of a layer, from its input and the gradient of its output."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.networks.folding import Fold
from nascope._src.networks.operations import Pieces

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
BATCHNORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

Gradients = Iterator[tuple[Tensor, slice, Tensor]]
"""A parameter, the part of its first dimension, and that part's gradients, (batch, *shape)."""


def is_known(module: nn.Module) -> bool:
    """Return whether `layer_gradients` supports this layer.

    The layer must have the usual parameters, real ones: a parametrised or pruned layer has others.
    """
    own = dict(module.named_parameters(recurse=False))
    if not own.keys() <= {"weight", "bias"} or any(value.is_complex() for value in own.values()):
        return False
    if isinstance(module, BATCHNORMS):
        return module.running_var is not None and not module.training
    return isinstance(module, (*CONVOLUTIONS, nn.Linear, nn.GroupNorm, nn.LayerNorm))


def layer_gradients(module: nn.Module, x: Pieces, g: Tensor) -> Gradients:
    """Yield the gradients of each instance's loss for each parameter of a layer.

    Args:
        module: The layer.
        x: Its input, (batch, …); in pieces only for a convolution.
        g: The gradient of its output, (batch, …).
    """
    if isinstance(module, CONVOLUTIONS):
        yield _whole(module.weight, convolution_gradients(module, x, g))
        if module.bias is not None:
            yield _whole(module.bias, g.flatten(2).sum(dim=2))
        return
    assert isinstance(x, Tensor)
    match module:
        case nn.Linear():
            x, g = x.reshape(len(x), -1, x.shape[-1]), g.reshape(len(g), -1, g.shape[-1])
            yield _whole(module.weight, torch.bmm(g.transpose(1, 2), x))
            if module.bias is not None:
                yield _whole(module.bias, g.sum(dim=1))
        case nn.BatchNorm1d() | nn.BatchNorm2d() if module.affine:
            channels = (1, -1, *(1 for _ in x.shape[2:]))
            assert module.running_mean is not None
            assert module.running_var is not None
            product = (x - module.running_mean.view(channels)) * g
            inverse = (module.running_var + module.eps).rsqrt()
            yield _whole(module.weight, _over_positions(product) * inverse)
            yield _whole(module.bias, _over_positions(g))
        case nn.GroupNorm() if module.affine:
            grouped = x.reshape(len(x), module.num_groups, -1)
            normal = _normalised(grouped, (2,), module.eps).reshape(x.shape)
            yield _whole(module.weight, _over_positions(normal * g))
            yield _whole(module.bias, _over_positions(g))
        case nn.LayerNorm() if module.elementwise_affine:
            last = tuple(range(-len(module.normalized_shape), 0))
            shape = (len(x), -1, *module.normalized_shape)
            normal = _normalised(x, last, module.eps)
            yield _whole(module.weight, (normal * g).reshape(shape).sum(dim=1))
            if module.bias is not None:
                yield _whole(module.bias, g.reshape(shape).sum(dim=1))


def folded_gradients(fold: Fold, x: Pieces, g: Tensor) -> Gradients:
    """Yield the gradients of a convolution and its BatchNorm, from the two folded into one.

    Let z = W x + b, y = γ (z − μ) / √(v + ε) + β, and let g be the gradient of y. With the sums
    over positions M = Σ_p g xᵀ and s = Σ_p g, ∂W = γ M / √(v + ε), ∂β = s and
    ∂γ = (⟨W, M⟩ + (b − μ) s) / √(v + ε), without z.
    """
    products = convolution_gradients(fold.convolution, x, g)  # M, (batch, out, in, *kernel)
    sums = g.flatten(2).sum(dim=2)  # s, (batch, out)
    scale, norm, source = fold.scale, fold.norm, fold.source
    if norm.weight is not None:
        weighted = torch.linalg.vecdot(products.flatten(2), source.weight.flatten(1))
        shift = -fold.centre if source.bias is None else source.bias - fold.centre
        yield norm.weight, fold.channels, (weighted + shift * sums) * fold.inverse
    if source.bias is not None:
        yield _whole(source.bias, sums * scale)
    yield _whole(source.weight, products * scale.view(-1, *(1 for _ in products.shape[2:])))
    if norm.bias is not None:
        yield norm.bias, fold.channels, sums


def convolution_gradients(module: nn.Conv1d | nn.Conv2d, x: Pieces, g: Tensor) -> Tensor:
    """Return the gradients of a convolution's weight, (batch, out, in / groups, *kernel)."""
    if not isinstance(x, Tensor):
        return torch.cat([_piece_gradients(module, piece, g) for piece in x], dim=2)
    return _piece_gradients(module, x, g)


def _piece_gradients(module: nn.Conv1d | nn.Conv2d, x: Tensor, g: Tensor) -> Tensor:
    """The gradients of the part of the weight that a piece of the input meets."""
    if isinstance(module, nn.Conv1d):
        x, g = x[:, :, None], g[:, :, None]
    batch, channels_in = x.shape[:2]
    channels_out, groups = module.out_channels, module.groups
    shape = (batch, channels_out, channels_in // groups, *module.kernel_size)
    kernel, stride, dilation = (
        _pair(values, first=1) for values in (module.kernel_size, module.stride, module.dilation)
    )
    x, padding = _padded(module, x)
    if kernel == (1, 1) and groups == 1 and padding == (0, 0):
        strided = x[:, :, :: stride[0], :: stride[1]]
        return torch.bmm(g.flatten(2), strided.flatten(2).transpose(1, 2)).view(shape)
    if groups == channels_in == channels_out:
        # Depthwise: for each instance and channel, the gradient is the correlation of x with g.
        # That is itself a depthwise convolution, with g as the kernel and the roles of stride and
        # dilation swapped.
        full = functional.conv2d(
            x.reshape(1, -1, *x.shape[2:]),
            g.reshape(-1, 1, *g.shape[2:]),
            stride=dilation,
            padding=padding,
            dilation=stride,
            groups=batch * channels_in,
        )
        return full[..., : kernel[0], : kernel[1]].reshape(shape)  # a stride may give more
    columns = functional.unfold(x, kernel, dilation=dilation, padding=padding, stride=stride)
    columns = columns.reshape(batch * groups, -1, columns.shape[-1])  # (…, in · kernel, positions)
    rows = g.reshape(batch * groups, channels_out // groups, -1)
    return torch.bmm(rows, columns.transpose(1, 2)).reshape(shape)


def _padded(module: nn.Conv1d | nn.Conv2d, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """The input, padded unless that is just zeros on both sides, and the padding left to do."""
    if module.padding_mode == "zeros" and not isinstance(module.padding, str):
        return x, _pair(module.padding, first=0)
    if module.padding == "valid":
        return x, (0, 0)
    widths = list(module._reversed_padding_repeated_twice)  # the last dimension first
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    if isinstance(module, nn.Conv1d) and mode != "constant":
        return functional.pad(x[:, :, 0], widths, mode=mode)[:, :, None], (0, 0)
    return functional.pad(x, widths, mode=mode), (0, 0)


def _pair(values: tuple[int, ...], *, first: int) -> tuple[int, int]:
    """Values for two dimensions; a Conv1d lacks the first, which gets ``first``."""
    return (values[0], values[1]) if len(values) == 2 else (first, values[0])


def _over_positions(values: Tensor) -> Tensor:
    """Sums over all dimensions after the second, (batch, channels)."""
    return values.flatten(2).sum(dim=2) if values.dim() > 2 else values


def _normalised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    variance, mean = torch.var_mean(x, dim=dims, correction=0, keepdim=True)
    return (x - mean) * (variance + eps).rsqrt()


def _whole(parameter: Tensor, gradients: Tensor) -> tuple[Tensor, slice, Tensor]:
    return parameter, slice(0, parameter.shape[0] if parameter.dim() else 1), gradients
