"""Per-instance weight gradients, layer by layer in one backward pass.

The backward pass carries the gradient g of a layer's output for every instance; with the layer's
input x, each instance's weight gradient is the product that the ordinary pass sums over the
batch. Nothing is kept but what a caller makes of each layer's gradients at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn import functional

from nascope.errors import ProbeError
from nascope.probes.risk import Risk

Receive = Callable[[str, Tensor], None]
"""Called with a parameter's name and its per-instance gradients, (batch, *shape)."""

_FIRST = 8  # instances of a first, small batch
_CHECKED = 2  # of them, recomputed alone


class LayerwiseGradients:
    """Hooks on the layers of a risk's model that yield per-instance weight gradients.

    Supports convolutions of any stride, zero padding, dilation and groups, linear layers and
    BatchNorm in evaluation mode, also where a layer is called several times. A context manager:
    the parameters need no gradient of their own meanwhile.
    """

    def __init__(self, risk: Risk) -> None:
        self._risk = risk
        self._names = {id(parameter): name for name, parameter in risk.parameters.items()}
        self._uses: dict[str, int] = {}
        self._partial: dict[str, Tensor] = {}
        self._receive: Receive = lambda name, gradients: None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    @staticmethod
    def supports(risk: Risk) -> bool:
        """Whether every parameter belongs to layers of a known kind only."""
        for module in risk.model.modules():
            own = [p for p in module.parameters(recurse=False) if p.requires_grad]
            if own and not _is_known(module):
                return False
        return True

    def __enter__(self) -> LayerwiseGradients:
        for parameter in self._risk.parameters.values():
            parameter.requires_grad_(False)
        for module in self._risk.model.modules():
            if any(id(p) in self._names for p in module.parameters(recurse=False)):
                self._handles.append(module.register_forward_hook(self._after_forward))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        for parameter in self._risk.parameters.values():
            parameter.requires_grad_(True)

    def run(self, part: slice, receive: Receive) -> Tensor:
        """Hand each parameter's per-instance gradients of a batch to ``receive``.

        A parameter that the loss doesn't depend on is not handed out: its gradients are zero.

        Returns:
            the losses, (batch,).
        """
        self._uses.clear()
        self._partial.clear()
        self._receive = receive
        with torch.enable_grad():
            outputs = self._risk.model(self._risk.inputs[part])
            losses = self._risk.loss(outputs, self._risk.targets[part])
            if losses.requires_grad:
                losses.sum().backward()
        return losses.detach()

    def _after_forward(
        self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
    ) -> Tensor:
        if not output.requires_grad:  # nothing before it has parameters: the graph starts here
            output = output.detach().requires_grad_()
        for parameter in module.parameters(recurse=False):
            if name := self._names.get(id(parameter)):
                self._uses[name] = self._uses.get(name, 0) + 1
        output.register_hook(functools.partial(self._backward, module, inputs[0].detach()))
        return output

    def _backward(self, module: nn.Module, x: Tensor, g: Tensor) -> None:
        for parameter, gradients in _gradients(module, x, g.detach()):
            name = self._names.get(id(parameter))
            if name is None:
                continue
            self._uses[name] -= 1
            earlier = self._partial.pop(name, None)  # of another call of the same layer
            total = gradients if earlier is None else earlier + gradients
            if self._uses[name]:
                self._partial[name] = total
            else:
                self._receive(name, total)


def _is_known(module: nn.Module) -> bool:
    match module:
        case nn.Conv2d():
            return module.padding_mode == "zeros" and not isinstance(module.padding, str)
        case nn.BatchNorm2d() | nn.BatchNorm1d():
            return module.track_running_stats
    return isinstance(module, nn.Linear)


