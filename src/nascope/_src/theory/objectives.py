"""Objectives f of a linear cell's outputs.

They are batched: a leading (...) over cells, with N instances each. Every objective has its value,
gradient and Hessian in the outputs z in closed form. `curvature` is a certified bound of the
Hessian over all z, from which block-wise Lipschitz constants follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nascope._src.theory.linear import spectral_norm, symmetric_norm

CLASSES = 4
_HIDDEN = 5
_MAX_TANH_SECOND = 4 / (3 * 3**0.5)  # sup |tanh″|, attained where tanh² = 1/3


class Objective(Protocol):
    """f(z) for each instance; z is (..., N, K, d), K outputs of d numbers."""

    @property
    def convex(self) -> bool:
        """Whether f is convex in z."""

    @property
    def separable(self) -> bool:
        """Whether f is a sum of functions of single outputs."""

    @property
    def exact(self) -> bool:
        """Whether `curvature` is attained at every z."""

    def value(self, z: Tensor) -> Tensor:
        """Return f, (..., N)."""

    def gradient(self, z: Tensor) -> Tensor:
        """Return ∂f/∂z, (..., N, K, d)."""

    def hessian(self, z: Tensor) -> Tensor:
        """Return ∂²f/∂z², (..., N, K·d, K·d)."""

    def curvature(self, directions: Tensor) -> Tensor:
        """Return a bound of ‖Aᵀ ∇²f(z) A‖₂ over all z, (...), for directions A (..., K·d, r)."""


@dataclass(frozen=True)
class Quadratic:
    """f = ½ (z − t)ᵀ Q (z − t).

    Args:
        matrix: Q, (..., K·d, K·d), symmetric.
        targets: t, (..., N, K·d).
        convex: whether every Q is positive semidefinite.
        separable: whether every Q is block-diagonal.
    """

    matrix: Tensor
    targets: Tensor
    convex: bool
    separable: bool
    exact = True

    def value(self, z: Tensor) -> Tensor:
        difference = z.flatten(-2) - self.targets
        return (difference * (difference @ self.matrix)).sum(-1) / 2

    def gradient(self, z: Tensor) -> Tensor:
        return ((z.flatten(-2) - self.targets) @ self.matrix).view_as(z)

    def hessian(self, z: Tensor) -> Tensor:
        size = self.matrix.shape[-1]
        return self.matrix.unsqueeze(-3).expand(*z.shape[:-2], size, size)

    def curvature(self, directions: Tensor) -> Tensor:
        return symmetric_norm(directions.mT @ self.matrix @ directions)


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """f = logsumexp(C z) − (C z)_y: a classifier on the concatenated outputs, as in the networks.

    Its Hessian is H = Cᵀ (diag p − p pᵀ) C, and uᵀ H u is the variance of (C u)_j under p. A
    variance is at most a quarter of the squared range (Popoviciu 1935), so
    ‖Aᵀ H A‖ ≤ max_{i,j} ‖Aᵀ (c_i − c_j)‖² / 4.

    Args:
        classifier: C, (..., classes, K·d).
        labels: y, (..., N), integers.
    """

    classifier: Tensor
    labels: Tensor
    convex = True
    separable = False
    exact = False

    def _logits(self, z: Tensor) -> Tensor:
        return z.flatten(-2) @ self.classifier.mT

    def value(self, z: Tensor) -> Tensor:
        logits = self._logits(z)
        labelled = _label_mask(logits, self.labels)
        # log(1 + Σ exp(other − labelled)): logsumexp − labelled would lose all digits if the
        # label's logit is much the largest.
        gap = logits.masked_fill(labelled, -torch.inf).logsumexp(-1) - (logits * labelled).sum(-1)
        return torch.logaddexp(torch.zeros_like(gap), gap)

    def gradient(self, z: Tensor) -> Tensor:
        return (_residual(self._logits(z), self.labels) @ self.classifier).view_as(z)

    def hessian(self, z: Tensor) -> Tensor:
        return _softmax_hessian(self.classifier.unsqueeze(-3), self._logits(z))

    def curvature(self, directions: Tensor) -> Tensor:
        return _widest_pair(self.classifier @ directions) / 4


@dataclass(frozen=True)
class TanhNetwork:
    """f = softmax cross-entropy of C tanh(M z + b): a nonlinear network, not convex.

    Its Hessian is (C S M)ᵀ (diag p − p pᵀ) (C S M) + Mᵀ diag((Cᵀ g) tanh″) M, with S = diag tanh′
    and g = p − e_y. Since |tanh′| ≤ 1, |tanh″| ≤ 4/(3√3) and |(Cᵀ g)_h| ≤ r_h, the range of column
    h of C, ‖Aᵀ H A‖ ≤ max_{i,j} ‖c_i − c_j‖² ‖M A‖² / 4 + 4/(3√3) ‖(M A)ᵀ diag(r) (M A)‖.

    Args:
        first: M, (..., hidden, K·d).
        bias: b, (..., hidden).
        second: C, (..., classes, hidden).
        labels: y, (..., N), integers.
    """

    first: Tensor
    bias: Tensor
    second: Tensor
    labels: Tensor
    convex = False
    separable = False
    exact = False

    def _hidden(self, z: Tensor) -> Tensor:
        return (z.flatten(-2) @ self.first.mT + self.bias.unsqueeze(-2)).tanh()

    def value(self, z: Tensor) -> Tensor:
        hidden = self._hidden(z)
        return SoftmaxCrossEntropy(self.second, self.labels).value(hidden.unsqueeze(-2))

    def gradient(self, z: Tensor) -> Tensor:
        hidden = self._hidden(z)
        back = _residual(hidden @ self.second.mT, self.labels) @ self.second
        return ((back * (1 - hidden.square())) @ self.first).view_as(z)

    def hessian(self, z: Tensor) -> Tensor:
        hidden = self._hidden(z)
        logits = hidden @ self.second.mT
        slope = 1 - hidden.square()
        back = _residual(logits, self.labels) @ self.second
        inner = _softmax_hessian(self.second.unsqueeze(-3) * slope.unsqueeze(-2), logits)
        inner = inner + torch.diag_embed(-2 * hidden * slope * back)
        first = self.first.unsqueeze(-3)
        return first.mT @ inner @ first

    def curvature(self, directions: Tensor) -> Tensor:
        inner = self.first @ directions
        ranges = self.second.amax(-2) - self.second.amin(-2)
        outer = _widest_pair(self.second) / 4 * spectral_norm(inner).square()
        return outer + _MAX_TANH_SECOND * symmetric_norm(inner.mT * ranges.unsqueeze(-2) @ inner)


def _softmax_hessian(rows: Tensor, logits: Tensor) -> Tensor:
    """Return Cᵀ (diag p − p pᵀ) C for rows C, (..., classes, r).

    It is computed as Σ_{i<j} p_i p_j (c_i − c_j)(c_i − c_j)ᵀ: if one p is nearly 1, diag p − p pᵀ
    would be all rounding errors.
    """
    first, second = torch.triu_indices(logits.shape[-1], logits.shape[-1], 1)
    p = logits.softmax(-1)
    differences = rows[..., first, :] - rows[..., second, :]
    weights = p[..., first] * p[..., second]
    return differences.mT * weights.unsqueeze(-2) @ differences


def _residual(logits: Tensor, labels: Tensor) -> Tensor:
    """Return p − e_y, (..., classes).

    The label's entry is minus the sum of the others: p_y − 1 would lose all digits if p_y ≈ 1.
    """
    labelled = _label_mask(logits, labels)
    others = logits.softmax(-1).masked_fill(labelled, 0)
    return others - labelled * others.sum(-1, keepdim=True)


def _label_mask(logits: Tensor, labels: Tensor) -> Tensor:
    """Return which logit is the label's, bool (..., classes)."""
    classes = logits.shape[-1]
    return one_hot(labels.expand(logits.shape[:-1]), classes).bool()


