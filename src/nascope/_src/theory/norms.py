"""The weight matrices λ of a trained network, measured.

The paper's Theorems 4.2 and 4.3 suppose a largest λ⁽ⁱ⁾ = ‖W⁽ⁱ⁾‖₂ above or below 1. A convolution is
taken as the linear map that it is on images of its input's size, not as its reshaped kernel.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from math import cos, gcd, nan, pi, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from nascope._src.errors import TheoryError
from nascope._src.networks.operations import FactorizedReduce
from nascope._src.theory.singular_values import STEPS, TOLERANCE, spectral_norms

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_FUNCTIONS = (functional.conv1d, functional.conv2d, functional.conv3d)
_GRID = 8  # frequencies per tap of a kernel
_MAX_SYMBOL_WORK = 1e10  # multiplications, about ten seconds
_ROUNDING = 1e-12


@dataclass(frozen=True)
class MapNorm:
    """The size of a linear map A; all NaN if a weight is not finite.

    Attributes:
        norm: ‖A‖₂, a lower bound, exact up to the residual.
        residual: a singular value of A lies within that distance of ``norm``.
        gain: ‖A‖_F / √n_in, exact: the root-mean-square amplification of a white input.
        upper: a certified upper bound of ‖A‖₂.
    """

    norm: float
    residual: float
    gain: float
    upper: float


@dataclass(frozen=True)
class WeightNorm(MapNorm):
    """The linear map that a layer's weight is, without the layer's bias.

    Attributes:
        name: the module's in its model.
        kind: "linear", "conv", "pointwise conv" (each kernel one pixel) or "depthwise conv" (each
            group one input channel, of several).
        weight_shape: (out, in / groups, *kernel).
        input_size: pixels of a convolution's input, (height, width) say; () of a linear layer, as
            are the stride, padding and dilation.
        padding: as the module has it: pixels on both sides, or "same" or "valid".
        batchnorm: name of the BatchNorm that reads the layer's output, or None.
        with_batchnorm: the map with the rows multiplied by γ / √(running_var + ε), as that
            BatchNorm does in eval mode. A weight before BatchNorm has no scale of its own.
    """

    name: str
    kind: str
    weight_shape: tuple[int, ...]
    input_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int
    batchnorm: str | None
    with_batchnorm: MapNorm | None


def weight_norms(
    model: nn.Module,
    example: Tensor,
    *,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
    seed: int = 0,
) -> list[WeightNorm]:
    """The norm of every nn.Conv1d, Conv2d, Conv3d and Linear that the model's forward pass calls.

    In the order of their first calls; once for each input size, where a layer meets several. What
    is never called has no input and is left out. All in float64, from a copy of the model.

    The BatchNorm of a layer is the one that receives the very tensor that the layer returned, if it
    is the only one; and of `FactorizedReduce` the half of its BatchNorm's channels.

    Args:
        model: any module; it stays as it is.
        example: a batch (1, …) on which the input sizes are read off, in eval mode.
        tolerance, steps, seed: as in `spectral_norms`.

    Raises:
        TheoryError: a layer pads with other than zeros, or applies another map than its weight's.

    >>> found = weight_norms(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), torch.zeros(1, 3, 8, 8))
    >>> found[0].norm <= found[0].upper
    True
    """
    model = copy.deepcopy(model).eval()
    measure = partial(_map_norm, tolerance=tolerance, steps=steps, seed=seed)
    found = []
    for (name, size), norms in _watch(model, example).items():
        module = model.get_submodule(name)
        assert isinstance(module, (nn.Linear, *_CONVOLUTIONS))
        layer = _Layer.of(module, size)
        weight = _plain(module.weight)
        batchnorm, scaled = None, None
        if len(norms) == 1:
            ((batchnorm, channels),) = norms
            scale = _scale(model.get_submodule(batchnorm))[slice(*channels)]
            scaled = measure(layer, weight * scale.view(-1, *[1] * (weight.dim() - 1)))
        own = measure(layer, weight)
        found.append(
            WeightNorm(
                **vars(own),
                name=name,
                kind=_kind(module),
                weight_shape=tuple(weight.shape),
                input_size=size,
                stride=layer.stride,
                padding=() if isinstance(module, nn.Linear) else module.padding,
                dilation=layer.dilation,
                groups=layer.groups,
                batchnorm=batchnorm,
                with_batchnorm=scaled,
            )
        )
    return found


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "linear"
    assert isinstance(module, _CONVOLUTIONS)
    if module.groups == module.in_channels > 1:
        return "depthwise conv"
    return "pointwise conv" if set(module.kernel_size) == {1} else "conv"


def _scale(norm: nn.Module) -> Tensor:
    assert isinstance(norm, _BatchNorm)
    assert norm.running_var is not None
    inverse = (_plain(norm.running_var) + norm.eps).rsqrt()
    return inverse if norm.weight is None else inverse * _plain(norm.weight)


# ---------------------------------------------------------------- one layer's map


@dataclass(frozen=True)
class _Layer:
    """What makes a weight a map. A linear layer is a convolution in no dimension."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]  # pixels before and after
    groups: int

    @classmethod
    def of(cls, module: nn.Module, size: tuple[int, ...]) -> _Layer:
        if not isinstance(module, _CONVOLUTIONS):
            return cls((), (), (), (), 1)
        if module.padding == "valid":
            padding = [(0, 0)] * len(size)
        elif module.padding == "same":
            totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
            padding = [(total // 2, total - total // 2) for total in totals]
        else:
            padding = [(int(pad), int(pad)) for pad in module.padding]
        return cls(size, module.stride, module.dilation, tuple(padding), module.groups)

    def apply(self, weight: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """A x + bias, of (batch, in, *size)."""
        if not self.size:
            return functional.linear(x, weight, bias)
        padded = functional.pad(x, [pad for pads in reversed(self.padding) for pad in pads])
        function = _FUNCTIONS[len(self.size) - 1]
        return function(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def places(self, kernel_size: tuple[int, ...]) -> list[Tensor]:
        """For each axis the pixel that a tap meets at an output, (taps, outputs); −1 if none."""
        found = []
        for size, stride, dilation, (before, after), taps in zip(
            self.size, self.stride, self.dilation, self.padding, kernel_size, strict=True
        ):
            outputs = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
            places = torch.arange(taps)[:, None] * dilation + torch.arange(outputs) * stride
            places -= before
            found.append(torch.where(places < size, places, -1).clamp(min=-1))
        return found


def _map_norm(layer: _Layer, weight: Tensor, *, tolerance: float, steps: int, seed: int) -> MapNorm:
    """Of the map with a weight, float64.

    With K a group's reshaped kernel and P the map that copies the windows out of the image,
    A = (K ⊗ I) P. PᵀP is diagonal and counts the windows that hold a pixel, so ‖A‖ ≤ ‖K‖ √r with r
    the most of them. Where no two windows overlap and none is padded, P Pᵀ = I and ‖A‖ = ‖K‖.
    Each tap meets the image at so many outputs, and ‖A‖_F² counts its square as often.
    """
    if not bool(weight.isfinite().all()):
        return MapNorm(nan, nan, nan, nan)
    places = layer.places(tuple(weight.shape[2:]))
    overlap = prod(int(where[where >= 0].bincount(minlength=1).max()) for where in places)
    kernels = weight.reshape(layer.groups, len(weight) // layer.groups, -1)
    norm, residual = float(torch.linalg.matrix_norm(kernels, ord=2).max()), 0.0
    upper = norm * overlap**0.5
    if overlap != 1 or any(bool((where < 0).any()) for where in places):
        upper = min(upper, float(_symbol_bounds(layer, weight).max()))
        norm, residual = _lanczos(layer, weight, tolerance=tolerance, steps=steps, seed=seed)
    squares = weight.square()
    for where in reversed(places):
        squares = squares @ (where >= 0).sum(1).double()
    inputs = layer.groups * weight.shape[1] * prod(layer.size)
    gain = float(squares.sum() / inputs) ** 0.5
    return MapNorm(norm, residual, gain, upper * (1 + _ROUNDING))


def _lanczos(layer: _Layer, weight: Tensor, **settings: Any) -> tuple[float, float]:
    groups, channels = layer.groups, weight.shape[1]
    with torch.enable_grad():
        x = weight.new_zeros(1, groups * channels, *layer.size, requires_grad=True)
        y = layer.apply(weight, x)

    def transposed(vector: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(y, x, vector.view(y.shape), retain_graph=True)
        return found.reshape(groups, -1)

    def product(vector: Tensor) -> Tensor:
        return layer.apply(weight, vector.view(x.shape)).reshape(groups, -1)

    found = spectral_norms(product, transposed, (groups, x.numel() // groups), **settings)
    largest = int(found.norms.argmax())
    return float(found.norms[largest]), float(found.residuals[largest])


def _symbol_bounds(layer: _Layer, weight: Tensor) -> Tensor:
    """sup_ω ‖F(ω)‖₂ of each group, (groups,), from above; F is the symbol of the convolution.

    With zero padding A is a part of the matrix of the convolution on an infinite image, whose norm
    is sup ‖F‖. Only every g-th pixel is ever met, g = gcd(stride, dilation). Taps that are a
    multiple of s = stride / g apart meet the same every s-th of those: A is a convolution, at
    stride 1, of s times the channels. The dilation left scales ω and shifts channels: no more.

    For unit v, ‖F(ω) v‖² is a trigonometric polynomial, in each axis of a degree n of one less than
    the kernel's taps. About its largest value M, at ω₀, it is at least M cos n(ω − ω₀) (Riesz
    1914), and of N equidistant frequencies one is within π/N of ω₀. So, axis after axis,
    sup ‖F‖² ≤ max ‖F‖² / cos(π n / N) with the maximum over a grid.

    Infinite where the grid would take too long.
    """
    kernel = weight.view(layer.groups, -1, *weight.shape[1:])
    axes = range(3, kernel.dim())
    for axis, stride, dilation in zip(axes, layer.stride, layer.dilation, strict=True):
        step = stride // gcd(stride, dilation)
        missing = -kernel.shape[axis] % step
        kernel = functional.pad(kernel, [0, 0] * (kernel.dim() - 1 - axis) + [0, missing])
        kernel = kernel.unflatten(axis, (-1, step)).movedim(axis + 1, 3).flatten(2, 3)
    taps = kernel.shape[3:]
    grid = [_GRID * count if count > 1 else 1 for count in taps]
    rows, columns = kernel.shape[1:3]
    if layer.groups * prod(grid) * rows * columns * min(rows, columns) > _MAX_SYMBOL_WORK:
        return weight.new_full((layer.groups,), torch.inf)
    symbols = torch.fft.rfftn(kernel, grid, dim=tuple(axes)).flatten(3).movedim(3, 1)
    margin = prod(cos(pi * (n - 1) / count) for n, count in zip(taps, grid, strict=True))
    norms: Tensor = torch.linalg.matrix_norm(symbols, ord=2).amax(1)
    return norms / margin**0.5


# ---------------------------------------------------------------- which layers, which BatchNorm

_Key = tuple[str, tuple[int, ...]]
_Channels = tuple[int, int]


def _watch(model: nn.Module, example: Tensor) -> dict[_Key, set[tuple[str, _Channels]]]:
    """Each layer and input size, and the BatchNorms (with the channels) that read its output."""
    found: dict[_Key, set[tuple[str, _Channels]]] = {}
    made: dict[int, tuple[Tensor, int, _Key]] = {}  # by id; kept so that none is used again

    def after_layer(name: str, module: Any, args: Any, kwargs: Any, output: Tensor) -> None:
        x = (*args, *kwargs.values())[0]
        key = name, tuple(x.shape[x.dim() + 2 - module.weight.dim() :])
        _check_map(name, module, x, output)
        found.setdefault(key, set())
        made[id(output)] = output, output._version, key

    def before_norm(name: str, module: Any, args: Any, kwargs: Any) -> None:
        x = (*args, *kwargs.values())[0]
        if id(x) in made and module.running_var is not None:
            _, version, key = made[id(x)]
            plain = bool(key[1]) or x.dim() == 2  # a linear layer's channels come last, not second
            if plain and version == x._version:  # nothing changed it in place
                found[key].add((name, (0, module.num_features)))

    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS)):
            module.register_forward_hook(partial(after_layer, name), with_kwargs=True)
        elif isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(partial(before_norm, name), with_kwargs=True)
    with torch.no_grad():
        model(example)
    for name, module in model.named_modules():
        if isinstance(module, FactorizedReduce) and module.bn.running_var is not None:
            half = module.conv_1.out_channels
            halves = {f"{name}.conv_1": (0, half), f"{name}.conv_2": (half, 2 * half)}
            for (layer, _), norms in found.items():
                if layer in halves:
                    norms.add((f"{name}.bn", halves[layer]))
    return found


def _check_map(name: str, module: Any, x: Tensor, output: Tensor) -> None:
    """Raise unless the layer applies its weight as it stands: a subclass may do something else."""
    layer = _Layer.of(module, tuple(x.shape[x.dim() + 2 - module.weight.dim() :]))
    mode = getattr(module, "padding_mode", "zeros")
    if mode != "zeros" and any(map(any, layer.padding)):
        raise TheoryError(f"the layer {name!r} pads with {mode!r}; only zeros have a norm here")
    bias = None if module.bias is None else _plain(module.bias)
    expected, actual = layer.apply(_plain(module.weight), _plain(x), bias), _plain(output)
    if not bool(expected.isfinite().all()):
        return
    scale = float(expected.abs().max())
    if actual.shape != expected.shape or bool(((actual - expected).abs() > 1e-2 * scale).any()):
        raise TheoryError(
            f"the layer {name!r} ({type(module).__name__}) computes something else than a "
            "convolution or product with its weight"
        )


def _plain(values: Tensor) -> Tensor:
    return values.detach().cpu().double()
