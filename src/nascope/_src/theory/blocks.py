"""Block-wise smoothness and gradient variance of linear cells: measured, and bounded with proof.

f̂(W) = F(V⁽¹⁾(W), …, V⁽ᴷ⁾(W)) with F(V) = E_i f_i(V x_i): a cell of any wiring is the widest cell
at its *effective weights* V. A block is one edge's matrix W. V⁽ᵏ⁾ is affine in it: A⁽ᵏ⁾ W B + …,
so the block's Hessian is Σ_{k,l} J_kᵀ (∂²F/∂V⁽ᵏ⁾∂V⁽ˡ⁾) J_l with J_k = A⁽ᵏ⁾ ⊗ Bᵀ and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from nascope._src.theory.linear import LinearCell, Maps, spectral_norm, symmetric_norm
from nascope._src.theory.objectives import Objective


@dataclass(frozen=True)
class Blocks:
    """What the theorems speak of, exactly, for a batch of cells at their weights; float64.

    b cells, E edges, K outputs, N instances, all equally likely. Each quantity is computed when it
    is first asked for. Norms are spectral norms of Hessians, so gradients are compared in the
    Frobenius norm.

    Args:
        weights: (b, E, d, d).
        x: (b, N, M·d).
    """

    cell: LinearCell
    weights: Tensor
    objective: Objective
    x: Tensor

    @cached_property
    def paths(self) -> Tensor:
        """P, (b, E, K): sums over paths of products of the other edges' norms."""
        return self.cell.path_products(spectral_norm(self.weights))

    @cached_property
    def curvatures(self) -> Tensor:
        """‖∂²f̂/∂W⁽ᵉ⁾²‖, (b, E): of E (Aᵀ H A) ⊗ (B x)(B x)ᵀ."""
        after = self._after.unsqueeze(1)
        inner = after.mT @ self._hessian.unsqueeze(2) @ after  # (b, N, E, d, d)
        return symmetric_norm(_mean_products(inner, self._sources))

    @cached_property
    def wide_curvatures(self) -> Tensor:
        """‖∂²F/∂V⁽ᵏ⁾²‖ at the effective weights, (b, K)."""
        diagonal = self._hessian.unflatten(-1, self._outputs).unflatten(-3, self._outputs)
        own = torch.einsum("bnkikj->bnkij", diagonal)
        return symmetric_norm(_mean_products(own, self.x.unsqueeze(2)))

    @cached_property
    def couplings(self) -> Tensor:
        """‖∂²F/∂V⁽ᵏ⁾∂V⁽ˡ⁾‖ at the effective weights, (b, K, K)."""
        norms = torch.diag_embed(self.wide_curvatures)
        for k in range(1, norms.shape[1]):
            for other in range(k):
                norms[:, k, other] = norms[:, other, k] = spectral_norm(self._wide[:, k, other])
        return norms

    @cached_property
    def joint_curvatures(self) -> Tensor:
        """(b, E): the norm of F's Hessian over the outputs that edge e reaches; 0 if none."""
        batch, size = len(self.weights), self._wide.shape[-1]
        known = {(): self.x.new_zeros(batch)}
        norms = []
        for edge in self.cell.reached():
            own = tuple(edge.nonzero()[0])
            if own not in known:
                part = self._wide[:, own][:, :, own].transpose(2, 3)
                known[own] = symmetric_norm(part.reshape(batch, len(own) * size, len(own) * size))
            norms.append(known[own])
        return torch.stack(norms, dim=1)

    @cached_property
    def variances(self) -> Tensor:
        """E ‖∂f̂_i/∂W⁽ᵉ⁾ − E ∂f̂_i/∂W⁽ᵉ⁾‖², (b, E)."""
        back = torch.einsum("beoi,bno->bnei", self._after, self._gradient.flatten(-2))
        return _variance(back, self._sources)

    @cached_property
    def wide_variances(self) -> Tensor:
        """E ‖∂F_i/∂V⁽ᵏ⁾ − E ∂F_i/∂V⁽ᵏ⁾‖² at the effective weights, (b, K)."""
        return _variance(self._gradient, self.x.unsqueeze(2))

    @property
    def _outputs(self) -> tuple[int, int]:
        return len(self.cell.outputs), self.weights.shape[-1]

    @cached_property
    def _maps(self) -> Maps:
        return self.cell.maps(self.weights)

    @cached_property
    def _after(self) -> Tensor:
        """A, (b, E, K·d, d)."""
        return self._maps.after.flatten(-3, -2)

    @cached_property
    def _sources(self) -> Tensor:
        """B x, (b, N, E, d)."""
        return torch.einsum("beij,bnj->bnei", self._maps.before, self.x)

    @cached_property
    def _z(self) -> Tensor:
        return self.cell.forward(self.weights, self.x)

    @cached_property
    def _hessian(self) -> Tensor:
        return self.objective.hessian(self._z)

    @cached_property
    def _gradient(self) -> Tensor:
        return self.objective.gradient(self._z)

    @cached_property
    def _wide(self) -> Tensor:
        """∂²F/∂V⁽ᵏ⁾∂V⁽ˡ⁾, (b, K, K, d·M·d, d·M·d)."""
        parts = self._hessian.unflatten(-1, self._outputs).unflatten(-3, self._outputs)
        products = torch.einsum("bnkilj,bnp,bnq->bklipjq", parts, self.x, self.x)
        return products.flatten(-2).flatten(-3, -2) / self.x.shape[1]


