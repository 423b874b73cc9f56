"""Risk: a model, a per-instance loss and a data set, at any displacement of the weights.

Every probe is a function of a Risk.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from nascope._src.errors import ProbeError
from nascope._src.networks.folding import Folded
from nascope._src.probes.settings import BatchNormMode

Loss = Callable[[Tensor, Tensor], Tensor]
Direction = Mapping[str, Tensor]
"""A displacement: for each parameter's name, a tensor with the parameter's shape."""

FIRST = 8  # instances in a first, small batch
CHECKED = 2  # instances of that batch that are recomputed alone


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each instance, (batch,), from logits (batch, classes)."""
    return functional.cross_entropy(outputs, targets, reduction="none")


class Risk:
    """The empirical risk E_i f_i(w) over a data set, at any displacement from the weights w*.

    Every probe accepts one. The model is copied and put into evaluation mode; your own model never
    changes.

    Args:
        model: Any module that maps a batch of inputs to a batch of outputs.
        inputs: All instances, (n, …), on the model's device.
        targets: Their targets, (n, …).
        loss: Maps outputs and targets of a batch to the loss of each instance, (batch,). The
            default is the cross-entropy of logits, in nats.
        batch_size: Largest number of instances per batch; batches are as equal as possible.
        batchnorm: The statistics that BatchNorm uses at a displacement. "frozen": the running
            statistics of w* everywhere, as in the paper's tools. "recalibrated": running
            statistics estimated again at each displacement, as the mean over the batches of the
            calibration set. "batch": the statistics of each batch, so that instances interact.
        calibration: Inputs (m, …) for "recalibrated"; by default ``inputs``.

    Raises:
        ProbeError: The numbers of inputs and targets differ, the loss is not per instance, or the
            model fails on the first batch.

    >>> import torch
    >>> risk = Risk(torch.nn.Linear(2, 2), torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    >>> risk
    Risk(Linear with 6 parameters, 3 instances, batchnorm='frozen')
    >>> loss, gradient = risk.gradient()
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        loss: Loss = cross_entropy,
        batch_size: int = 250,
        batchnorm: BatchNormMode = "frozen",
        calibration: Tensor | None = None,
    ) -> None:
        if len(inputs) != len(targets) or len(inputs) == 0:
            raise ProbeError(
                f"expected one target per input, and at least one, but got {len(inputs)} inputs "
                f"and {len(targets)} targets"
            )
        if batch_size < 1:
            raise ProbeError(f"batch_size must be at least 1, not {batch_size}")
        if batchnorm not in get_args(BatchNormMode):
            modes = ", ".join(get_args(BatchNormMode))
            raise ProbeError(f"batchnorm must be one of {modes}, not {batchnorm!r}")
        if calibration is not None and len(calibration) == 0:
            raise ProbeError("calibration has no inputs")
        self.model = copy.deepcopy(model).eval()
        self.loss = loss
        self.inputs = inputs
        self.targets = targets
        self.batch_size = batch_size
        self.batchnorm = batchnorm
        self.calibration = inputs if calibration is None else calibration
        self.parameters: dict[str, Tensor] = {
            name: parameter
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }
        if not self.parameters:
            raise ProbeError("the model has no parameter that requires a gradient")
        self._origin = {name: value.detach().clone() for name, value in self.parameters.items()}
        self._norms = [m for m in self.model.modules() if isinstance(m, _BatchNorm)]
        if batchnorm == "batch":
            for norm in self._norms:
                norm.running_mean = norm.running_var = None
        self.folded: Folded | None = None
        self.displace([], [])
        self._check_loss()
        self.folded = self._verified_fold()

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        size = sum(value.numel() for value in self.parameters.values())
        return (
            f"Risk({type(self.model).__name__} with {size:,} parameters, {len(self):,} instances, "
            f"batchnorm={self.batchnorm!r})"
        )

    def copy(self) -> Risk:
        """Return an independent Risk at the same weights that shares the data."""
        other = copy.copy(self)
        other.model = copy.deepcopy(self.model)
        parameters = dict(other.model.named_parameters())
        other.parameters = {name: parameters[name] for name in self.parameters}
        other._norms = [m for m in other.model.modules() if isinstance(m, _BatchNorm)]
        other.folded = Folded(other.model) if self.folded is not None else None
        return other

    @property
    def origin(self) -> Mapping[str, Tensor]:
        """w*, the weights of the given model, by name. Do not change them."""
        return self._origin

    @property
    def is_finite(self) -> bool:
        """Whether all weights of w* are finite. If not, no quantity of the risk is."""
        return all(bool(torch.isfinite(value).all()) for value in self._origin.values())

    # ------------------------------------------------------------ displacement

    def displace(self, directions: Sequence[Direction], coefficients: Sequence[float]) -> None:
        """Set the weights to w* + Σ_k c_k d_k.

        Each displacement starts from w*, since w + d − d ≠ w in floating point.

        Args:
            directions: The d_k.
            coefficients: The c_k, one per direction.

        Raises:
            ProbeError: The numbers of coefficients and directions differ, or a direction lacks a
                parameter or has another shape.
        """
        if len(directions) != len(coefficients):
            raise ProbeError(
                f"expected one coefficient per direction, but got {len(directions)} directions "
                f"and {len(coefficients)} coefficients"
            )
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                value = self._origin[name]
                for direction, coefficient in zip(directions, coefficients, strict=True):
                    if name not in direction:
                        raise ProbeError(f"a direction has no entry for the parameter {name!r}")
                    if direction[name].shape != value.shape:
                        raise ProbeError(
                            f"expected a direction of shape {tuple(value.shape)} for {name!r}, "
                            f"but got {tuple(direction[name].shape)}"
                        )
                    if coefficient != 0:
                        value = value.add(direction[name], alpha=coefficient)
                parameter.copy_(value)
        if self.batchnorm == "recalibrated":
            self._recalibrate()
        if self.folded is not None:
            self.folded.refresh()

    def _recalibrate(self) -> None:
        """Set the running statistics to their means over the calibration set's batches."""
        momenta = [norm.momentum for norm in self._norms]
        for norm in self._norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over batches
            norm.train()
        try:
            with torch.no_grad():
                for part in equal_slices(len(self.calibration), self.batch_size):
                    self.model(self.calibration[part])
        except ValueError as error:  # a batch of one
            raise ProbeError(f"BatchNorm can't be recalibrated: {error}") from None
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum
                norm.eval()

    # ------------------------------------------------------------ values and derivatives

    def slices(self) -> list[slice]:
        """Return the data set's batches, in order."""
        return list(equal_slices(len(self), self.batch_size))

    def values(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield each batch with its outputs and losses (batch,), without gradients."""
        for part in self.slices():
            yield part, *self.value(part)

    def value(self, part: slice) -> tuple[Tensor, Tensor]:
        """Return the outputs and losses (batch,) of one batch, without gradients."""
        model = self.folded.network if self.folded is not None else self.model
        with torch.inference_mode():
            return self.forward(model, part)

    def gradient(self, part: slice | None = None) -> tuple[float, dict[str, Tensor]]:
        """Return the mean loss over the data set, or one batch, and its gradient (float64)."""
        total, sums = 0.0, self._zeros(self.parameters)
        for batch in [part] if part is not None else self.slices():
            losses, gradients = self.summed_gradients(batch, create_graph=False)
            total += float(losses.double().sum())
            _add(sums, gradients)
        size = _size(part, len(self))
        return total / size, {name: value / size for name, value in sums.items()}

    def hessian_vector_product(
        self, vector: Direction, part: slice | None = None
    ) -> dict[str, Tensor]:
        """Return ∇²f v, float64, by double backward (Pearlmutter 1994).

        As everywhere in torch, the second derivative of a ReLU is zero at its kink.

        Args:
            vector: v. Parameters that it lacks are fixed, and not part of the Hessian.
            part: A batch; by default the whole data set.
        """
        sums = self._zeros(vector)
        for batch in [part] if part is not None else self.slices():
            _, gradients = self.summed_gradients(batch, create_graph=True, names=vector)
            used = [name for name in vector if gradients[name].requires_grad]
            if not used:
                continue
            products = torch.autograd.grad(
                [gradients[name] for name in used],
                [self.parameters[name] for name in vector],
                [vector[name].to(gradients[name]) for name in used],
                allow_unused=True,
            )
            _add(sums, dict(zip(vector, products, strict=True)))
        size = _size(part, len(self))
        return {name: value / size for name, value in sums.items()}

    def summed_gradients(
        self, part: slice, *, create_graph: bool, names: Iterable[str] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return a batch's losses, and the gradients of their sum: zero for unused parameters."""
        names = list(self.parameters if names is None else names)
        with torch.enable_grad():
            # Fused attention has no second derivative.
            with sdpa_kernel(SDPBackend.MATH) if create_graph else nullcontext():
                _, losses = self.forward(self.model, part)
            if not losses.requires_grad:  # a constant
                constant = {name: torch.zeros_like(self.parameters[name]) for name in names}
                return losses, constant
            gradients = torch.autograd.grad(
                losses.sum(),
                [self.parameters[name] for name in names],
                create_graph=create_graph,
                materialize_grads=True,
                allow_unused=True,
            )
        return losses.detach(), dict(zip(names, gradients, strict=True))

    def _zeros(self, names: Iterable[str]) -> dict[str, Tensor]:
        return {
            name: torch.zeros(value.shape, dtype=accumulator_dtype(value), device=value.device)
            for name, value in ((name, self.parameters[name]) for name in names)
        }

    def forward(self, model: nn.Module, part: slice) -> tuple[Tensor, Tensor]:
        """Return a batch's outputs and losses (batch,) by this risk's model, or a copy of it."""
        outputs = model(self.inputs[part])
        return outputs, self.loss(outputs, self.targets[part])

    # ------------------------------------------------------------ checks

    def refuse_interaction(self) -> None:
        """Check that an instance's loss is the same in a batch and alone, up to rounding.

        Raises:
            ProbeError: It is not, so no quantity per instance is defined.
        """
        why = "so that a quantity per instance is not defined"
        if self.batchnorm == "batch" and self._norms:
            raise ProbeError(
                f"with batchnorm 'batch' the loss of an instance depends on its batch, {why}: "
                "use 'frozen' or 'recalibrated'"
            )
        _, together = self.value(slice(0, min(len(self), FIRST)))
        if not bool(torch.isfinite(together).all()):
            return
        for index in range(min(CHECKED, len(self))):
            alone = self.value(slice(index, index + 1))[1][0]
            if not is_close(together[index], alone):
                raise ProbeError(
                    f"the loss of an instance depends on the others in its batch, {why}: is a "
                    "layer's training mode forced, or does the model subtract a batch's mean?"
                )

    def _check_loss(self) -> None:
        count = min(CHECKED, len(self))
        try:
            _, losses = self.value(slice(0, count))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise ProbeError(f"the model or the loss fails on the first batch: {error}") from error
        if not (torch.is_tensor(losses) and losses.is_floating_point()):
            raise ProbeError("the loss must be a tensor of real floating-point numbers")
        if losses.shape != (count,):
            raise ProbeError(
                f"the loss must be per instance, of shape (batch,), not {tuple(losses.shape)}: "
                "use reduction='none'"
            )

    def _verified_fold(self) -> Folded | None:
        """A folded copy of the model, if there is anything to fold and the losses agree."""
        try:
            folded = Folded(self.model)
        except (RuntimeError, TypeError, AttributeError):  # the model cannot be copied this way
            return None
        if not folded.folds:
            return None
        first = slice(0, min(len(self), FIRST))
        with torch.inference_mode():
            _, expected = self.forward(self.model, first)
            try:
                _, losses = self.forward(folded.network, first)
            except (RuntimeError, TypeError, AttributeError):
                return None
        finite = torch.isfinite(expected)
        pairs = zip(losses[finite], expected[finite], strict=True)
        return folded if all(is_close(loss, wanted) for loss, wanted in pairs) else None


def equal_slices(count: int, largest: int) -> Iterator[slice]:
    """Yield ``range(count)`` in consecutive parts of at most ``largest``, as equal as possible.

    >>> [part.stop - part.start for part in equal_slices(10, 4)]
    [3, 3, 4]
    """
    parts = math.ceil(count / largest)
    for index in range(parts):
        yield slice(index * count // parts, (index + 1) * count // parts)


def is_close(actual: Tensor, expected: Tensor) -> bool:
    """Return whether two tensors agree up to rounding, by the norm of their difference.

    >>> is_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
    False
    """
    tolerance = 1e-8 if expected.dtype == torch.float64 else 1e-3
    error, size = float((actual - expected).norm()), float(expected.norm())
    return error <= tolerance * size + torch.finfo(expected.dtype).tiny ** 0.5


def accumulator_dtype(value: Tensor) -> torch.dtype:
    """Return the dtype for sums: float64, or float32 on devices without it."""
    return torch.float32 if value.device.type == "mps" else torch.float64


def _size(part: slice | None, count: int) -> int:
    return count if part is None else part.stop - part.start


def _add(sums: dict[str, Tensor], values: Mapping[str, Tensor | None]) -> None:
    for name, value in values.items():
        if value is not None:
            sums[name] += value