def _widest_pair(rows: Tensor) -> Tensor:
    """Return max_{i,j} ‖r_i − r_j‖², (...), for rows (..., classes, r)."""
    differences = rows.unsqueeze(-2) - rows.unsqueeze(-3)
    return differences.square().sum(-1).amax((-2, -1))


def select_cell(objective: Any, index: int) -> Any:
    """Return the objective of one cell of a batch, without the leading dimension."""
    tensors = {
        field.name: value[index]
        for field in fields(objective)
        if isinstance(value := getattr(objective, field.name), Tensor)
    }
    return replace(objective, **tensors)


@dataclass(frozen=True)
class Shape:
    """Sizes of a batch of cells.

    Attributes:
        batch: number of cells.
        instances: number of instances per cell.
        outputs: K.
        size: d, numbers per output.
    """

    batch: int
    instances: int
    outputs: int
    size: int


def separable_quadratic(shape: Shape, generator: np.random.Generator) -> Quadratic:
    """Draw a positive semidefinite matrix for each output."""
    quadratic = coupled_quadratic(shape, generator)
    ones = torch.ones(shape.size, shape.size, dtype=torch.float64)
    return Quadratic(
        quadratic.matrix * torch.block_diag(*[ones] * shape.outputs), quadratic.targets, True, True
    )