def _gradients(module: nn.Module, x: Tensor, g: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Each parameter of a layer with its per-instance gradients, (batch, *shape).

    Args:
        x: the layer's input, (batch, …).
        g: the gradient of its output, (batch, …).
    """
    match module:
        case nn.Conv2d():
            yield module.weight, _convolution(module, x, g)
            if module.bias is not None:
                yield module.bias, g.sum(dim=(2, 3))
        case nn.Linear():
            x, g = x.reshape(len(x), -1, x.shape[-1]), g.reshape(len(g), -1, g.shape[-1])
            yield module.weight, torch.bmm(g.transpose(1, 2), x)
            if module.bias is not None:
                yield module.bias, g.sum(dim=1)
        case nn.BatchNorm2d() | nn.BatchNorm1d() if module.affine:
            rest = tuple(range(2, x.dim()))
            shape = (1, -1, *(1 for _ in rest))
            assert module.running_mean is not None
            assert module.running_var is not None
            centred = x - module.running_mean.view(shape)
            scale = (module.running_var + module.eps).rsqrt()
            product = centred * g
            yield module.weight, (product.sum(dim=rest) if rest else product) * scale
            yield module.bias, g.sum(dim=rest) if rest else g


def _convolution(module: nn.Conv2d, x: Tensor, g: Tensor) -> Tensor:
    """Per-instance gradients of a convolution's weight, (batch, out, in / groups, *kernel)."""
    batch, channels_in = x.shape[:2]
    channels_out, groups = module.out_channels, module.groups
    kernel, stride = module.kernel_size, module.stride
    assert not isinstance(module.padding, str)
    if kernel == (1, 1) and groups == 1 and module.padding == (0, 0):
        strided = x[:, :, :: stride[0], :: stride[1]]
        product = torch.bmm(g.flatten(2), strided.flatten(2).transpose(1, 2))
        return product[:, :, :, None, None]
    if groups == channels_in == channels_out:
        # Depthwise: the gradient is the correlation of x with g, an instance and a channel at a
        # time; that is itself a depthwise convolution, with g as the kernel and the roles of
        # stride and dilation exchanged.
        full = functional.conv2d(
            x.reshape(1, -1, *x.shape[2:]),
            g.reshape(-1, 1, *g.shape[2:]),
            stride=module.dilation,
            padding=module.padding,
            dilation=stride,
            groups=batch * channels_in,
        )
        kept = full[..., : kernel[0], : kernel[1]]  # a stride may leave room for more offsets
        return kept.reshape(batch, channels_in, 1, *kernel)
    columns = functional.unfold(
        x, kernel, dilation=module.dilation, padding=module.padding, stride=stride
    )  # (batch, in · kernel, positions)
    columns = columns.reshape(batch * groups, -1, columns.shape[-1])
    rows = g.reshape(batch * groups, channels_out // groups, -1)
    product = torch.bmm(rows, columns.transpose(1, 2))
    return product.reshape(batch, channels_out, channels_in // groups, *kernel)


def vmap_gradients(risk: Risk, part: slice, receive: Receive) -> Tensor:
    """The same by ``torch.func``: for any model, slower, all parameters at once in memory."""
    parameters = {name: value.detach() for name, value in risk.parameters.items()}

    def loss_of_one(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return risk.loss(functional_call(risk.model, weights, (x[None],)), y[None])[0]

    gradients_of = vmap(grad_and_value(loss_of_one), in_dims=(None, 0, 0), randomness="error")
    gradients, losses = gradients_of(parameters, risk.inputs[part], risk.targets[part])
    for name, gradient in gradients.items():
        receive(name, gradient)
    return losses


def choose_method(risk: Risk) -> str:
    """How per-instance gradients of this model are computed: "layerwise" or "vmap".

    "layerwise" where every layer is of a known kind, and two instances of the first batch,
    recomputed alone, agree with it parameter by parameter.

    Raises:
        ProbeError: an instance's loss depends on the others in its batch.
    """
    _refuse_interaction(risk)
    if not LayerwiseGradients.supports(risk):
        return "vmap"
    part = slice(0, min(len(risk), _FIRST))
    found: dict[str, Tensor] = {}
    try:
        with LayerwiseGradients(risk) as layers:
            layers.run(part, found.__setitem__)
    except (RuntimeError, AttributeError, TypeError):  # layers that don't fit the hooks
        return "vmap"
    for index in range(min(_CHECKED, len(risk))):
        for name, expected in _alone(risk, index).items():
            got = found[name][index] if name in found else torch.zeros_like(expected)
            tolerance = 1e-3 if expected.dtype == torch.float32 else 1e-8
            error, size = (got - expected).norm(), expected.norm()
            if bool(error > tolerance * size + torch.finfo(expected.dtype).tiny ** 0.5):
                return "vmap"
    return "layerwise"


def _refuse_interaction(risk: Risk) -> None:
    """Raise where an instance's loss differs in a batch and alone, beyond rounding."""
    risk.displace([], [])
    together = risk.losses(slice(0, min(len(risk), _FIRST)))
    if not bool(torch.isfinite(together).all()):
        return
    for index in range(min(_CHECKED, len(risk))):
        alone = risk.losses(slice(index, index + 1))[0]
        tolerance = 1e-3 if alone.dtype == torch.float32 else 1e-8
        if abs(float(alone - together[index])) > tolerance * (1 + abs(float(alone))):
            raise ProbeError(
                "the loss of an instance depends on the others in its batch, so that a gradient "
                "per instance is not defined: is a layer's training mode forced?"
            )


def _alone(risk: Risk, index: int) -> dict[str, Tensor]:
    """The gradient of one instance's loss, by plain autograd on a batch of one."""
    part = slice(index, index + 1)
    with torch.enable_grad():
        loss = risk.loss(risk.model(risk.inputs[part]), risk.targets[part])
        gradients = torch.autograd.grad(
            loss.sum(), list(risk.parameters.values()), allow_unused=True
        )
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(risk.parameters.items(), gradients, strict=True)
    }
