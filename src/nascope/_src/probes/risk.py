"""Risk: a model, a per-instance loss and a data set, at any displacement of the weights.

Every probe is a function of a Risk.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.modules.batchnorm import _BatchNorm

from nascope._src.errors import ProbeError
from nascope._src.networks.folding import Folded
from nascope._src.networks.network import Network
from nascope._src.probes.failures import user_code
from nascope._src.probes.objective import (
    BatchLoss,
    Loss,
    Objective,
    Watch,
    copy_model,
    cross_entropy,
    plain_attention,
    plain_recurrence,
    prepared,
)
from nascope._src.probes.settings import BatchNormMode
from nascope._src.probes.tensors import (
    Structure,
    accumulator_dtype,
    count_instances,
    dense,
    exact,
    exact_dtype,
    losses_agree,
    mapped,
    taken,
)

Direction = Mapping[str, Tensor]
"""A displacement: for each parameter's name, a tensor with the parameter's shape."""

FIRST = 8  # instances in a first, small batch
CHECKED = 2  # instances of that batch that are recomputed alone


@dataclass
class Verification:
    """What `verify` found out about a Risk; its copies share it.

    Attributes:
        done: Numbers of derivatives that were checked.
        without_gradient: Why the loss has no gradient; empty if it has one.
        own_functions: Autograd functions in the model that are written in Python.
    """

    done: set[int] = field(default_factory=set)
    without_gradient: str = ""
    own_functions: list[str] = field(default_factory=list)


class Risk:
    """The empirical risk E_i f_i(w) over a data set, at any displacement from the weights w*.

    Every probe accepts one. The model is copied and put into evaluation mode; your own model never
    changes. Weights in float16 or bfloat16 are probed in float32.

    Args:
        model: Any module.
        inputs: All instances, (n, …), on the model's device: a tensor, or tuples, lists,
            dictionaries and dataclasses of tensors, each with the instance as first dimension. A
            tuple is passed to the model as positional arguments, a dictionary as keyword
            arguments, anything else as one argument.
        targets: Their targets, in the same form. None if the loss needs none.
        loss: Maps outputs and targets of a batch, or outputs alone if there are no targets, to the
            loss of each instance, (batch,). The default is the cross-entropy of logits, in nats.
        batch_loss: In place of ``loss`` and ``targets``, a function of the model and a batch of
            inputs that returns the loss of each instance, (batch,). It may call the model several
            times, and differentiate it.
        batch_size: Largest number of instances per batch; batches are as equal as possible.
        batchnorm: The statistics that BatchNorm uses at a displacement. "frozen": the running
            statistics of w* everywhere, as in the paper's tools. "recalibrated": running
            statistics estimated again at each displacement, as the mean over the batches of the
            calibration set. "batch": the statistics of each batch, so that instances interact.
        calibration: Inputs (m, …) for "recalibrated"; by default ``inputs``.

    Raises:
        ProbeError: The numbers of instances differ, the loss is not per instance, the model or
            the loss fails on the first batch, or a copy of the model does not follow its own
            weights.

    >>> import torch
    >>> risk = Risk(torch.nn.Linear(2, 2), torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    >>> risk
    Risk(Linear with 6 parameters, 3 instances, batchnorm='frozen')
    >>> loss, gradient = risk.gradient()
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Structure,
        targets: Structure = None,
        *,
        loss: Loss = cross_entropy,
        batch_loss: BatchLoss | None = None,
        batch_size: int = 250,
        batchnorm: BatchNormMode = "frozen",
        calibration: Structure = None,
    ) -> None:
        _check_fit(inputs, targets, loss, batch_loss)
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ProbeError(f"batch_size must be at least 1, and whole, not {batch_size!r}")
        if batchnorm not in get_args(BatchNormMode):
            modes = ", ".join(get_args(BatchNormMode))
            raise ProbeError(f"batchnorm must be one of {modes}, not {batchnorm!r}")
        if calibration is not None and count_instances(calibration, "calibration") == 0:
            raise ProbeError("calibration has no inputs")
        self.model = prepared(model)
        self.objective = Objective(self.model, loss, batch_loss)
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
        self._norms = self._prepared_norms()
        self._is_recurrent = any(isinstance(m, nn.RNNBase) for m in self.model.modules())
        self.folded: Folded | None = None
        self.needs_gradients = False  # whether values are computed as for a gradient
        self._keeps_graphs = False  # whether the loss itself takes a gradient
        self.verification = Verification()
        self._reported: set[str] = set()
        self.checked: set[tuple[str, int]] = set()  # methods and batches; see `gradients_at`
        self.displace([], [])
        self._try_first()
        self._fold()
        if not isinstance(model, Network):
            self._check_copy(model)

    def __len__(self) -> int:
        return count_instances(self.inputs, "inputs")

    def __repr__(self) -> str:
        size = sum(value.numel() for value in self.parameters.values())
        return (
            f"Risk({type(self.model).__name__} with {size:,} parameters, {len(self):,} instances, "
            f"batchnorm={self.batchnorm!r})"
        )

    def copy(self) -> Risk:
        """Return an independent Risk at the same weights that shares the data."""
        other = self._of(copy_model(self.model))
        other.folded = Folded(other.model) if self.folded is not None else None
        return other

    def _of(self, model: nn.Module) -> Risk:
        """Return the same Risk of a copy of the model, without folding."""
        other = copy.copy(self)
        other.model = model
        other.objective = self.objective.of(model)
        parameters = dict(model.named_parameters())
        other.parameters = {name: parameters[name] for name in self.parameters}
        other._norms = other._prepared_norms()
        other.folded = None
        return other

    def _prepared_norms(self) -> list[_BatchNorm]:
        """Return the BatchNorms, without running statistics if each batch has its own."""
        norms = [m for m in self.model.modules() if isinstance(m, _BatchNorm)]
        if self.batchnorm == "batch":
            for norm in norms:
                norm.running_mean = norm.running_var = None
        return norms

    def restricted(self, part: slice) -> Risk:
        """Return an independent Risk at the same weights with one part of the data, unchecked."""
        other = self.copy()
        other.inputs, other.targets = taken((self.inputs, self.targets), part)
        other.verification, other.checked = Verification(), set()
        return other

    def exactly(self, part: slice) -> Risk:
        """Return an independent Risk in float64 at the same weights, with one part of the data."""
        other = self.copy()
        for module in other.model.modules():
            module._apply(exact, recurse=False)
        other.inputs, other.targets = mapped(taken((self.inputs, self.targets), part), exact)
        other.folded = Folded(other.model) if self.folded is not None else None
        return other

    @property
    def is_exact(self) -> bool:
        """Whether all weights are in float64."""
        return all(value.dtype == exact_dtype(value) for value in self.parameters.values())

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(iter(self.parameters.values())).device

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
            size = count_instances(self.calibration, "calibration")
            for part in equal_slices(size, self.batch_size):
                self.objective.calibrate(taken(self.calibration, part))
        except ProbeError as error:  # such as a batch of one
            raise ProbeError(f"BatchNorm can't be recalibrated: {error}") from error
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum
                norm.eval()

    # ------------------------------------------------------------ values and derivatives

    def slices(self) -> list[slice]:
        """Return the data set's batches, in order."""
        return list(equal_slices(len(self), self.batch_size))

    def values(self) -> Iterator[tuple[slice, Any, Tensor]]:
        """Yield each batch with its outputs and losses (batch,), without gradients."""
        for part in self.slices():
            yield part, *self.value(part)

    def value(self, part: slice) -> tuple[Any, Tensor]:
        """Return the outputs and losses (batch,) of one batch, without gradients."""
        if self.needs_gradients:
            return self.recorded(part)
        model = self.folded.network if self.folded is not None else self.model
        with torch.no_grad():
            return _detached(*self.forward(model, part))

    def loss(self) -> float:
        """Return the mean loss over the data set, without gradients (float64)."""
        return float(torch.cat([losses for *_, losses in self.values()]).cpu().double().mean())

    def recorded(self, part: slice) -> tuple[Any, Tensor]:
        """Return the outputs and losses of one batch, computed as for a gradient.

        Nothing is kept for the gradient, to save memory, unless the loss itself takes one.
        """
        with torch.enable_grad():
            if not self._keeps_graphs:
                try:
                    with saved_tensors_hooks(lambda _: None, _nothing_saved):
                        outputs, losses = self.forward(self.model, part)
                    return _detached(outputs, losses)
                except ProbeError:
                    pass
            outputs, losses = self.forward(self.model, part)
            self._keeps_graphs = True
        return _detached(outputs, losses)

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
            with user_code("the second derivative of the loss fails"), self.differentiable():
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
        with torch.enable_grad(), self.differentiable():
            _, losses = self.forward(self.model, part)
            if not losses.requires_grad:  # a constant
                constant = {name: torch.zeros_like(self.parameters[name]) for name in names}
                return losses, constant
            with user_code("the gradient of the loss fails"):
                gradients = torch.autograd.grad(
                    losses.sum(),
                    [self.parameters[name] for name in names],
                    create_graph=create_graph,
                    materialize_grads=True,
                    allow_unused=True,
                )
        return losses.detach(), dict(zip(names, map(dense, gradients), strict=True))

    @contextmanager
    def differentiable(self) -> Iterator[None]:
        """Let torch compute every layer in a way that has derivatives."""
        with ExitStack() as stack:
            stack.enter_context(plain_attention)
            if self.device.type == "cuda" and self._is_recurrent:
                stack.enter_context(plain_recurrence)
            yield

    def _zeros(self, names: Iterable[str]) -> dict[str, Tensor]:
        return {
            name: torch.zeros(value.shape, dtype=accumulator_dtype(value), device=value.device)
            for name, value in ((name, self.parameters[name]) for name in names)
        }

    def forward(self, model: nn.Module, part: slice) -> tuple[Any, Tensor]:
        """Return a batch's outputs and losses (batch,) by this risk's model, or a copy of it."""
        objective = self.objective if model is self.model else self.objective.of(model)
        return objective(taken(self.inputs, part), taken(self.targets, part))

    # ------------------------------------------------------------ how values are computed

    def report(self, text: str, key: str | None = None) -> None:
        """Warn the user, once per key."""
        if (key or text) not in self._reported:
            self._reported.add(key or text)
            warnings.warn(text, stacklevel=2)

    def _try_first(self) -> None:
        """Evaluate the first instances, with gradients only if it fails without."""
        first = slice(0, min(CHECKED, len(self)))
        try:
            self.value(first)
        except ProbeError as error:
            self.needs_gradients = True
            try:
                self.value(first)
            except ProbeError:
                raise error from error.__cause__

    def _check_copy(self, given: nn.Module) -> None:
        """Check on the first instances that a copy of the given model follows its own weights.

        Raises:
            ProbeError: The copy uses weights of the given model, which a function inside it or the
                loss holds, or numbers that its first call computed from other weights.
        """
        first = slice(0, min(FIRST, len(self)))
        step = {name: 0.1 * w + 0.01 for name, w in self.origin.items()}
        trained = {name: w for name, w in given.named_parameters() if w.requires_grad}
        watch, losses = Watch(trained), []
        with suppress(Exception):  # it fails at other weights
            fresh = self._of(prepared(given))  # that was never called
            fresh.displace([step], [1.0])
            with watch:
                losses.append(fresh.value(first)[1])
            del fresh
            used = self._of(copy_model(self.model))
            used.displace([step], [1.0])
            losses += [used.value(first)[1] for _ in range(2)]
        if watch.found:
            raise ProbeError(
                f"the probed copy of the model uses the weight {watch.found!r} of your own model, "
                "so that moving the copy's weight has no effect there: a function inside the model "
                "or the loss, such as a lambda or a replaced forward, holds your model's layers. "
                "Reach them through self, or through the model that batch_loss is given; where "
                "weights should stay fixed, use a copy.deepcopy of your model"
            )
        if len(losses) < 3 or not losses_agree(losses[1], losses[2]):
            return  # `verify` refuses it, and says why
        if not losses_agree(losses[1], losses[0]):
            raise ProbeError(
                "the model keeps numbers that its first call computed from the weights: at other "
                f"weights its mean loss is {float(losses[1].mean()):.6g}, but "
                f"{float(losses[0].mean()):.6g} if it was not called before. Compute them from "
                "the weights in every call"
            )

    def _fold(self) -> None:
        """Fold BatchNorm into convolutions, if there is any and the first losses agree."""
        if self.needs_gradients:
            return
        first = slice(0, min(FIRST, len(self)))
        _, expected = self.value(first)
        try:
            self.folded = Folded(self.model)
            if self.folded.folds and losses_agree(self.value(first)[1], expected):
                return
        except Exception:  # the model can't be copied or run this way
            pass
        self.folded = None


