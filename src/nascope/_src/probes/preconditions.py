"""Checks of a Risk before it is probed: that the model's loss and its derivatives are defined.

Each check runs at the current weights, once per Risk. What differs in float32 is compared in
float64 before it is refused.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from nascope._src.errors import ProbeError
from nascope._src.networks.network import Network
from nascope._src.probes.failures import user_code
from nascope._src.probes.risk import CHECKED, FIRST, Risk
from nascope._src.probes.tensors import (
    dense,
    disagreement,
    inner_product,
    losses_agree,
    relative_tolerance,
    squared_norm,
)


def verify(risk: Risk, *, derivatives: int = 0) -> None:
    """Check on all data that the losses at the current weights are well defined.

    Every way to compute them must give the same: again, with and without gradients, and with
    BatchNorm folded into convolutions. If a fast way gives others, a slower one is used. This
    is done once, and on the first instances alone if the network is nascope's own.

    Args:
        derivatives: Number of derivatives that are needed: 0, 1 or 2. They are checked on the
            first batch.

    Raises:
        ProbeError: The losses are random or do not depend on the model's weights, or torch
            can't compute their derivatives.
    """
    own = isinstance(risk.model, Network)
    first = slice(0, min(FIRST, len(risk)))
    if 0 not in risk.verification.done:
        for part in [first] if own else risk.slices():
            _verify_batch(risk, part)
        if not own:
            risk.verification.without_gradient = _find_dependence(risk, first)
    if derivatives > 0 and risk.verification.without_gradient:
        raise ProbeError(risk.verification.without_gradient)
    if derivatives > 0 and not own and 1 not in risk.verification.done:
        _verify_gradient(risk, first)
    if derivatives > 1 and not own and 2 not in risk.verification.done:
        _verify_symmetry(risk, risk.slices()[0])
    risk.verification.done.update(range(derivatives + 1))


def refuse_interaction(risk: Risk) -> None:
    """Check that an instance's loss is the same in any batch and alone, up to rounding.

    Raises:
        ProbeError: It is not, so no quantity per instance is defined.
    """
    why = "so that a quantity per instance is not defined"
    norms = {n: m for n, m in risk.model.named_modules() if isinstance(m, _BatchNorm)}
    if risk.batchnorm == "batch" and norms:
        raise ProbeError(
            f"with batchnorm 'batch' the loss of an instance depends on its batch, {why}: "
            "use 'frozen' or 'recalibrated'"
        )
    for name, norm in norms.items():
        if norm.running_var is None:
            raise ProbeError(
                f"the BatchNorm {name!r} has no running statistics, so the loss of an instance "
                f"depends on its batch, {why}: use track_running_stats=True"
            )
    verify(risk)
    own = isinstance(risk.model, Network)
    parts = [slice(0, min(FIRST, len(risk)))] if own else risk.slices()
    together = torch.cat([risk.value(part)[1] for part in parts])
    groups = [slice(index, index + 1) for index in range(min(CHECKED, len(together)))]
    if not own:  # other companions for each instance
        count = min(len(parts) + 1, len(together))
        groups += [slice(start, len(together), count) for start in range(count)]
    for group in groups:
        _, losses = risk.value(group)
        if not losses_agree(losses, together[group]):
            if not risk.is_exact:  # is it rounding?
                return refuse_interaction(risk.exactly(slice(0, len(risk))))
            raise ProbeError(
                f"the loss of an instance depends on the others in its batch, {why}: is a "
                "layer's training mode forced, does the model subtract a batch's mean, or does "
                "it compute in half precision?"
            )


def _verify_batch(risk: Risk, part: slice) -> None:
    before = _random_states(risk.device)
    _, losses = risk.value(part)
    try:
        _, expected = risk.recorded(part)
    except ProbeError:  # it works without gradients only
        with torch.no_grad():
            _, expected = risk.forward(risk.model, part)
    if _random_states(risk.device) != before:
        _, again = risk.value(part)
        if not torch.equal(losses.nan_to_num(), again.nan_to_num()):
            raise ProbeError(
                "the model or the loss draws random numbers in evaluation mode: at the same "
                f"weights the mean loss is {float(losses.mean()):.6g} and "
                f"{float(again.mean()):.6g}, so no probe is defined. Switch them off, such as "
                "dropout with training=True, or draw them once and pass them as inputs"
            )
    while not losses_agree(losses, expected):
        _, again = risk.value(part)
        if risk.needs_gradients or not losses_agree(again, losses):
            raise ProbeError(
                "the loss changes from call to call at the same weights: "
                f"{float(losses.mean()):.6g}, then {float(again.mean()):.6g}. Does the model "
                "or the loss keep state between calls? Reset it in each call"
            )
        if risk.folded is not None:
            risk.folded = None
        else:
            risk.needs_gradients = True
            risk.report(
                f"without gradients the model has another loss ({float(losses.mean()):.6g}) "
                f"than with gradients ({float(expected.mean()):.6g}) at the same weights; "
                "every probe uses the loss with gradients, which takes longer"
            )
        _, losses = risk.value(part)


def _find_dependence(risk: Risk, first: slice) -> str:
    """Why the loss has no gradient although it is not constant; empty if it has one.

    Raises:
        ProbeError: The loss does not depend on the weights, but on others.
    """
    try:
        with torch.enable_grad(), risk.differentiable():
            _, losses = risk.forward(risk.model, first)
            if losses.requires_grad:
                found = torch.autograd.grad(
                    losses.sum(), list(risk.parameters.values()), allow_unused=True
                )
                if any(value is not None for value in found):
                    return ""
    except Exception:
        return ""
    moved = risk.copy()
    moved.displace([{name: 0.1 * w + 0.01 for name, w in risk.origin.items()}], [1.0])
    if not losses_agree(moved.value(first)[1], risk.value(first)[1]):
        return (
            "the loss depends on the weights, but no gradient reaches them: remove "
            "torch.no_grad, inference_mode and detach from the model and the loss"
        )
    if losses.requires_grad:
        raise ProbeError(
            "the loss does not depend on the weights of the model that it is given: use that "
            "model in the loss, not another copy of it"
        )
    return ""


def _verify_gradient(risk: Risk, first: slice) -> None:
    """Compare the gradient of torch.autograd.grad with that of backward()."""
    _, expected = risk.summed_gradients(first, create_graph=False)
    copied = risk.copy()
    with torch.enable_grad(), copied.differentiable():
        _, losses = copied.forward(copied.model, first)
        risk.verification.own_functions = _custom_functions(losses)
        if not losses.requires_grad:
            return
        with user_code("the gradient of the loss fails"):
            losses.sum().backward()
    found = {
        name: dense(value.grad)
        for name, value in copied.parameters.items()
        if value.grad is not None
    }
    if name := disagreement(expected, found):
        raise ProbeError(
            f"torch.autograd.grad gives another gradient than backward() at {name!r}: an "
            "operation runs a backward pass of its own. Call torch.utils.checkpoint with "
            "use_reentrant=False"
        )


def _verify_symmetry(risk: Risk, part: slice) -> None:
    """Check that uᵀ H v = vᵀ H u for random u and v."""
    generator = torch.Generator().manual_seed(0)
    u, v = (
        {
            name: torch.randn(w.shape, generator=generator, dtype=w.dtype).to(w.device)
            for name, w in risk.origin.items()
        }
        for _ in range(2)
    )
    hu, hv = (risk.hessian_vector_product(vector, part) for vector in (u, v))
    size = sum(squared_norm(value) for product in (hu, hv) for value in product.values())
    difference = inner_product(v, hu) - inner_product(u, hv)
    dtype = next(iter(risk.origin.values())).dtype
    if math.isfinite(size) and abs(difference) > 10 * relative_tolerance(dtype) * size**0.5:
        if not risk.is_exact:  # is it rounding?
            return _verify_symmetry(risk.exactly(part), slice(0, part.stop - part.start))
        raise ProbeError(
            "the Hessian that torch computes is not symmetric: an operation's backward pass "
            "can't be differentiated, as with once_differentiable. Replace the operation, or "
            "leave the curvature out"
        )
    if names := risk.verification.own_functions:
        risk.report(
            f"the model has autograd functions of its own ({', '.join(names)}): "
            "the curvature is right only if their backward passes can be differentiated"
        )


def _custom_functions(losses: Tensor) -> list[str]:
    """Return the names of the autograd functions in a graph that are written in Python."""
    found: set[str] = set()
    seen: set[Any] = set()
    waiting: list[Any] = [losses.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            found.add(type(node).__name__.removesuffix("Backward"))
        waiting += [following for following, _ in node.next_functions]
    return sorted(found)


def _random_states(device: torch.device) -> tuple[object, ...]:
    """The states of the generators that a model may draw from."""
    name, keys, *place = np.random.get_state(legacy=True)
    states: list[object] = [random.getstate(), name, np.asarray(keys).tobytes(), *place]
    states.append(torch.random.get_rng_state().numpy().tobytes())
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device).numpy().tobytes())
    return tuple(states)
