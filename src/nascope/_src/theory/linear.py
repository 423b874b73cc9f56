"""Linear cells of any wiring, which generalise Figure 8 of the paper.

A node is a sum over its edges, each a matrix times the edge's source. The output concatenates some
of the nodes, and an objective takes the output. In the paper's widest cell, every node reads the
input; the narrowest cell is a chain.

Everything is batched over cells of one wiring: ``weights`` are (..., E, d, d), one matrix per edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nascope._src.cells.genotype import Cell
from nascope._src.errors import TheoryError


class LinearEdge(NamedTuple):
    """An edge from ``source`` into ``node``. Inputs have the first numbers."""

    source: int
    node: int


@dataclass(frozen=True)
class LinearCell:
    """A wiring whose edges are matrices.

    Args:
        edges: pairs (source, node), sorted by node, with at least one per node.
        inputs: number M of inputs, which are nodes 0 … M−1.
        outputs: nodes that the output concatenates; all nodes by default.

    Raises:
        TheoryError: an edge does not point forward, a node has no edge, or an output is not a node.

    >>> LinearCell.narrowest(3).edges[-1]
    LinearEdge(source=2, node=3)
    """

    edges: tuple[LinearEdge, ...]
    inputs: int = 1
    outputs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        edges = tuple(LinearEdge(*edge) for edge in self.edges)
        nodes = sorted({edge.node for edge in edges})
        if self.inputs < 1 or not nodes or nodes != list(range(self.inputs, nodes[-1] + 1)):
            raise TheoryError("Expected an input, and an edge into each node of the linear cell")
        if any(not 0 <= edge.source < edge.node for edge in edges):
            raise TheoryError("Expected every edge to come from an input or an earlier node")
        if list(edges) != sorted(edges, key=lambda edge: edge.node):
            raise TheoryError("Expected the edges of the linear cell to be sorted by node")
        outputs = tuple(self.outputs) or tuple(nodes)
        if len(set(outputs)) < len(outputs) or not set(outputs) <= set(nodes):
            raise TheoryError(f"Expected outputs to be distinct nodes of the cell, not {outputs}")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "outputs", outputs)

    @property
    def num_nodes(self) -> int:
        """Number of nodes n, without inputs."""
        return self.edges[-1].node + 1 - self.inputs

    @property
    def depth(self) -> int:
        """Number of edges on a longest path from an input to a node."""
        depths = [0] * (self.inputs + self.num_nodes)
        for source, node in self.edges:
            depths[node] = max(depths[node], depths[source] + 1)
        return max(depths)

    @classmethod
    def widest(cls, nodes: int) -> LinearCell:
        """Figure 8, left: y⁽ⁱ⁾ = W⁽ⁱ⁾ x."""
        return cls.of_depth(nodes, 1)

    @classmethod
    def narrowest(cls, nodes: int) -> LinearCell:
        """Figure 8, right: ŷ⁽ⁱ⁾ = W⁽ⁱ⁾ ŷ⁽ⁱ⁻¹⁾ = W⁽ⁱ⁾ ⋯ W⁽¹⁾ x."""
        return cls.of_depth(nodes, nodes)

    @classmethod
    def of_depth(cls, nodes: int, depth: int) -> LinearCell:
        """Return a chain of ``depth`` nodes, with all other nodes at the input.

        Raises:
            TheoryError: the depth is not in 1 … nodes.
        """
        if not 1 <= depth <= nodes:
            raise TheoryError(
                f"Expected a depth of 1 … {nodes} for a cell of {nodes} nodes, not {depth}"
            )
        return cls(tuple(LinearEdge(i - 1 if i <= depth else 0, i) for i in range(1, nodes + 1)))

    @classmethod
    def from_cell(cls, cell: Cell) -> LinearCell:
        """Return the wiring and concatenation of a cell, with a matrix for each operation."""
        edges = tuple(
            LinearEdge(source, node)
            for node, sources in zip(cell.intermediate, cell.sources, strict=True)
            for source in sources
        )
        return cls(edges, cell.num_inputs, cell.concat)

    @classmethod
    def random(
        cls, nodes: int, generator: np.random.Generator, *, inputs: int = 1, in_degree: int = 1
    ) -> LinearCell:
        """Draw a cell whose nodes have ``in_degree`` distinct, uniform sources, or all if fewer."""
        edges = []
        for node in range(inputs, inputs + nodes):
            sources = generator.choice(node, size=min(in_degree, node), replace=False)
            edges += [LinearEdge(int(source), node) for source in sorted(sources)]
        return cls(tuple(edges), inputs)

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Return the outputs z, (..., N, K, d), for inputs x, (..., N, M·d)."""
        size = weights.shape[-1]
        states = list(x.unflatten(-1, (self.inputs, size)).unbind(-2))
        for number, (source, node) in enumerate(self.edges):
            value = states[source] @ weights[..., number, :, :].mT
            if node < len(states):
                states[node] = states[node] + value
            else:
                states.append(value)
        return torch.stack([states[node] for node in self.outputs], dim=-2)

    def maps(self, weights: Tensor) -> Maps:
        """Return the linear maps around each edge; see `Maps`."""
        size = weights.shape[-1]
        batch = weights.shape[:-3]
        identity = torch.eye(size, dtype=weights.dtype, device=weights.device)
        identity = identity.expand(*batch, size, size)
        selections = torch.eye(self.inputs * size, dtype=weights.dtype, device=weights.device)
        into = [
            part.expand(*batch, size, self.inputs * size)
            for part in selections.unflatten(0, (self.inputs, size))
        ]
        for number, (source, node) in enumerate(self.edges):
            value = weights[..., number, :, :] @ into[source]
            if node < len(into):
                into[node] = into[node] + value
            else:
                into.append(value)
        zero = torch.zeros_like(identity)
        onward = []
        for output in self.outputs:
            to_output = {output: identity}  # the map from each node to this output
            for number in reversed(range(len(self.edges))):
                source, node = self.edges[number]
                if node in to_output:
                    value = to_output[node] @ weights[..., number, :, :]
                    known = to_output.get(source)
                    to_output[source] = value if known is None else known + value
            onward.append([to_output.get(edge.node, zero) for edge in self.edges])
        return Maps(
            effective=torch.stack([into[node] for node in self.outputs], dim=-3),
            before=torch.stack([into[edge.source] for edge in self.edges], dim=-3),
            after=torch.stack([torch.stack(maps, dim=-3) for maps in onward], dim=-3),
        )

    def path_products(self, norms: Tensor) -> Tensor:
        """Return P, (..., E, K), for the norms of the edges, (..., E).

        P sums over the paths from an input to output k through edge e. Each path contributes the
        product of the norms of its other edges. For the narrowest cell, this is the paper's
        ∏_{j≤k, j≠i} λ⁽ʲ⁾ for k ≥ i, and 0 for k < i.
        """
        maps = self.scalar_maps(norms)
        return maps.after * maps.before.sum(-1, keepdim=True)

    def scalar_maps(self, norms: Tensor) -> Maps:
        """Return `maps` for scalar edges: ``before`` (..., E, M), ``after`` (..., E, K)."""
        maps = self.maps(norms[..., None, None])
        return Maps(
            effective=maps.effective.squeeze(-2),
            before=maps.before.squeeze(-2),
            after=maps.after.squeeze(-1).squeeze(-1),
        )

    def reached(self) -> np.ndarray:
        """Return whether edge e lies on a path to output k, bool (E, K)."""
        ones = torch.ones(len(self.edges), dtype=torch.float64)
        reached: np.ndarray = (self.scalar_maps(ones).after > 0).numpy()
        return reached