def _mean_products(inner: Tensor, source: Tensor) -> Tensor:
    """mean_i G_i ⊗ s_i s_iᵀ, (b, E, d·D, d·D), of (b, N, E, d, d) and (b, N, E or 1, D)."""
    source = source.expand(*inner.shape[:3], -1)
    products = torch.einsum("bneij,bnep,bneq->beipjq", inner, source, source) / inner.shape[1]
    return products.flatten(-2).flatten(-3, -2)


def _variance(back: Tensor, source: Tensor) -> Tensor:
    """E ‖g_i − E g_i‖² of g_i = back_i source_iᵀ, (b, E); centred first, so nothing cancels."""
    gradients = back.unsqueeze(-1) * source.unsqueeze(-2)
    return (gradients - gradients.mean(1, keepdim=True)).square().sum((-2, -1)).mean(1)


@dataclass(frozen=True)
class Constants:
    """Certified upper bounds of Lipschitz constants that hold uniformly over all weights V, or over
    the block W with the other edges fixed. Exact where the objective's `exact` says so."""

    blocks: Tensor
    """L̂⁽ᵉ⁾, (b, E): of ∂f̂/∂W⁽ᵉ⁾ in W⁽ᵉ⁾."""
    wide: Tensor
    """L⁽ᵏ⁾, (b, K): of ∂F/∂V⁽ᵏ⁾ in V⁽ᵏ⁾, over all values of the other blocks."""
    joint: Tensor
    """(b, E): of the gradient in all V⁽ᵏ⁾ that edge e reaches; 0 if none."""


def constants(cell: LinearCell, weights: Tensor, objective: Objective, x: Tensor) -> Constants:
    """Block-wise Lipschitz constants, in closed form.

    With S = E x xᵀ and s ≥ ‖Aᵀ ∇²f(z) A‖ for all z, the block's Hessian
    E (Aᵀ H_i A) ⊗ (B x_i)(B x_i)ᵀ lies between −s I ⊗ B S Bᵀ and s I ⊗ B S Bᵀ, so its constant is
    at most s ‖B S Bᵀ‖; for a quadratic it is equal to that.
    """
    size = weights.shape[-1]
    maps = cell.maps(weights)
    moment = x.mT @ x / x.shape[-2]
    spread = symmetric_norm(moment)
    sources = symmetric_norm(maps.before @ moment.unsqueeze(1) @ maps.before.mT)
    after = maps.after.flatten(-3, -2)
    outputs = len(cell.outputs)
    columns = torch.eye(outputs * size, dtype=weights.dtype).unflatten(0, (outputs, size)).mT
    reached = cell.reached()
    joint = [
        objective.curvature(torch.cat([columns[k] for k in own.nonzero()[0]], dim=1)) * spread
        if own.any()
        else torch.zeros_like(spread)
        for own in reached
    ]
    return Constants(
        blocks=_each(objective, after.unbind(1)) * sources,
        wide=_each(objective, columns.unbind(0)) * spread.unsqueeze(1),
        joint=torch.stack(joint, dim=1),
    )


def _each(objective: Objective, directions: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([objective.curvature(own) for own in directions], dim=1)
