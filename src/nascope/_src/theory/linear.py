"""Linear cells of any wiring: Figure 8 of the paper, generalised.

A node is the sum over its edges of a matrix times the edge's source, and the output is the nodes
that the cell concatenates, with any objective on top. The paper's widest cell has an edge from the
input to each node; its narrowest is a chain.

Everything is batched over cells of one wiring: ``weights`` are (..., E, d, d), one matrix an edge.
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
    """An edge from ``source`` into ``node``, both counted with the inputs first."""

    source: int
    node: int


@dataclass(frozen=True)
class LinearCell:
    """A wiring whose edges are matrices.

    Args:
        edges: pairs (source, node), every node having at least one, sorted by node.
        inputs: number M of inputs, nodes 0 … M−1.
        outputs: the nodes that the output concatenates; all of them by default.

    Raises:
        TheoryError: an edge does not point forwards, a node has none, or an output is no node.

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
            raise TheoryError("a linear cell needs an input, and an edge into each of its nodes")
        if any(not 0 <= edge.source < edge.node for edge in edges):
            raise TheoryError("an edge of a linear cell must come from an input or earlier node")
        if list(edges) != sorted(edges, key=lambda edge: edge.node):
            raise TheoryError("the edges of a linear cell must be sorted by the node they enter")
        outputs = tuple(self.outputs) or tuple(nodes)
        if len(set(outputs)) < len(outputs) or not set(outputs) <= set(nodes):
            raise TheoryError(f"outputs {outputs} must be nodes of the cell, each once")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "outputs", outputs)

    @property
    def num_nodes(self) -> int:
        """n, inputs not counted."""
        return self.edges[-1].node + 1 - self.inputs

    @property
    def depth(self) -> int:
        """The number of edges on a longest path from an input to a node."""
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
        """A chain of ``depth`` nodes, and the other nodes at the input: between the extremes.

        Raises:
            TheoryError: the depth is not 1 … nodes.
        """
        if not 1 <= depth <= nodes:
            raise TheoryError(f"a cell of {nodes} nodes has a depth of 1 … {nodes}, not {depth}")
        return cls(tuple(LinearEdge(i - 1 if i <= depth else 0, i) for i in range(1, nodes + 1)))

    @classmethod
    def of_cell(cls, cell: Cell) -> LinearCell:
        """A published cell's wiring, each operation a matrix, and its own concatenation."""
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
        """Each node reads ``in_degree`` uniform sources before it, fewer where there are fewer."""
        edges = []
        for node in range(inputs, inputs + nodes):
            sources = generator.choice(node, size=min(in_degree, node), replace=False)
            edges += [LinearEdge(int(source), node) for source in sorted(sources)]
        return cls(tuple(edges), inputs)

    def widened(self) -> LinearCell:
        """The widest cell of the same inputs and outputs: an edge from each input to each output.

        Its matrices are the effective weights V⁽ᵏ⁾ of this cell, in which the bounds are stated.
        """
        nodes = range(self.inputs, self.inputs + len(self.outputs))
        edges = tuple(LinearEdge(source, node) for node in nodes for source in range(self.inputs))
        return LinearCell(edges, self.inputs)

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Outputs z, (..., N, K, d), of inputs x, (..., N, M·d), under weights (..., E, d, d)."""
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
        """How an output depends on each edge; see `Maps`."""
        size = weights.shape[-1]
        batch = weights.shape[:-3]
        one = torch.eye(size, dtype=weights.dtype, device=weights.device).expand(*batch, size, size)
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
        nothing = torch.zeros_like(one)
        onward = []
        for output in self.outputs:
            found = {output: one}  # node → its map to this output
            for number in reversed(range(len(self.edges))):
                source, node = self.edges[number]
                if node in found:
                    value = found[node] @ weights[..., number, :, :]
                    found[source] = found[source] + value if source in found else value
            onward.append([found.get(edge.node, nothing) for edge in self.edges])
        return Maps(
            effective=torch.stack([into[node] for node in self.outputs], dim=-3),
            before=torch.stack([into[edge.source] for edge in self.edges], dim=-3),
            after=torch.stack([torch.stack(maps, dim=-3) for maps in onward], dim=-3),
        )

    def path_products(self, norms: Tensor) -> Tensor:
        """P, (..., E, K): over the paths from an input to output k through edge e, the sum of the
        products of the other edges' norms, (..., E).

        Of the narrowest cell this is the paper's ∏_{j≤k, j≠i} λ⁽ʲ⁾ for k ≥ i, and 0 for k < i.
        """
        maps = self.scalar_maps(norms)
        return maps.after * maps.before.sum(-1, keepdim=True)

    def scalar_maps(self, norms: Tensor) -> Maps:
        """`maps` where each edge is a number: ``before`` (..., E, M), ``after`` (..., E, K)."""
        maps = self.maps(norms[..., None, None])
        return Maps(
            effective=maps.effective.squeeze(-2),
            before=maps.before.squeeze(-2),
            after=maps.after.squeeze(-1).squeeze(-1),
        )

    def reached(self) -> np.ndarray:
        """Whether edge e lies on a path to output k, bool (E, K)."""
        ones = torch.ones(len(self.edges), dtype=torch.float64)
        reached: np.ndarray = (self.scalar_maps(ones).after > 0).numpy()
        return reached


class Maps(NamedTuple):
    """The linear maps around each edge.

    Output k is V⁽ᵏ⁾ x, and as a function of the matrix W of edge e it is A⁽ᵉᵏ⁾ W B⁽ᵉ⁾ x + const,
    since no path passes an edge twice.
    """

    effective: Tensor
    """V, (..., K, d, M·d)."""
    before: Tensor
    """B, (..., E, d, M·d): from the inputs to the edge's source."""
    after: Tensor
    """A, (..., E, K, d, d): from the edge's node to the output; 0 where it is not reached."""


def spectral_norm(matrices: Tensor) -> Tensor:
    """‖W‖₂, (...), of matrices (..., r, c)."""
    norms: Tensor = torch.linalg.matrix_norm(matrices, ord=2)
    return norms


def symmetric_norm(matrices: Tensor) -> Tensor:
    """The largest |eigenvalue|, (...), of symmetric matrices (..., s, s)."""
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
    """Weights (batch, E, d, d), float64, each matrix of spectral norm ``scale``.

    Args:
        scale: λ, a number, or a tensor that broadcasts to (batch, E).
        kind: ``gaussian``, a matrix of independent normals divided by its norm; or ``orthogonal``,
            a uniform rotation or reflection times λ, whose products lose nothing.

    Raises:
        TheoryError: another kind.
    """
    raw = torch.from_numpy(generator.standard_normal((batch, len(cell.edges), size, size)))
    if kind == "gaussian":
        unit = raw / spectral_norm(raw)[..., None, None]
    elif kind == "orthogonal":
        rotation, upper = torch.linalg.qr(raw)
        unit = rotation * torch.diagonal(upper, dim1=-2, dim2=-1).sign()[..., None, :]
    else:
        raise TheoryError(f"weights are gaussian or orthogonal, not {kind!r}")
    scales = torch.as_tensor(scale, dtype=torch.float64).broadcast_to(raw.shape[:2])
    return unit * scales[..., None, None]