class Maps(NamedTuple):
    """The linear maps around each edge.

    Output k is V⁽ᵏ⁾ x. As a function of the matrix W of edge e, it is A⁽ᵉᵏ⁾ W B⁽ᵉ⁾ x + const, since
    no path contains an edge twice.

    Attributes:
        effective: V, (..., K, d, M·d).
        before: B, (..., E, d, M·d), from the inputs to the edge's source.
        after: A, (..., E, K, d, d), from the edge's node to the output; 0 if it is not reached.
    """

    effective: Tensor
    before: Tensor
    after: Tensor


def spectral_norm(matrices: Tensor) -> Tensor:
    """Return ‖W‖₂, (...), for matrices (..., r, c)."""
    norms: Tensor = torch.linalg.matrix_norm(matrices, ord=2)
    return norms


def symmetric_norm(matrices: Tensor) -> Tensor:
    """Return the largest |eigenvalue|, (...), of symmetric matrices (..., s, s)."""
    norms: Tensor = torch.linalg.eigvalsh(matrices).abs().amax(-1)
    return norms


def random_weights(
    cell: LinearCell,
    batch: int,
    size: int,
    scale: float | Tensor,
    generator: np.random.Generator,
    *,
    kind: str = "gaussian",
) -> Tensor:
    """Draw weights (batch, E, d, d), float64, with matrices of spectral norm ``scale``.

    Args:
        cell: the wiring.
        batch: number of cells.
        size: d, rows and columns of a matrix.
        scale: λ, a number, or a tensor that broadcasts to (batch, E).
        generator: source of random numbers.
        kind: ``gaussian`` for independent normal entries, rescaled; ``orthogonal`` for a uniform
            rotation or reflection, rescaled, which scales all vectors alike.

    Raises:
        TheoryError: the kind is unknown.
    """
    raw = torch.from_numpy(generator.standard_normal((batch, len(cell.edges), size, size)))
    if kind == "gaussian":
        unit = raw / spectral_norm(raw)[..., None, None]
    elif kind == "orthogonal":
        rotation, upper = torch.linalg.qr(raw)
        unit = rotation * torch.diagonal(upper, dim1=-2, dim2=-1).sign()[..., None, :]
    else:
        raise TheoryError(f"Expected kind to be gaussian or orthogonal, not {kind!r}")
    scales = torch.as_tensor(scale, dtype=torch.float64).broadcast_to(raw.shape[:2])
    return unit * scales[..., None, None]