def equal_slices(count: int, largest: int) -> Iterator[slice]:
    """Yield ``range(count)`` in consecutive parts of at most ``largest``, as equal as possible.

    >>> [part.stop - part.start for part in equal_slices(10, 4)]
    [3, 3, 4]
    """
    parts = math.ceil(count / largest)
    for index in range(parts):
        yield slice(index * count // parts, (index + 1) * count // parts)


def _check_fit(
    inputs: Structure, targets: Structure, loss: Loss, batch_loss: BatchLoss | None
) -> None:
    """Check that inputs, targets and losses fit together."""
    size = count_instances(inputs, "inputs")
    if batch_loss is not None:
        if targets is not None or loss is not cross_entropy:
            raise ProbeError(
                "expected either batch_loss or loss and targets, but got both: put the targets "
                "into the inputs of batch_loss"
            )
    elif targets is None:
        if loss is cross_entropy:
            raise ProbeError(
                "expected targets for the cross-entropy, but got none: give targets, or a loss of "
                "the outputs alone"
            )
    elif (number := count_instances(targets, "targets")) != size:
        raise ProbeError(
            f"expected one target per input, but got {size} inputs and {number} targets"
        )
    if size == 0:
        raise ProbeError("expected at least one instance, but got 0 inputs")


def _detached(outputs: Any, losses: Tensor) -> tuple[Any, Tensor]:
    """Outputs, if they are a tensor, and losses without their graph."""
    return outputs.detach() if isinstance(outputs, Tensor) else outputs, losses.detach()


def _nothing_saved(_: object) -> Tensor:
    raise RuntimeError("nothing was saved for a gradient")


def _size(part: slice | None, count: int) -> int:
    return count if part is None else part.stop - part.start


def _add(sums: dict[str, Tensor], values: Mapping[str, Tensor | None]) -> None:
    for name, value in values.items():
        if value is not None:
            sums[name] += value
