"""Cases small enough to check by hand: where the published bounds fail, and where ours are tight.

Scalars throughout but for one: n nodes, weights w, one input x or several, f on z = (z₁ … z_n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nascope._src.theory.blocks import Blocks, constants
from nascope._src.theory.bounds import (
    convex_bound,
    joint_bound,
    published_bound,
    published_variance_bound,
    separable_bound,
    variance_bound,
)
from nascope._src.theory.linear import LinearCell
from nascope._src.theory.objectives import Quadratic

_EQUAL = 1e-12  # relative; the cases' numbers are small integers


@dataclass(frozen=True)
class Case:
    """A case computed: what the claim allows, and what is."""

    name: str
    setting: str
    bound: float
    measured: float
    expected: tuple[float, float]
    """Both as worked out by hand."""
    violates: bool
    """Whether the case is there to break its bound; else it is there to meet it."""

    @property
    def shown(self) -> bool:
        """Whether the numbers are those expected, and do what the case is for."""
        right = all(
            abs(found - hand) <= _EQUAL * max(1.0, abs(hand))
            for found, hand in zip((self.bound, self.measured), self.expected, strict=True)
        )
        if self.violates:
            return right and self.measured > self.bound * (1 + _EQUAL) + _EQUAL
        return right and abs(self.measured - self.bound) <= _EQUAL * max(1.0, self.bound)


def cases() -> list[Case]:
    """Every counterexample and tight case, computed now."""
    return [*_published(), *_needed(), *_tight()]


def _published() -> list[Case]:
    """Theorem 4.2 as published fails."""
    found = []
    for weights, block, expected, what in (
        ((2.0, 1.0), 1, (2.0, 4.0), "a second factor P is lost (the gradient is at V, not W)"),
        ((1.0, 2.0), 0, (1.0, 5.0), "the terms of later nodes are dropped"),
    ):
        own = _tensor(weights)
        blocks, wide = _narrowest(own, _halves(2), [1.0])
        bound = published_bound(own.flatten().unsqueeze(0), wide)[0, block]
        found.append(
            Case(
                f"Theorem 4.2 as published: {what}",
                f"w = {_shown(weights)}, x = 1, f = ½‖z‖², block {block + 1}",
                float(bound),
                float(blocks.curvatures[0, block]),
                expected,
                violates=True,
            )
        )
    return [*found, _eigenvalue()]


def _eigenvalue() -> Case:
    """'The largest eigenvalue' of a matrix that is not normal says nothing of its norm."""
    shift = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    weights = torch.stack([shift, torch.eye(2, dtype=torch.float64)]).unsqueeze(0)
    x = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)
    blocks = Blocks(LinearCell.narrowest(2), weights, _halves(4), x)
    eigenvalues = torch.linalg.eigvals(weights).abs().amax(-1)  # (1, 2)
    paths = LinearCell.narrowest(2).path_products(eigenvalues)
    wide = blocks.wide_curvatures
    return Case(
        "λ as the largest eigenvalue, in any of the bounds",
        "W⁽¹⁾ = [[0, 1], [0, 0]], W⁽²⁾ = I, x = (0, 1), f = ½‖z‖², block 2",
        float(separable_bound(paths, wide)[0, 1]),
        float(blocks.curvatures[0, 1]),
        (0.0, 1.0),
        violates=True,
    )


def _needed() -> list[Case]:
    """What the bounds assume cannot be left out."""
    product = _quadratic(_tensor([[0.0, 1.0], [1.0, 0.0]]), convex=False)
    weights = _weights((1.0, 3.0))
    x = _tensor([1.0]).view(1, 1, 1)
    blocks = Blocks(LinearCell.narrowest(2), weights, product, x)
    wide = constants(LinearCell.widest(2), weights, product, x).wide
    none = Case(
        "No bound in the L⁽ᵏ⁾ alone for f neither convex nor separable",
        "f = z₁z₂ (L⁽¹⁾ = L⁽²⁾ = 0), w = (1, 3), x = 1, block 1: L̂⁽¹⁾ = 2|w₂|x², of any size",
        float(convex_bound(blocks.paths, wide)[0, 0]),
        float(blocks.curvatures[0, 0]),
        (0.0, 6.0),
        violates=True,
    )
    # x² is 1 or 4 with equal chances, so Var(x²) = 9/4.
    inputs = [1.0, 2.0]
    own = _weights((2.0, 1.0))
    blocks, _ = _narrowest(own.flatten(), _halves(2), inputs)
    at_own = Blocks(
        LinearCell.widest(2), own, _halves(2), _tensor(inputs).view(1, 2, 1)
    ).wide_variances
    elsewhere = Case(
        "Theorem 4.3 with σ⁽ᵏ⁾ taken at W, not at the effective weights",
        "w = (2, 1), x ∈ {1, 2}, f = ½‖z‖², block 2: 16 Var(x²) > 8 Var(x²)",
        float(published_variance_bound(blocks.paths, at_own)[0, 1]),
        float(blocks.variances[0, 1]),
        (18.0, 36.0),
        violates=True,
    )
    return [none, elsewhere]


def _tight() -> list[Case]:
    """Each corrected bound is attained, so none can be lowered."""
    nodes, block = 3, 0
    ones = torch.ones(nodes, dtype=torch.float64)
    together = torch.ones(nodes, nodes, dtype=torch.float64)
    setting = "n = 3, all w = 1, x = 1, f = {}, block 1"
    separate, own = _narrowest(ones, _halves(nodes), [1.0])
    summed, coupled = _narrowest(ones, _quadratic(together), [1.0])
    concave, _ = _narrowest(ones, _quadratic(-together, convex=False), [1.0])
    noisy, _ = _narrowest(ones, _quadratic(together), [1.0, 2.0])
    # ∂F_i/∂v_k = (Σ z) x = 3x²: σ⁽ᵏ⁾² = 9 Var(x²) = 81/4.
    return [
        Case(
            "Σ P² L is tight for separable f",
            setting.format("½‖z‖²"),
            float(separable_bound(separate.paths, own)[0, block]),
            float(separate.curvatures[0, block]),
            (3.0, 3.0),
            violates=False,
        ),
        Case(
            "(Σ P √L)² is tight for convex f",
            setting.format("½(Σz)²"),
            float(convex_bound(summed.paths, coupled)[0, block]),
            float(summed.curvatures[0, block]),
            (9.0, 9.0),
            violates=False,
        ),
        Case(
            "L_joint Σ P² is tight for f that is not convex",
            setting.format("−½(Σz)²"),
            float(joint_bound(concave.paths, concave.joint_curvatures)[0, block]),
            float(concave.curvatures[0, block]),
            (9.0, 9.0),
            violates=False,
        ),
        Case(
            "(Σ P σ)² is tight for Theorem 4.3",
            "n = 3, all w = 1, x ∈ {1, 2}, f = ½(Σz)², block 1",
            float(variance_bound(noisy.paths, noisy.wide_variances)[0, block]),
            float(noisy.variances[0, block]),
            (182.25, 182.25),
            violates=False,
        ),
    ]


def _tensor(values: Sequence[float] | Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _weights(values: Sequence[float]) -> Tensor:
    """Scalar weights, (1, n, 1, 1)."""
    return _tensor(values).view(1, -1, 1, 1)


def _halves(size: int) -> Quadratic:
    """½‖z‖²."""
    return _quadratic(torch.eye(size, dtype=torch.float64), separable=True)


def _quadratic(matrix: Tensor, *, convex: bool = True, separable: bool = False) -> Quadratic:
    """½ zᵀ Q z, a batch of one."""
    return Quadratic(matrix.unsqueeze(0), torch.zeros_like(matrix[:1, None]), convex, separable)


def _narrowest(
    weights: Tensor, objective: Quadratic, inputs: Sequence[float]
) -> tuple[Blocks, Tensor]:
    """Of a chain of scalars: its blocks, and L⁽ᵏ⁾ of the widest cell, (1, n)."""
    chain = LinearCell.narrowest(len(weights))
    own, x = weights.view(1, -1, 1, 1), _tensor(inputs).view(1, -1, 1)
    return Blocks(chain, own, objective, x), constants(chain, own, objective, x).wide


def _shown(weights: Sequence[float]) -> str:
    return "(" + ", ".join(f"{weight:g}" for weight in weights) + ")"
