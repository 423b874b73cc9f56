"""A model and its loss as one module, and how the user's model is copied.

Every call of the user's model and loss is here.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nascope._src.errors import ProbeError
from nascope._src.probes.failures import user_code
from nascope._src.probes.tensors import Structure, count_instances, widened

Loss = Callable[..., Tensor]
"""Maps a batch's outputs, and its targets if there are any, to the loss of each instance."""

BatchLoss = Callable[[nn.Module, Structure], Tensor]
"""Maps the model and a batch of inputs to the loss of each instance, (batch,)."""


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each instance, (batch,), from logits (batch, classes)."""
    return functional.cross_entropy(outputs, targets, reduction="none")


class Objective(nn.Module):
    """A model with its loss: a batch of inputs and targets → outputs and losses (batch,).

    Args:
        model: The model.
        loss: The loss of outputs and targets.
        batch_loss: A function of the model and the inputs, in place of ``loss``.

    Calling it raises a `ProbeError` if the model or the loss fails, or the losses are not one real
    number per instance.
    """

    def __init__(self, model: nn.Module, loss: Loss, batch_loss: BatchLoss | None) -> None:
        super().__init__()
        self.model, self.loss, self.batch_loss = model, loss, batch_loss

    def forward(self, inputs: Structure, targets: Structure) -> tuple[Any, Tensor]:
        outputs = None
        with exact_attention:
            if self.batch_loss is not None:
                with user_code("the model or batch_loss fails"):
                    losses = self.batch_loss(self.model, inputs)
            else:
                outputs = self.outputs(inputs)
                with user_code("the loss fails"):
                    losses = self.loss(outputs) if targets is None else self.loss(outputs, targets)
        return outputs, _checked(losses, count_instances(inputs, "inputs"))

    def calibrate(self, inputs: Structure) -> None:
        """Run the model on a batch, so that BatchNorm sees it."""
        if self.batch_loss is None:
            with torch.no_grad():
                self.outputs(inputs)
        else:  # which may differentiate the model
            with user_code("the model or batch_loss fails"), torch.enable_grad():
                self.batch_loss(self.model, inputs)

    def of(self, model: nn.Module) -> Objective:
        """Return the same objective of another model."""
        return Objective(model, self.loss, self.batch_loss)

    def outputs(self, inputs: Structure) -> Any:
        """Return the model's outputs: a tuple of inputs is unpacked, and so is a dictionary."""
        with user_code("the model fails in evaluation mode"):
            if type(inputs) is tuple:
                return self.model(*inputs)
            if hasattr(inputs, "keys"):
                return self.model(**inputs)
            return self.model(inputs)


def _checked(losses: object, count: int) -> Tensor:
    if not isinstance(losses, Tensor):
        raise ProbeError(
            f"the loss must be a tensor of real floating-point numbers, not {type(losses).__name__}"
        )
    if not losses.is_floating_point():
        raise ProbeError(
            f"the loss must be a tensor of real floating-point numbers, not of {losses.dtype}"
        )
    if losses.shape != (count,):
        raise ProbeError(
            f"the loss must be per instance, of shape (batch,), here ({count},), not "
            f"{tuple(losses.shape)}: use reduction='none', and add up all other dimensions"
        )
    return losses


# ------------------------------------------------------------ how torch computes


class Shared:
    """A setting of the whole process that several threads need at the same time.

    The first thread that enters it sets it, and the last one that leaves restores it.

    Args:
        make: Returns a context manager that sets it.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._depth = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._stack.enter_context(self._make())
            self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._stack.close()


@contextmanager
def _no_fast_path() -> Any:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


exact_attention = Shared(_no_fast_path)
"""Without it, TransformerEncoder computes padded positions in another way if it needs no gradient,
and gives another loss."""

plain_attention = Shared(lambda: sdpa_kernel(SDPBackend.MATH))
"""Fused attention has no second derivative, and no rule for batches of batches."""

plain_recurrence = Shared(lambda: torch.backends.cudnn.flags(enabled=False))
"""cuDNN's recurrent layers have no gradient in evaluation mode."""


