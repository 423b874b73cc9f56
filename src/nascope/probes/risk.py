"""Risk: a model, a per-instance loss and a data set, displaced from the model's weights.

Every probe is a function over a Risk, which knows none of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope.errors import ProbeError

Loss = Callable[[Tensor, Tensor], Tensor]
Direction = Mapping[str, Tensor]
"""A displacement: for each parameter, by name, a tensor of its shape."""


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Per-instance cross-entropy, (batch,), of logits (batch, classes)."""
    return functional.cross_entropy(outputs, targets, reduction="none")


class Risk:
    """The empirical risk E_i f_i(w) over a data set, at any displacement from w*.

    The model is copied once, put into evaluation mode, and the user's own is never touched.
    BatchNorm uses the running statistics of w* everywhere ("frozen", as in the paper's tools).

    Args:
        model: any module that maps a batch of inputs to a batch of outputs.
        inputs: (n, …) on the model's device.
        targets: (n, …).
        loss: per-instance loss: (outputs, targets) → (batch,).
        batch_size: instances evaluated at once.

    Raises:
        ProbeError: inputs and targets differ in number, or the loss is not per instance.

    >>> risk = Risk(nn.Linear(2, 2), torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    >>> [losses.shape for _, losses in risk.evaluate()]
    [torch.Size([3])]
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        loss: Loss = cross_entropy,
        batch_size: int = 250,
    ) -> None:
        if len(inputs) != len(targets) or len(inputs) == 0:
            raise ProbeError(f"{len(inputs)} inputs and {len(targets)} targets: need equal, not 0")
        if batch_size < 1:
            raise ProbeError(f"batch_size must be at least 1, not {batch_size}")
        self.model = copy.deepcopy(model).eval()
        self.loss = loss
        self.inputs = inputs
        self.targets = targets
        self.batch_size = batch_size
        self.parameters: dict[str, Tensor] = {
            name: parameter
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }
        self._origin = {name: value.detach().clone() for name, value in self.parameters.items()}
        losses = self.losses(slice(0, min(2, len(inputs))))
        if losses.shape != (min(2, len(inputs)),):
            raise ProbeError(
                f"the loss must be per instance, of shape (batch,), not {tuple(losses.shape)}: "
                "use reduction='none'"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def origin(self) -> Mapping[str, Tensor]:
        """w*: the weights that the model came with, by name. Not to be changed."""
        return self._origin

    @property
    def is_finite(self) -> bool:
        """Whether all weights of w* are finite; at others nothing else is either."""
        return all(bool(torch.isfinite(value).all()) for value in self._origin.values())

    def displace(self, directions: Sequence[Direction], coefficients: Sequence[float]) -> None:
        """Set the weights to w* + Σ_k c_k d_k. Always from w*: w + d − d ≠ w in floating point."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                value = self._origin[name]
                for direction, coefficient in zip(directions, coefficients, strict=True):
                    if coefficient != 0:
                        value = value.add(direction[name], alpha=coefficient)
                parameter.copy_(value)

    def slices(self, batch_size: int | None = None) -> Iterator[slice]:
        """The data set's batches, in order, as slices."""
        size = batch_size or self.batch_size
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))

    def evaluate(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Outputs and losses (batch,) of each batch, without gradients."""
        with torch.inference_mode():
            for part in self.slices():
                yield self._forward(part)

    def losses(self, part: slice) -> Tensor:
        """Losses, (batch,), of one batch, without gradients."""
        with torch.inference_mode():
            return self._forward(part)[1]

    def _forward(self, part: slice) -> tuple[Tensor, Tensor]:
        outputs = self.model(self.inputs[part])
        return outputs, self.loss(outputs, self.targets[part])