def coupled_quadratic(shape: Shape, generator: np.random.Generator) -> Quadratic:
    """Draw a positive semidefinite matrix over all outputs, of a random rank."""
    total = shape.outputs * shape.size
    rank = int(generator.integers(1, total + 1))
    root = _normal(generator, shape.batch, total, rank) / rank**0.5
    targets = _normal(generator, shape.batch, shape.instances, total)
    return Quadratic(root @ root.mT, targets, True, False)


def indefinite_quadratic(shape: Shape, generator: np.random.Generator) -> Quadratic:
    """Draw a symmetric matrix with eigenvalues of both signs: coupled and not convex."""
    total = shape.outputs * shape.size
    root = _normal(generator, shape.batch, total, total)
    targets = _normal(generator, shape.batch, shape.instances, total)
    return Quadratic((root + root.mT) / 2, targets, False, False)


def softmax_cross_entropy(shape: Shape, generator: np.random.Generator) -> SoftmaxCrossEntropy:
    """Draw a classifier and labels."""
    classifier = _normal(generator, shape.batch, CLASSES, shape.outputs * shape.size)
    return SoftmaxCrossEntropy(classifier, _labels(shape, generator))


def tanh_network(shape: Shape, generator: np.random.Generator) -> TanhNetwork:
    """Draw a network with one hidden layer, and labels."""
    total = shape.outputs * shape.size
    return TanhNetwork(
        _normal(generator, shape.batch, _HIDDEN, total) / total**0.5 * 2,
        _normal(generator, shape.batch, _HIDDEN) / 2,
        _normal(generator, shape.batch, CLASSES, _HIDDEN),
        _labels(shape, generator),
    )


def _normal(generator: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(generator.standard_normal(shape))


def _labels(shape: Shape, generator: np.random.Generator) -> Tensor:
    return torch.from_numpy(generator.integers(0, CLASSES, (shape.batch, shape.instances)))


OBJECTIVES: dict[str, Callable[[Shape, np.random.Generator], Objective]] = {
    "separable quadratic": separable_quadratic,
    "coupled quadratic": coupled_quadratic,
    "indefinite quadratic": indefinite_quadratic,
    "softmax cross-entropy": softmax_cross_entropy,
    "nonlinear network": tanh_network,
}
"""Functions that draw an objective, by name."""