# ------------------------------------------------------------ copies


def copy_model(model: nn.Module) -> nn.Module:
    """Return an independent copy of a model.

    Tensors that a forward pass left in it, such as the weight of the older ``weight_norm``, are
    part of a graph, which can't be copied; the copy holds their values.

    Raises:
        ProbeError: The model can't be copied.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                for tensor in _graph_tensors(value):
                    memo[id(tensor)] = tensor.detach().clone()
    with user_code("the model can't be copied with copy.deepcopy"):
        return copy.deepcopy(model, memo)


def prepared(model: object) -> nn.Module:
    """Return a copy of the user's model in evaluation mode, ready to be probed.

    It is the module inside torch.compile or DataParallel. Weights in float16 and bfloat16 become
    float32. Embeddings have dense gradients, which are the same numbers.

    Raises:
        ProbeError: It is no module, or its weights do not exist yet.
    """
    if not isinstance(model, nn.Module):
        raise ProbeError(
            f"expected a torch.nn.Module as the model, but got {_described(model)}: a function "
            "with weights can be wrapped in one"
        )
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while hasattr(model, "_orig_mod") or isinstance(model, parallel):
        model = model.module if isinstance(model, parallel) else model._orig_mod
    assert isinstance(model, nn.Module)
    tensors = [*model.named_parameters(), *model.named_buffers()]
    if lazy := [name for name, value in tensors if is_lazy(value)]:
        raise ProbeError(
            f"the model has a lazy layer whose weight {lazy[0]!r} does not exist yet: call the "
            "model once on a batch, and train it, before you probe it"
        )
    if missing := [name for name, value in tensors if value.is_meta]:
        raise ProbeError(
            f"the weight {missing[0]!r} is on the meta device, without numbers: load the weights "
            "before you probe the model"
        )
    model = copy_model(model).eval()
    _replace_weight_norm(model)
    half = any(value is not widened(value) for _, value in tensors)
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            module.sparse = False
        if half:
            module._apply(widened, recurse=False)
    return model


class Watch(TorchDispatchMode):
    """Within it, notes the first of some tensors that an operation of torch uses.

    Args:
        tensors: The tensors, by name. Their views count as well.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.found = ""
        self._names = {_address(value): name for name, value in tensors.items()}
        self._names.pop(0, None)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, Tensor):
                self.found = self.found or self._names.get(_address(value), "")
        return function(*args, **(kwargs or {}))


def _address(value: Tensor) -> int:
    """Where a tensor's numbers are in memory; 0 if it has none, or no storage, as a sparse one."""
    try:
        return value.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def _replace_weight_norm(model: nn.Module) -> None:
    """Compute weight norm by a formula. torch's own has a wrong second derivative (torch 2.13)."""
    for module in model.modules():
        if isinstance(module, _WeightNorm):
            module.forward = functools.partial(_weight_of, dim=module.dim)  # type: ignore[method-assign]
        for key, hook in module._forward_pre_hooks.items():
            if isinstance(hook, WeightNorm):
                module._forward_pre_hooks[key] = _PlainWeightNorm(hook.name, hook.dim)


class _PlainWeightNorm(WeightNorm):
    def compute_weight(self, module: nn.Module) -> Any:
        length, direction = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return _weight_of(length, direction, dim=self.dim)


def _weight_of(length: Tensor, direction: Tensor, *, dim: int) -> Tensor:
    """g v / ‖v‖, the norm over all dimensions but one; over all if that is −1."""
    others = [k for k in range(direction.dim()) if dim == -1 or k != dim % direction.dim()]
    return direction * (length / torch.linalg.vector_norm(direction, dim=others, keepdim=True))


def _described(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _graph_tensors(value: object) -> list[Tensor]:
    """The tensors with a graph in an attribute, or in a list, tuple or dictionary there."""
    if isinstance(value, Tensor):
        return [] if value.is_leaf else [value]
    items: list[object] = []
    if isinstance(value, dict):
        items = list(value.values())
    elif isinstance(value, list | tuple):
        items = list(value)
    return [tensor for item in items if item is not value for tensor in _graph_tensors(item)]
