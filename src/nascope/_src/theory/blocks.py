"""Block-wise smoothness and gradient variance of linear cells, in closed form.

f̂(W) = F(V⁽¹⁾(W), …, V⁽ᴷ⁾(W)) with F(V) = E_i f_i(V x_i): a cell of any wiring is the widest cell
at its *effective weights* V. A block is the matrix W of one edge. V⁽ᵏ⁾ = A⁽ᵏ⁾ W B + … is affine
in it, so the block's Hessian is exactly Σ_{k,l} J_kᵀ (∂²F/∂V⁽ᵏ⁾∂V⁽ˡ⁾) J_l with J_k = A⁽ᵏ⁾ ⊗ Bᵀ.
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
    """The quantities in the theorems, exactly, for a batch of cells at their weights; float64.

    There are b cells, E edges, K outputs, and N equally likely instances. Each quantity is computed
    on first use. Norms are spectral norms of Hessians, so gradients are compared in the Frobenius
    norm.

    Args:
        cell: the wiring that all cells share.
        weights: (b, E, d, d).
        objective: f.
        x: inputs, (b, N, M·d).
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
        """‖∂²f̂/∂W⁽ᵉ⁾²‖ = ‖E (Aᵀ H A) ⊗ (B x)(B x)ᵀ‖, (b, E)."""
        after = self._after.unsqueeze(1)
        inner = after.mT @ self._hessian.unsqueeze(2) @ after  # (b, N, E, d, d)
        return symmetric_norm(_mean_products(inner, self._sources))

    @cached_property
    def wide_curvatures(self) -> Tensor:
        """‖∂²F/∂V⁽ᵏ⁾²‖ at the effective weights, (b, K)."""
        diagonal = self._hessian.unflatten(-1, self._outputs).unflatten(-3, self._outputs)
        hessians = torch.einsum("bnkikj->bnkij", diagonal)
        return symmetric_norm(_mean_products(hessians, self.x.unsqueeze(2)))

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
        """Norm of F's Hessian over the outputs that edge e reaches, (b, E); 0 if there are none."""
        batch, size = len(self.weights), self._wide.shape[-1]
        norm_of_outputs = {(): self.x.new_zeros(batch)}
        norms = []
        for reached in self.cell.reached():
            outputs = tuple(reached.nonzero()[0])
            if outputs not in norm_of_outputs:
                part = self._wide[:, outputs][:, :, outputs].transpose(2, 3)
                total = len(outputs) * size
                norm_of_outputs[outputs] = symmetric_norm(part.reshape(batch, total, total))
            norms.append(norm_of_outputs[outputs])
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
    """Return mean_i G_i ⊗ s_i s_iᵀ, (b, E, d·D, d·D).

    Args:
        inner: G, (b, N, E, d, d).
        source: s, (b, N, E or 1, D).
    """
    source = source.expand(*inner.shape[:3], -1)
    products = torch.einsum("bneij,bnep,bneq->beipjq", inner, source, source) / inner.shape[1]
    return products.flatten(-2).flatten(-3, -2)


def _variance(back: Tensor, source: Tensor) -> Tensor:
    """Return E ‖g_i − E g_i‖² for g_i = back_i source_iᵀ, (b, E).

    Gradients are centred first, so that no digits cancel.
    """
    gradients = back.unsqueeze(-1) * source.unsqueeze(-2)
    return (gradients - gradients.mean(1, keepdim=True)).square().sum((-2, -1)).mean(1)


@dataclass(frozen=True)
class Constants:
    """Certified upper bounds of Lipschitz constants; exact if the objective is `exact`.

    Attributes:
        blocks: L̂⁽ᵉ⁾ of ∂f̂/∂W⁽ᵉ⁾ in W⁽ᵉ⁾, (b, E), with the other edges fixed.
        wide: L⁽ᵏ⁾ of ∂F/∂V⁽ᵏ⁾ in V⁽ᵏ⁾, (b, K), uniform over the other blocks.
        joint: constant of the gradient in all V⁽ᵏ⁾ that edge e reaches, (b, E), uniform over all
            weights; 0 if it reaches none.
    """

    blocks: Tensor
    wide: Tensor
    joint: Tensor


def constants(cell: LinearCell, weights: Tensor, objective: Objective, x: Tensor) -> Constants:
    """Compute block-wise Lipschitz constants in closed form.

    With S = E x xᵀ and s ≥ ‖Aᵀ ∇²f(z) A‖ for all z, the block's Hessian
    E (Aᵀ H_i A) ⊗ (B x_i)(B x_i)ᵀ lies between −s I ⊗ B S Bᵀ and s I ⊗ B S Bᵀ. So the constant is
    at most s ‖B S Bᵀ‖, and equal to that for a quadratic.

    Args: as for `Blocks`.
    """
    size = weights.shape[-1]
    maps = cell.maps(weights)
    moment = x.mT @ x / x.shape[-2]
    spread = symmetric_norm(moment)
    sources = symmetric_norm(maps.before @ moment.unsqueeze(1) @ maps.before.mT)
    after = maps.after.flatten(-3, -2)
    outputs = len(cell.outputs)
    columns = torch.eye(outputs * size, dtype=weights.dtype).unflatten(0, (outputs, size)).mT
    joint = [
        objective.curvature(torch.cat([columns[k] for k in reached.nonzero()[0]], dim=1)) * spread
        if reached.any()
        else torch.zeros_like(spread)
        for reached in cell.reached()
    ]
    return Constants(
        blocks=_each(objective, after.unbind(1)) * sources,
        wide=_each(objective, columns.unbind(0)) * spread.unsqueeze(1),
        joint=torch.stack(joint, dim=1),
    )


def _each(objective: Objective, directions: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([objective.curvature(direction) for direction in directions], dim=1)
