"""Cases that can be checked by hand: published bounds that fail, and corrected ones that are tight.

All are scalar except one: n nodes, weights w, one input x or several, and f of z = (z₁ … z_n).
"""

from __future__ import annotations

from collections.abc import Sequence

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
from nascope._src.theory.check_result import KnownCase, Theorem
from nascope._src.theory.linear import LinearCell
from nascope._src.theory.objectives import Quadratic


def known_cases() -> tuple[KnownCase, ...]:
    """Compute every counterexample and every tight case."""
    return (*_published(), _eigenvalue(), *_assumptions(), *_tight())


def _published() -> list[KnownCase]:
    """Theorem 4.2 as published fails."""
    cases = []
    for weights, block, expected, reason in (
        ((2.0, 1.0), 1, (2.0, 4.0), "a second factor P is lost (the gradient is at V, not W)"),
        ((1.0, 2.0), 0, (1.0, 5.0), "the terms of later nodes are dropped"),
    ):
        scalars = _tensor(weights)
        blocks, wide = _narrowest(scalars, _halves(2), [1.0])
        bound = published_bound(scalars.flatten().unsqueeze(0), wide)[0, block]
        cases.append(
            KnownCase(
                f"Theorem 4.2 as published: {reason}",
                f"w = {_format_weights(weights)}, x = 1, f = ½‖z‖², block {block + 1}",
                "4.2",
                weights,
                published=True,
                bound=float(bound),
                measured=float(blocks.curvatures[0, block]),
                expected=expected,
                violates=True,
            )
        )
    return cases


def _eigenvalue() -> KnownCase:
    """The largest eigenvalue of a matrix that is not normal says nothing about its norm."""
    shift = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    weights = torch.stack([shift, torch.eye(2, dtype=torch.float64)]).unsqueeze(0)
    x = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)
    blocks = Blocks(LinearCell.narrowest(2), weights, _halves(4), x)
    eigenvalues = torch.linalg.eigvals(weights).abs().amax(-1)  # (1, 2)
    paths = LinearCell.narrowest(2).path_products(eigenvalues)
    wide = blocks.wide_curvatures
    return KnownCase(
        "λ as the largest eigenvalue, in any of the bounds",
        "W⁽¹⁾ = [[0, 1], [0, 0]], W⁽²⁾ = I, x = (0, 1), f = ½‖z‖², block 2",
        None,
        (),
        published=False,
        bound=float(separable_bound(paths, wide)[0, 1]),
        measured=float(blocks.curvatures[0, 1]),
        expected=(0.0, 1.0),
        violates=True,
    )


def _assumptions() -> list[KnownCase]:
    """The bounds fail without their assumptions."""
    product = _quadratic(_tensor([[0.0, 1.0], [1.0, 0.0]]), convex=False)
    weights = _weights((1.0, 3.0))
    x = _tensor([1.0]).view(1, 1, 1)
    blocks = Blocks(LinearCell.narrowest(2), weights, product, x)
    wide = constants(LinearCell.widest(2), weights, product, x).wide
    coupled = KnownCase(
        "No bound in the L⁽ᵏ⁾ alone for f neither convex nor separable",
        "f = z₁z₂ (L⁽¹⁾ = L⁽²⁾ = 0), w = (1, 3), x = 1, block 1: L̂⁽¹⁾ = 2|w₂|x², of any size",
        "4.2",
        (1.0, 3.0),
        published=False,
        bound=float(convex_bound(blocks.paths, wide)[0, 0]),
        measured=float(blocks.curvatures[0, 0]),
        expected=(0.0, 6.0),
        violates=True,
    )
    # x² is 1 or 4 with equal chances, so Var(x²) = 9/4.
    inputs = [1.0, 2.0]
    weights = _weights((2.0, 1.0))
    blocks, _ = _narrowest(weights.flatten(), _halves(2), inputs)
    x = _tensor(inputs).view(1, 2, 1)
    variances_at_weights = Blocks(LinearCell.widest(2), weights, _halves(2), x).wide_variances
    at_weights = KnownCase(
        "Theorem 4.3 with σ⁽ᵏ⁾ taken at W, not at the effective weights",
        "w = (2, 1), x ∈ {1, 2}, f = ½‖z‖², block 2: 16 Var(x²) > 8 Var(x²)",
        "4.3",
        (2.0, 1.0),
        published=True,
        bound=float(published_variance_bound(blocks.paths, variances_at_weights)[0, 1]),
        measured=float(blocks.variances[0, 1]),
        expected=(18.0, 36.0),
        violates=True,
    )
    return [coupled, at_weights]


def _tight() -> list[KnownCase]:
    """Each corrected bound is attained, so none of them can be lowered."""
    nodes, block = 3, 0
    ones = torch.ones(nodes, dtype=torch.float64)
    all_ones = torch.ones(nodes, nodes, dtype=torch.float64)
    setting = "n = 3, all w = 1, x = 1, f = {}, block 1"
    separate, separate_wide = _narrowest(ones, _halves(nodes), [1.0])
    summed, summed_wide = _narrowest(ones, _quadratic(all_ones), [1.0])
    concave, _ = _narrowest(ones, _quadratic(-all_ones, convex=False), [1.0])
    noisy, _ = _narrowest(ones, _quadratic(all_ones), [1.0, 2.0])

    def tight(
        name: str, setting: str, theorem: Theorem, values: tuple[Tensor, Tensor], expected: float
    ) -> KnownCase:
        bounds, measured = values
        return KnownCase(
            name,
            setting,
            theorem,
            (1.0,) * nodes,
            published=False,
            bound=float(bounds[0, block]),
            measured=float(measured[0, block]),
            expected=(expected, expected),
            violates=False,
        )

    return [
        tight(
            "Σ P² L is tight for separable f",
            setting.format("½‖z‖²"),
            "4.2",
            (separable_bound(separate.paths, separate_wide), separate.curvatures),
            3.0,
        ),
        tight(
            "(Σ P √L)² is tight for convex f",
            setting.format("½(Σz)²"),
            "4.2",
            (convex_bound(summed.paths, summed_wide), summed.curvatures),
            9.0,
        ),
        tight(
            "L_joint Σ P² is tight for f that is not convex",
            setting.format("−½(Σz)²"),
            "4.2",
            (joint_bound(concave.paths, concave.joint_curvatures), concave.curvatures),
            9.0,
        ),
        tight(
            "(Σ P σ)² is tight for Theorem 4.3",
            "n = 3, all w = 1, x ∈ {1, 2}, f = ½(Σz)², block 1",
            "4.3",
            (variance_bound(noisy.paths, noisy.wide_variances), noisy.variances),
            182.25,  # ∂F_i/∂v_k = (Σ z) x = 3x², so σ⁽ᵏ⁾² = 9 Var(x²) = 81/4
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
    """Return the blocks of a chain of scalars, and L⁽ᵏ⁾ of the widest cell, (1, n)."""
    chain = LinearCell.narrowest(len(weights))
    matrices, x = weights.view(1, -1, 1, 1), _tensor(inputs).view(1, -1, 1)
    return Blocks(chain, matrices, objective, x), constants(chain, matrices, objective, x).wide


def _format_weights(weights: Sequence[float]) -> str:
    return "(" + ", ".join(f"{weight:g}" for weight in weights) + ")"
