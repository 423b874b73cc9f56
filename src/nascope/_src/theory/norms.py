"""Measure the norms λ of the weight matrices of a trained network.

Whether λ⁽ⁱ⁾ = ‖W⁽ⁱ⁾‖₂ is above or below 1 decides what Theorems 4.2 and 4.3 of the paper say. A
convolution is treated as a linear map of images of its input's size, not as its reshaped kernel.
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
        residual: distance from ``norm`` within which A has a singular value.
        gain: ‖A‖_F / √n_in, exact: the root-mean-square amplification of a white input.
        upper: a certified upper bound of ‖A‖₂.
    """

    norm: float
    residual: float
    gain: float
    upper: float


@dataclass(frozen=True)
class WeightNorm(MapNorm):
    """The size of the linear map that a layer's weight defines, without the bias.

    Attributes:
        name: name of the module in its model.
        kind: "linear", "conv", "pointwise conv" (1×1 kernels) or "depthwise conv" (one input
            channel per group).
        weight_shape: (out, in / groups, *kernel).
        input_size: pixels of a convolution's input, such as (height, width). It is () for a linear
            layer, as are the stride, padding and dilation.
        padding: the module's setting: pixels on both sides, "same" or "valid".
        batchnorm: name of the BatchNorm that reads the layer's output, or None.
        with_batchnorm: the same map after this BatchNorm in eval mode, which multiplies the rows by
            γ / √(running_var + ε). Before a BatchNorm, the scale of a weight has no effect.
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
    """Measure every Linear, Conv1d, Conv2d and Conv3d that the model's forward pass calls.

    Layers are in the order of their first calls. A layer with inputs of several sizes appears once
    per size; a layer that is never called is left out. The computation uses a float64 copy.

    The BatchNorm of a layer is the only one that receives the tensor that the layer returns. For
    a convolution of `FactorizedReduce`, it is half of the channels of the operation's BatchNorm.

    Args:
        model: any module; it is not changed.
        example: a batch (1, …) from which the input sizes are taken, in eval mode.
        tolerance, steps, seed: as in `spectral_norms`.

    Raises:
        TheoryError: a layer does not pad with zeros, or applies another map than its weight's.

    >>> norms = weight_norms(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), torch.zeros(1, 3, 8, 8))
    >>> norms[0].norm <= norms[0].upper
    True
    """
    model = copy.deepcopy(model).eval()
    measure = partial(_map_norm, tolerance=tolerance, steps=steps, seed=seed)
    measured = []
    for (name, size), batchnorms in _watch(model, example).items():
        module = model.get_submodule(name)
        assert isinstance(module, (nn.Linear, *_CONVOLUTIONS))
        layer = _Layer.of(module, size)
        weight = _as_float64(module.weight)
        batchnorm, scaled = None, None
        if len(batchnorms) == 1:
            ((batchnorm, channels),) = batchnorms
            scale = _scale(model.get_submodule(batchnorm))[slice(*channels)]
            scaled = measure(layer, weight * scale.view(-1, *[1] * (weight.dim() - 1)))
        measured.append(
            WeightNorm(
                **vars(measure(layer, weight)),
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
    return measured


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
    inverse = (_as_float64(norm.running_var) + norm.eps).rsqrt()
    return inverse if norm.weight is None else inverse * _as_float64(norm.weight)


# ---------------------------------------------------------------- one layer's map


@dataclass(frozen=True)
class _Layer:
    """What turns a weight into a map. A linear layer is a convolution over no dimensions."""

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
        """Return A x + bias for x (batch, in, *size)."""
        if not self.size:
            return functional.linear(x, weight, bias)
        padded = functional.pad(x, [pad for pads in reversed(self.padding) for pad in pads])
        function = _FUNCTIONS[len(self.size) - 1]
        return function(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def places(self, kernel_size: tuple[int, ...]) -> list[Tensor]:
        """Return the pixel that each tap reads at each output, (taps, outputs) per axis; or −1."""
        pixels = []
        for size, stride, dilation, (before, after), taps in zip(
            self.size, self.stride, self.dilation, self.padding, kernel_size, strict=True
        ):
            outputs = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
            places = torch.arange(taps)[:, None] * dilation + torch.arange(outputs) * stride
            places -= before
            pixels.append(torch.where(places < size, places, -1).clamp(min=-1))
        return pixels


def _map_norm(layer: _Layer, weight: Tensor, *, tolerance: float, steps: int, seed: int) -> MapNorm:
    """Measure the map that a layer applies with a weight, in float64.

    Let K be a group's reshaped kernel, and let P copy the windows out of the image: A = (K ⊗ I) P.
    PᵀP is diagonal and counts the windows that contain a pixel, so ‖A‖ ≤ ‖K‖ √r for r the largest
    count. If no windows overlap and none is padded, P Pᵀ = I and ‖A‖ = ‖K‖. ‖A‖_F² counts the
    square of a tap once for each output at which the tap reads a pixel of the image.
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
        (product,) = torch.autograd.grad(y, x, vector.view(y.shape), retain_graph=True)
        return product.reshape(groups, -1)

    def product(vector: Tensor) -> Tensor:
        return layer.apply(weight, vector.view(x.shape)).reshape(groups, -1)

    spectral = spectral_norms(product, transposed, (groups, x.numel() // groups), **settings)
    largest = int(spectral.norms.argmax())
    return float(spectral.norms[largest]), float(spectral.residuals[largest])


def _symbol_bounds(layer: _Layer, weight: Tensor) -> Tensor:
    """Return upper bounds of sup_ω ‖F(ω)‖₂, (groups,), where F is the convolution's symbol.

    With zero padding, A is part of the matrix of the convolution on an infinite image, whose norm
    is sup ‖F‖. The convolution reads only every g-th pixel, g = gcd(stride, dilation). Of these,
    taps that are a multiple of s = stride / g apart read the same every s-th. So A is a convolution
    of stride 1 with s times the channels. The remaining dilation only scales ω and shifts channels.

    For unit v, ‖F(ω) v‖² is a trigonometric polynomial. Its degree n in an axis is one less than
    the kernel's taps. Around its largest value M at ω₀, it is at least M cos n(ω − ω₀) (Riesz
    1914). One of N equidistant frequencies is within π/N of ω₀. So, axis by axis,
    sup ‖F‖² ≤ max ‖F‖² / cos(π n / N) with the maximum over a grid.

    The bound is infinite if the grid would take too long.
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
    """Return the BatchNorms (with channels) that read the output of each layer and input size."""
    batchnorms: dict[_Key, set[tuple[str, _Channels]]] = {}
    outputs: dict[int, tuple[Tensor, int, _Key]] = {}  # by id; kept, so that ids stay unique

    def after_layer(name: str, module: Any, args: Any, kwargs: Any, output: Tensor) -> None:
        x = (*args, *kwargs.values())[0]
        key = name, tuple(x.shape[x.dim() + 2 - module.weight.dim() :])
        _check_map(name, module, x, output)
        batchnorms.setdefault(key, set())
        outputs[id(output)] = output, output._version, key

    def before_norm(name: str, module: Any, args: Any, kwargs: Any) -> None:
        x = (*args, *kwargs.values())[0]
        if id(x) in outputs and module.running_var is not None:
            _, version, key = outputs[id(x)]
            second = bool(key[1]) or x.dim() == 2  # a linear layer's channels may come last
            if second and version == x._version:  # it was not changed in place
                batchnorms[key].add((name, (0, module.num_features)))

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
            for (layer, _), readers in batchnorms.items():
                if layer in halves:
                    readers.add((f"{name}.bn", halves[layer]))
    return batchnorms


def _check_map(name: str, module: Any, x: Tensor, output: Tensor) -> None:
    """Raise an error if the layer does not apply its weight unchanged, as a subclass may."""
    layer = _Layer.of(module, tuple(x.shape[x.dim() + 2 - module.weight.dim() :]))
    mode = getattr(module, "padding_mode", "zeros")
    if mode != "zeros" and any(map(any, layer.padding)):
        raise TheoryError(f"Expected the layer {name!r} to pad with zeros, not with {mode!r}")
    bias = None if module.bias is None else _as_float64(module.bias)
    expected, actual = (
        layer.apply(_as_float64(module.weight), _as_float64(x), bias),
        _as_float64(output),
    )
    if not bool(expected.isfinite().all()):
        return
    scale = float(expected.abs().max())
    if actual.shape != expected.shape or bool(((actual - expected).abs() > 1e-2 * scale).any()):
        raise TheoryError(
            f"Expected the layer {name!r} ({type(module).__name__}) to compute a convolution or "
            "product with its weight, but its output differs"
        )


def _as_float64(values: Tensor) -> Tensor:
    return values.detach().cpu().double()
