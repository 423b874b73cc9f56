"""Per-instance gradients, layer by layer in one backward pass.

The backward pass has the gradient g of a layer's output for every instance. Together with the
layer's input x it gives each instance's weight gradient: the product that the ordinary pass sums
over the batch. Gradients go to the caller layer by layer; nothing else is kept. If the model has
parameters in layers of an unsupported kind, ``torch.func`` computes the gradients, more slowly. If
that fails too, plain autograd does it, one instance at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from nascope._src.errors import ProbeError
from nascope._src.networks.folding import Fold
from nascope._src.probes.layers import folded_gradients, is_known, layer_gradients
from nascope._src.probes.risk import CHECKED, FIRST, Risk, is_close

Receive = Callable[[str, slice, Tensor], None]
"""Called with a parameter's name, a slice of its first dimension, and the per-instance gradients
of that slice, (batch, *shape), which must not be changed."""

PerInstance = Callable[[slice, Receive], Tensor]
"""Passes the gradients of a batch of the data set to a receiver; returns the losses, (batch,)."""


@dataclass(frozen=True)
class Method:
    """The way to compute per-instance gradients, "layerwise", "vmap" or "loop", and why."""

    name: str
    why: str


def choose_method(risk: Risk) -> Method:
    """Return how to compute this model's per-instance gradients.

    The candidates are "layerwise" (if it supports every layer with parameters), "vmap" and "loop",
    in this order. Two instances of the first batch are recomputed alone by plain autograd; the
    first candidate that agrees with them on every parameter is chosen.

    Raises:
        ProbeError: An instance's loss depends on the others in its batch.
    """
    risk.refuse_interaction()
    unsupported = _unsupported_layers(risk)
    if unsupported:
        why = f"parameters in layers of other kinds: {', '.join(unsupported)}"
    else:
        fault = _fault(risk, "layerwise")
        if fault is None:
            return Method("layerwise", "every layer is of a known kind; two instances alone agree")
        why = f"layer by layer {fault}"
    fault = _fault(risk, "vmap")
    return Method("vmap", why) if fault is None else Method("loop", f"{why}; vmap {fault}")


def _fault(risk: Risk, method: str) -> str | None:
    """What is wrong with a method on the first batch; None if it agrees with autograd."""
    count = min(len(risk), FIRST)
    together = {
        name: value.new_zeros((count, *value.shape)) for name, value in risk.parameters.items()
    }

    def receive(name: str, rows: slice, gradients: Tensor) -> None:
        whole = together[name]
        (whole[:, rows] if whole.dim() > 1 else whole).copy_(gradients)

    try:
        with per_instance_gradients(risk, method) as gradients_of:
            gradients_of(slice(0, count), receive)
    except (RuntimeError, AttributeError, TypeError, ValueError, IndexError) as error:
        return f"fails: {(str(error).splitlines() or [''])[0]:.200}"
    for index in range(min(CHECKED, count)):
        _, alone = risk.summed_gradients(slice(index, index + 1), create_graph=False)
        for name, expected in alone.items():
            finite = bool(torch.isfinite(expected).all())
            if finite and not is_close(together[name][index], expected):
                return f"disagrees on an instance alone, at {name}"
    return None


@contextmanager
def per_instance_gradients(risk: Risk, method: str) -> Iterator[PerInstance]:
    """Provide per-instance gradients at the current weights of a Risk, by the named method.

    Raises:
        ProbeError: There is no such method.
    """
    match method:
        case "layerwise":
            with LayerwiseGradients(risk) as layerwise:
                yield layerwise
        case "vmap":
            yield functools.partial(_vmap_gradients, risk)
        case "loop":
            yield functools.partial(_loop_gradients, risk)
        case _:
            raise ProbeError(f"method must be layerwise, vmap or loop, not {method!r}")


def gradient_norms(risk: Risk, method: str | None = None) -> Tensor:
    """Return ‖∇f_i‖ of each instance at the current weights, (n,), all parameters as one vector.

    Raises:
        ProbeError: An instance's loss depends on the others in its batch.
    """
    squares = []
    with per_instance_gradients(risk, method or choose_method(risk).name) as gradients_of:
        for part in risk.slices():
            total = torch.zeros(part.stop - part.start, dtype=torch.float64)

            def receive(name: str, rows: slice, gradients: Tensor, total: Tensor = total) -> None:
                total += gradients.flatten(1).double().square().sum(dim=1).cpu()

            gradients_of(part, receive)
            squares.append(total)
    return torch.cat(squares).sqrt()


def _unsupported_layers(risk: Risk) -> list[str]:
    kinds = {
        type(module).__name__
        for module in risk.model.modules()
        if any(p.requires_grad for p in module.parameters(recurse=False)) and not is_known(module)
    }
    return sorted(kinds)


class LayerwiseGradients:
    """Hooks on a risk's layers that turn a backward pass into per-instance gradients.

    A layer may be used several times, and share its parameters with others. If BatchNorm is
    folded into the convolutions, the pass runs on the folded copy. Use it as a context manager:
    within it, the parameters themselves need no gradient.
    """

    def __init__(self, risk: Risk) -> None:
        self._risk = risk
        self._names = {id(parameter): name for name, parameter in risk.parameters.items()}
        self._model = risk.folded.network if risk.folded is not None else risk.model
        folds = risk.folded.folds if risk.folded is not None else []
        self._folds = {id(fold.convolution): fold for fold in folds}
        self._uses: dict[tuple[str, int], int] = {}
        self._partial: dict[tuple[str, int], Tensor] = {}
        self._receive: Receive = lambda name, rows, gradients: None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> LayerwiseGradients:
        for parameter in self._risk.parameters.values():
            parameter.requires_grad_(False)
        for module in self._model.modules():
            keys = list(self._keys(module))
            if keys:
                hook = functools.partial(self._after_forward, keys)
                self._handles.append(module.register_forward_hook(hook))
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

    def __call__(self, part: slice, receive: Receive) -> Tensor:
        """Pass each parameter's per-instance gradients of a batch to ``receive``.

        Parameters that the loss does not depend on are left out: their gradients are zero.

        Returns:
            The losses, (batch,).
        """
        self._uses.clear()
        self._partial.clear()
        self._receive = receive
        with torch.enable_grad():
            _, losses = self._risk.forward(self._model, part)
            if losses.requires_grad:
                losses.sum().backward()
        return losses.detach()

    def _keys(self, module: nn.Module) -> Iterator[tuple[str, int]]:
        """The name and the first row of each parameter that a layer has gradients for."""
        fold = self._folds.get(id(module))
        if fold is None:
            owned = [(p, 0) for p in module.parameters(recurse=False)]
        else:
            start = fold.channels.start
            owned = [(p, 0) for p in fold.source.parameters(recurse=False)]
            owned += [(p, start) for p in fold.norm.parameters(recurse=False)]
        for parameter, row in owned:
            if name := self._names.get(id(parameter)):
                yield name, row

    def _after_forward(
        self,
        keys: list[tuple[str, int]],
        module: nn.Module,
        inputs: tuple[Tensor, ...],
        output: Tensor,
    ) -> Tensor:
        if not output.requires_grad:  # no parameters before this layer: the graph starts here
            output = output.detach().requires_grad_().clone()  # not a leaf: may be changed in place
        for key in keys:
            self._uses[key] = self._uses.get(key, 0) + 1
        output.register_hook(functools.partial(self._backward, module, inputs[0].detach()))
        return output

    def _backward(self, module: nn.Module, x: Tensor, g: Tensor) -> None:
        fold: Fold | None = self._folds.get(id(module))
        g = g.detach()
        with torch.no_grad():
            if fold is None:
                layer = layer_gradients(module, x, g)
            else:
                layer = folded_gradients(fold, x, g)
            for parameter, rows, gradients in layer:
                name = self._names.get(id(parameter))
                if name is None:
                    continue
                key = name, rows.start
                self._uses[key] -= 1
                earlier = self._partial.pop(key, None)  # from another call of the same layer
                total = gradients if earlier is None else earlier + gradients
                if self._uses[key]:
                    self._partial[key] = total
                else:
                    self._receive(name, rows, total)


def _vmap_gradients(risk: Risk, part: slice, receive: Receive) -> Tensor:
    """The gradients by ``torch.func``: any model, but slower, with all parameters in memory."""
    parameters = {name: value.detach() for name, value in risk.parameters.items()}

    def loss_of_one(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return risk.loss(functional_call(risk.model, weights, (x[None],)), y[None])[0]

    gradients_of = vmap(grad_and_value(loss_of_one), in_dims=(None, 0, 0), randomness="error")
    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no rule for batches of batches
        gradients, losses = gradients_of(parameters, risk.inputs[part], risk.targets[part])
    for name, gradient in gradients.items():
        receive(name, slice(0, gradient.shape[1] if gradient.dim() > 1 else 1), gradient)
    return losses


def _loop_gradients(risk: Risk, part: slice, receive: Receive) -> Tensor:
    """The gradients by plain autograd, one instance at a time, for models that vmap refuses."""
    instances = [
        risk.summed_gradients(slice(index, index + 1), create_graph=False)
        for index in range(part.start, part.stop)
    ]
    for name, value in risk.parameters.items():
        rows = slice(0, value.shape[0] if value.dim() else 1)
        receive(name, rows, torch.stack([gradients[name] for _, gradients in instances]))
    return torch.cat([losses for losses, _ in instances])
