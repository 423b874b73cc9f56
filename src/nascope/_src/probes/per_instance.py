"""Per-instance gradients, layer by layer in one backward pass.

The backward pass has the gradient g of a layer's output for every instance. Together with the
layer's input x it gives each instance's weight gradient: the product that the ordinary pass sums
over the batch. Gradients go to the caller layer by layer; nothing else is kept. If the model has
parameters in layers of an unsupported kind, ``torch.func`` computes the gradients, more slowly. If
that fails too, plain autograd does it, one instance at a time.

No method is trusted: the gradients that it gives must add up to the ordinary gradient of the batch.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from nascope._src.errors import ProbeError
from nascope._src.networks.folding import Fold
from nascope._src.networks.operations import Pieces
from nascope._src.probes.failures import cause_of, user_code
from nascope._src.probes.layers import folded_gradients, is_known, layer_gradients
from nascope._src.probes.objective import plain_attention
from nascope._src.probes.preconditions import refuse_interaction, verify
from nascope._src.probes.risk import CHECKED, Risk
from nascope._src.probes.tensors import (
    as_real,
    disagreement,
    filled,
    losses_agree,
    squared_norm,
    taken,
    tensors_in,
)
from nascope._src.records.identity import derived_seed

Receive = Callable[[str, slice, Tensor], None]
"""Called with a parameter's name, a slice of its first dimension, and the per-instance gradients
of that slice, (batch, *shape), which must not be changed."""

PerInstance = Callable[[slice, Receive], Tensor]
"""Passes the gradients of a batch of the data set to a receiver; returns the losses, (batch,)."""

METHODS = ("layerwise", "vmap", "loop")

_ONE_IN = 64  # share of points at which a batch is checked again

Result = TypeVar("Result")


@dataclass(frozen=True)
class Method:
    """The way to compute per-instance gradients, "layerwise", "vmap" or "loop", and why.

    Attributes:
        name: "layerwise", "vmap" or "loop".
        why: Why this one, in words.
        cost: Time of a batch in units of an ordinary gradient of that batch; None if layer by
            layer, which is not measured.
    """

    name: str
    why: str
    cost: float | None = None


class WrongGradients(Exception):
    """The gradients of a method do not add up to the gradient of the batch."""


def with_method(risk: Risk, work: Callable[[Method], Result]) -> tuple[Result, Method]:
    """Return the result of some work, and the method that it used.

    Args:
        risk: The risk, at the weights w*.
        work: Called with a method. If it raises `WrongGradients`, it is called again, with the
            next method.

    Raises:
        ProbeError: An instance's loss depends on the others in its batch.
    """
    failed: dict[str, str] = {}
    while True:
        method = choose_method(risk, failed)
        if method.cost is not None:
            name = {"vmap": "torch.func.vmap", "loop": "one instance at a time"}[method.name]
            risk.report(
                f"per-instance gradients of {type(risk.model).__name__} are computed by {name}, "
                f"which takes {method.cost:.2g} times as long as the gradient of a batch "
                f"({method.why})",
                key=f"{method.name}: {method.why}",
            )
        try:
            return work(method), method
        except WrongGradients as error:
            failed[method.name] = str(error)


def choose_method(risk: Risk, failed: Mapping[str, str] | None = None) -> Method:
    """Return how to compute this model's per-instance gradients.

    The candidates are "layerwise" (if it supports every layer with parameters), "vmap" and "loop",
    in this order. The first one is chosen whose gradients on the first batch agree with plain
    autograd on every parameter: those of two instances with the same instances alone, and their
    sum with the gradient of the batch.

    Args:
        risk: The risk.
        failed: Methods that turned out to be wrong, and why.

    Raises:
        ProbeError: An instance's loss depends on the others in its batch, or the gradient fails.
    """
    failed = failed or {}
    refuse_interaction(risk)
    verify(risk, derivatives=1)
    reasons: list[str] = []
    for name in METHODS:
        fault, cost = failed.get(name), None
        if fault is None and name == "layerwise" and (others := _unsupported_layers(risk)):
            fault = f"parameters in layers of other kinds: {', '.join(others)}"
        if fault is None:
            try:
                cost = _try_method(risk, name)
            except WrongGradients as error:
                fault = str(error)
        if fault is None:
            if name == "layerwise":
                return Method(name, "every layer is of a known kind; two instances alone agree")
            return Method(name, "; ".join(reasons), cost)
        words = {"layerwise": "layer by layer ", "vmap": "vmap ", "loop": "one by one "}[name]
        reasons.append(fault if fault.startswith("parameters in") else words + fault)
    raise ProbeError(
        f"the gradients of single instances do not add up to the gradient of their batch "
        f"({reasons[-1]}), so a quantity per instance is not defined: does the loss of an instance "
        "depend on the others in its batch, or does the model compute in half precision?"
    )


def batch_gradients(risk: Risk, method: str, part: slice, receive: Receive) -> Tensor:
    """Pass a batch's per-instance gradients to a receiver; return the losses, (batch,).

    Raises:
        ProbeError: There is no such method.
    """
    with per_instance_gradients(risk, method) as gradients_of:
        return gradients_of(part, receive)


def checked_gradients(risk: Risk, method: str, part: slice, receive: Receive) -> Tensor:
    """Do the same, and compare their sum, and the losses, with those of plain autograd.

    Far from w*, rounding errors can be large. What differs in float32 is compared in float64.

    Raises:
        WrongGradients: They differ.
    """
    sums: dict[str, Tensor] = {}
    squares: dict[str, float] = {}

    def note(name: str, rows: slice, gradients: Tensor) -> None:
        whole = sums.get(name)
        if whole is None:
            whole = sums[name] = torch.zeros_like(risk.parameters[name], requires_grad=False)
        (whole[rows] if whole.dim() else whole).add_(gradients.sum(dim=0))
        squares[name] = squares.get(name, 0.0) + squared_norm(gradients)
        receive(name, rows, gradients)

    losses = batch_gradients(risk, method, part, note)
    expected_losses, expected = risk.summed_gradients(part, create_graph=False)
    if not bool(torch.isfinite(losses).all() and torch.isfinite(expected_losses).all()):
        return losses  # ways that agree up to rounding may overflow differently
    if not losses_agree(losses, expected_losses):
        fault = "gives other losses"
    elif name := disagreement(sums, expected, squares):
        fault = f"disagrees with the gradient of a batch, at {name}"
    else:
        return losses
    if risk.is_exact:
        raise WrongGradients(fault)
    count = part.stop - part.start
    try:
        checked_gradients(risk.exactly(part), method, slice(0, count), _ignore)
    except ProbeError as error:  # it can't be computed in float64
        raise WrongGradients(fault) from error
    return losses


def _ignore(name: str, rows: slice, gradients: Tensor) -> None:
    """Receive gradients that nobody needs."""


def gradients_at(
    risk: Risk, method: str, part: slice, receive: Receive, *, where: object
) -> Tensor:
    """Pass a batch's per-instance gradients at a point to a receiver; return the losses, (batch,).

    They are checked the first time that this Risk meets the batch, and at one point in 64,
    at random.

    Raises:
        WrongGradients: The gradients were checked, and are wrong.
    """
    first = (method, part.start) not in risk.checked
    if not first and derived_seed("check", repr(where), part.start) % _ONE_IN:
        return batch_gradients(risk, method, part, receive)
    risk.checked.add((method, part.start))
    return checked_gradients(risk, method, part, receive)


def _try_method(risk: Risk, method: str) -> float:
    """Check a method on the first batch. Return its time relative to an ordinary gradient.

    Raises:
        WrongGradients: It fails or disagrees.
    """
    part = risk.slices()[0]
    try:
        _check_first(risk, method, part)
    except ProbeError as error:
        if method == "loop":
            raise
        raise WrongGradients(f"fails ({cause_of(error.__cause__ or error)})") from error
    risk.checked.add((method, part.start))
    if method == "layerwise":
        return 1.0
    times = []
    for run in (
        lambda: batch_gradients(risk, method, part, _ignore),
        lambda: risk.summed_gradients(part, create_graph=False),
    ):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[0] / times[1]


def _check_first(risk: Risk, method: str, part: slice) -> None:
    """Check a batch, and compare its first instances with the same instances alone."""
    count = min(CHECKED, part.stop)
    few = {
        name: torch.zeros((count, *value.shape), dtype=value.dtype, device=value.device)
        for name, value in risk.parameters.items()
    }

    def receive(name: str, rows: slice, gradients: Tensor) -> None:
        whole = few[name]
        (whole[:, rows] if whole.dim() > 1 else whole).copy_(gradients[:count])

    checked_gradients(risk, method, part, receive)
    for index in range(count):
        _, alone = risk.summed_gradients(slice(index, index + 1), create_graph=False)
        name = disagreement({name: value[index] for name, value in few.items()}, alone)
        if name is None:
            continue
        if risk.is_exact:
            raise WrongGradients(f"disagrees on an instance alone, at {name}")
        return _check_first(risk.exactly(part), method, part)


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

    def measure(method: Method) -> Tensor:
        squares = []
        for part in risk.slices():
            total = torch.zeros(part.stop - part.start, dtype=torch.float64)

            def receive(name: str, rows: slice, gradients: Tensor, total: Tensor = total) -> None:
                total += (
                    as_real(gradients).reshape(len(total), -1).double().square().sum(dim=1).cpu()
                )

            gradients_at(risk, method.name, part, receive, where="weights")
            squares.append(total)
        return torch.cat(squares).sqrt()

    if method is not None:
        return measure(Method(method, "given"))
    return with_method(risk, measure)[0]


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
                hook.accepts_pieces = True  # type: ignore[attr-defined]
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
                with user_code("the gradient of the loss fails layer by layer"):
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
        inputs: tuple[Pieces, ...],
        output: Tensor,
    ) -> Tensor:
        if not output.requires_grad:  # no parameters before this layer: the graph starts here
            output = output.detach().requires_grad_().clone()  # not a leaf: may be changed in place
        for key in keys:
            self._uses[key] = self._uses.get(key, 0) + 1
        (x,) = inputs
        x = x.detach() if isinstance(x, Tensor) else [piece.detach() for piece in x]
        output.register_hook(functools.partial(self._backward, module, x))
        return output

    def _backward(self, module: nn.Module, x: Pieces, g: Tensor) -> None:
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
    parameters = {f"model.{name}": value.detach() for name, value in risk.parameters.items()}
    batch = taken((risk.inputs, risk.targets), part)

    def loss_of_one(weights: dict[str, Tensor], *tensors: Tensor) -> Tensor:
        one = filled(batch, iter(tensor[None] for tensor in tensors))
        losses: Tensor = functional_call(risk.objective, weights, one)[1]
        return losses[0]

    tensors = tensors_in(batch)
    dimensions = (None, *(0 for _ in tensors))
    gradients_of = vmap(grad_and_value(loss_of_one), in_dims=dimensions, randomness="error")
    with user_code("torch.func.vmap fails"), plain_attention, warnings.catch_warnings():
        # such as "There is a performance drop because …": a method's cost is measured instead
        warnings.filterwarnings("ignore", module="torch")
        gradients, losses = gradients_of(parameters, *tensors)
    for name, gradient in gradients.items():
        rows = slice(0, gradient.shape[1] if gradient.dim() > 1 else 1)
        receive(name.removeprefix("model."), rows, gradient)
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
