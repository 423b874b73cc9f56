"""Equations 1 to 4 of Appendix C: gradients of the widest and the narrowest cell, without autograd.

(1) widest       ∂f/∂W⁽ⁱ⁾ = ∂f/∂y⁽ⁱ⁾ xᵀ
(2) narrowest    ∂f̂/∂W⁽ⁱ⁾ = Σ_{k≥i} (W⁽ᵏ⁾ ⋯ W⁽ⁱ⁺¹⁾)ᵀ ∂f̂/∂ŷ⁽ᵏ⁾ (W⁽ⁱ⁻¹⁾ ⋯ W⁽¹⁾ x)ᵀ
(3)              = Σ_{k≥i} (W⁽ᵏ⁾ ⋯ W⁽ⁱ⁺¹⁾)ᵀ (∂f̂/∂ŷ⁽ᵏ⁾ xᵀ) (W⁽ⁱ⁻¹⁾ ⋯ W⁽¹⁾)ᵀ
(4)              = Σ_{k≥i} (W⁽ᵏ⁾ ⋯ W⁽ⁱ⁺¹⁾)ᵀ ∂f/∂W⁽ᵏ⁾ (W⁽ⁱ⁻¹⁾ ⋯ W⁽¹⁾)ᵀ

(4) holds if ∂f/∂W⁽ᵏ⁾ is the widest cell's gradient at the *effective weights* W⁽ᵏ⁾ ⋯ W⁽¹⁾. The
published proof of Theorem 4.2 takes it at W⁽ᵏ⁾ instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nascope._src.theory.linear import LinearCell
from nascope._src.theory.objectives import Objective


def widest_gradient(weights: Tensor, objective: Objective, x: Tensor) -> Tensor:
    """Equation 1, (b, N, n, d, d), for weights (b, n, d, d) and instances x (b, N, d)."""
    z = LinearCell.widest(weights.shape[1]).forward(weights, x)
    return objective.gradient(z).unsqueeze(-1) * x[:, :, None, None, :]


def narrowest_gradient(weights: Tensor, objective: Objective, x: Tensor) -> Tensor:
    """Equation 2, (b, N, n, d, d)."""
    nodes = weights.shape[1]
    z = LinearCell.narrowest(nodes).forward(weights, x)
    back = objective.gradient(z)
    rows = []
    for i in range(nodes):
        source = z[:, :, i - 1] if i else x
        total = torch.zeros_like(source)
        for k in range(i, nodes):
            total = total + back[:, :, k] @ _product(weights, i + 1, k)
        rows.append(total.unsqueeze(-1) * source.unsqueeze(-2))
    return torch.stack(rows, dim=2)


def narrowest_gradient_by_widest(weights: Tensor, widest: Tensor) -> Tensor:
    """Equations 3 and 4, (b, N, n, d, d).

    Args:
        weights: W, (b, n, d, d).
        widest: Equation 1 at some weights, (b, N, n, d, d). At the effective weights the result is
            the gradient; at W itself, in general, it is not.
    """
    nodes = weights.shape[1]
    rows = []
    for i in range(nodes):
        before = _product(weights, 0, i - 1).mT.unsqueeze(1)
        terms = [
            _product(weights, i + 1, k).mT.unsqueeze(1) @ widest[:, :, k] @ before
            for k in range(i, nodes)
        ]
        rows.append(torch.stack(terms).sum(0))
    return torch.stack(rows, dim=2)


def _product(weights: Tensor, first: int, last: int) -> Tensor:
    """Return W⁽ˡᵃˢᵗ⁾ ⋯ W⁽ᶠⁱʳˢᵗ⁾, (b, d, d), counted from 0; the identity if there is none."""
    product = torch.eye(weights.shape[-1], dtype=weights.dtype).expand_as(weights[:, 0])
    for k in range(first, last + 1):
        product = weights[:, k] @ product
    return product


def equation_errors(
    weights: Tensor, objective: Objective, x: Tensor
) -> dict[str, tuple[float, float]]:
    """Return the largest and the median relative error of each equation, compared with autograd.

    Errors are over blocks. "4 at W" is Equation 4 with the widest cell's gradient at W⁽ᵏ⁾ itself.
    """
    nodes = weights.shape[1]
    wide, narrow = LinearCell.widest(nodes), LinearCell.narrowest(nodes)
    effective = narrow.maps(weights).effective
    derived = {
        "1": (wide, widest_gradient(weights, objective, x)),
        "2": (narrow, narrowest_gradient(weights, objective, x)),
        "4": (
            narrow,
            narrowest_gradient_by_widest(weights, widest_gradient(effective, objective, x)),
        ),
        "4 at W": (
            narrow,
            narrowest_gradient_by_widest(weights, widest_gradient(weights, objective, x)),
        ),
    }
    errors = {}
    for equation, (cell, gradients) in derived.items():
        true = instance_gradients(cell, weights, objective, x)
        distances = (gradients - true).flatten(-2).norm(dim=-1)
        relative = distances / true.flatten(-2).norm(dim=-1)
        errors[equation] = (float(relative.max()), float(relative.median()))
    return errors


def instance_gradients(
    cell: LinearCell, weights: Tensor, objective: Objective, x: Tensor
) -> Tensor:
    """Compute ∂f̂_i/∂W by autograd, (b, N, E, d, d)."""
    # Each instance has its own copy of the weights.
    copies = weights.unsqueeze(1).expand(-1, x.shape[1], -1, -1, -1).clone().requires_grad_()
    z = cell.forward(copies, x.unsqueeze(2)).squeeze(2)
    (gradient,) = torch.autograd.grad(objective.value(z).sum(), copies)
    return gradient
