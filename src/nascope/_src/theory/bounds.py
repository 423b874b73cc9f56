"""Theorems 4.2 and 4.3: the published bounds, and those that hold. Proofs: docs/theory.md.

Each function takes ``paths`` P (..., E, K) and constants of the widest cell in its weights V⁽ᵏ⁾. It
returns a bound for each edge, (..., E). The proofs use the Hessian at a point: a bound holds there
with the norms at that point. With constants that are uniform over the weights, it bounds uniform
constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nascope._src.theory.blocks import Blocks
from nascope._src.theory.check_result import Quantity


def separable_bound(paths: Tensor, wide: Tensor) -> Tensor:
    """L̂⁽ᵉ⁾ ≤ Σ_k P_k² L⁽ᵏ⁾, if f is a sum over the outputs."""
    return (paths.square() * wide.unsqueeze(-2)).sum(-1)


def convex_bound(paths: Tensor, wide: Tensor) -> Tensor:
    """L̂⁽ᵉ⁾ ≤ (Σ_k P_k √L⁽ᵏ⁾)², for convex f."""
    return (paths * wide.sqrt().unsqueeze(-2)).sum(-1).square()


def counted_bound(paths: Tensor, wide: Tensor) -> Tensor:
    """L̂⁽ᵉ⁾ ≤ m Σ_k P_k² L⁽ᵏ⁾, for convex f; edge e reaches m outputs (narrowest: n − i + 1)."""
    return (paths > 0).sum(-1) * separable_bound(paths, wide)


def coupled_bound(paths: Tensor, coupling: Tensor) -> Tensor:
    """L̂⁽ᵉ⁾ ≤ Σ_{k,l} P_k P_l L⁽ᵏˡ⁾, for any f; L⁽ᵏˡ⁾ (..., K, K) of ∂F/∂V⁽ᵏ⁾ in V⁽ˡ⁾."""
    return torch.einsum("...ek,...kl,...el->...e", paths, coupling, paths)


def joint_bound(paths: Tensor, joint: Tensor) -> Tensor:
    """L̂⁽ᵉ⁾ ≤ L_joint Σ_k P_k², for any f; L_joint (..., E) over all outputs that e reaches."""
    return joint * paths.square().sum(-1)


def published_bound(norms: Tensor, wide: Tensor) -> Tensor:
    """Theorem 4.2 as published, for the narrowest cell: (∏_{j<i} λ⁽ʲ⁾) L⁽ⁱ⁾. It does not hold."""
    before = torch.cat([torch.ones_like(norms[..., :1]), norms[..., :-1]], dim=-1)
    return before.cumprod(-1) * wide


def variance_bound(paths: Tensor, wide: Tensor) -> Tensor:
    """E‖∂f̂/∂W⁽ᵉ⁾ − E ∂f̂/∂W⁽ᵉ⁾‖² ≤ (Σ_k P_k σ⁽ᵏ⁾)²; ``wide``: (σ⁽ᵏ⁾)² at the effective weights."""
    return convex_bound(paths, wide)


def counted_variance_bound(paths: Tensor, wide: Tensor) -> Tensor:
    """… ≤ m Σ_k (P_k σ⁽ᵏ⁾)²; edge e reaches m outputs (narrowest: n − i + 1)."""
    return counted_bound(paths, wide)


def published_variance_bound(paths: Tensor, wide: Tensor) -> Tensor:
    """Theorem 4.3 as published: … ≤ n Σ_k (P_k σ⁽ᵏ⁾)². Holds for σ⁽ᵏ⁾ at the effective weights."""
    return paths.shape[-1] * separable_bound(paths, wide)


@dataclass(frozen=True)
class Bound:
    """A bound that is proved.

    Attributes:
        name: its name.
        quantity: what it limits.
        requires: what the objective f must be for the proof.
        evaluate: computes the bound of each edge, (b, E).
        published: whether the bound is in the paper as it stands.
    """

    name: str
    quantity: Quantity
    requires: Literal["separable", "convex", "any"]
    evaluate: Callable[[Blocks], Tensor]
    published: bool = False

    def applies(self, *, convex: bool, separable: bool) -> bool:
        """Return whether the bound is proved for such an objective."""
        return {"separable": separable, "convex": convex, "any": True}[self.requires]


SOUND = (
    Bound(
        "separable",
        "curvature",
        "separable",
        lambda blocks: separable_bound(blocks.paths, blocks.wide_curvatures),
    ),
    Bound(
        "convex",
        "curvature",
        "convex",
        lambda blocks: convex_bound(blocks.paths, blocks.wide_curvatures),
    ),
    Bound(
        "convex, counted",
        "curvature",
        "convex",
        lambda blocks: counted_bound(blocks.paths, blocks.wide_curvatures),
    ),
    Bound(
        "coupled",
        "curvature",
        "any",
        lambda blocks: coupled_bound(blocks.paths, blocks.couplings),
    ),
    Bound(
        "joint",
        "curvature",
        "any",
        lambda blocks: joint_bound(blocks.paths, blocks.joint_curvatures),
    ),
    Bound(
        "squared sum",
        "variance",
        "any",
        lambda blocks: variance_bound(blocks.paths, blocks.wide_variances),
    ),
    Bound(
        "counted",
        "variance",
        "any",
        lambda blocks: counted_variance_bound(blocks.paths, blocks.wide_variances),
    ),
    Bound(
        "as published",
        "variance",
        "any",
        lambda blocks: published_variance_bound(blocks.paths, blocks.wide_variances),
        published=True,
    ),
)
"""The bounds that hold, in the order of docs/theory.md."""
