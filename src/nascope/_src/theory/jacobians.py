"""Measure the norms of Jacobians: of any function, and of the edges of a network's cells."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from nascope._src.errors import TheoryError
from nascope._src.networks.network import CellModule, Network
from nascope._src.records.identity import derived_seed
from nascope._src.theory.singular_values import STEPS, TOLERANCE, Map, spectral_norms


class JacobianNorms(NamedTuple):
    """Sizes of the Jacobians J at each instance of a batch, float64 (batch,).

    Attributes:
        norms: ‖J‖₂, a lower bound.
        residuals: as in `SpectralNorms`.
        gains: ‖J‖_F / √n_in, estimated: the root-mean-square amplification of a white input.
        gain_errors: standard errors of the gains.
    """

    norms: Tensor
    residuals: Tensor
    gains: Tensor
    gain_errors: Tensor


def jacobian_norms(
    function: Map,
    inputs: Tensor,
    *,
    vectors: int = 8,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
    seed: int = 0,
) -> JacobianNorms:
    """Measure how much a function amplifies small changes of each of a batch of inputs.

    The function runs once, and once more on the first input alone. J v is the derivative of Jᵀu by
    u, so the function needs no forward-mode derivative. ‖J‖_F² is estimated by the mean of ‖J s‖²
    over vectors s of random signs (Hutchinson 1990). The gain's standard error follows by the delta
    method.

    Args:
        function: (batch, …) → (batch, …), with independent instances: a model in eval mode.
        inputs: (batch, …), of the function's dtype and on its device.
        vectors: number of vectors s for the gain, at least 2.
        tolerance, steps, seed: as in `spectral_norms`.

    Raises:
        TheoryError: an instance's output depends on the others or on chance, or there are too few
            vectors or steps.

    >>> jacobian_norms(lambda x: 3 * x, torch.zeros(2, 1)).norms
    tensor([3., 3.], dtype=torch.float64)
    """
    if vectors < 2:
        raise TheoryError(f"Expected at least 2 vectors for a standard error, not {vectors}")
    # Other attention kernels cannot be differentiated twice.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        x = inputs.detach().clone().requires_grad_()
        y = function(x.clone())  # the function may change its input in place
        u = torch.zeros_like(y, requires_grad=True)
        back = _derivative(y, x, u, create_graph=True)
    _check_independent(function, inputs, y.detach())

    def product(vector: Tensor) -> Tensor:
        return _flat(_derivative(back, u, vector.view(x.shape).to(x)))

    def transposed(vector: Tensor) -> Tensor:
        return _flat(_derivative(y, x, vector.view(y.shape).to(y)))

    shape = (len(x), x[0].numel())
    spectral = spectral_norms(
        product, transposed, shape, tolerance=tolerance, steps=steps, seed=seed
    )
    squares = torch.stack(
        [product(_signs(shape, seed, number)).square().sum(1) for number in range(vectors)]
    )
    gains = (squares.mean(0) / shape[1]).sqrt()
    errors = squares.std(0) / vectors**0.5 / (2 * shape[1] * gains)
    return JacobianNorms(*spectral, gains, torch.where(gains == 0, 0, errors))


def _signs(shape: tuple[int, int], seed: int, number: int) -> Tensor:
    generator = np.random.default_rng(derived_seed("gain", seed, number))
    return torch.from_numpy(generator.choice([-1.0, 1.0], shape))


def _derivative(
    output: Tensor, by: Tensor, vector: Tensor, *, create_graph: bool = False
) -> Tensor:
    """Apply the transposed derivative of ``output`` to a vector; 0 if they are unrelated."""
    if not output.requires_grad:
        return torch.zeros_like(by)
    (product,) = torch.autograd.grad(
        output, by, vector, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    return product


def _flat(values: Tensor) -> Tensor:
    return values.detach().reshape(len(values), -1).double().cpu()


def _check_independent(function: Map, inputs: Tensor, outputs: Tensor) -> None:
    with torch.no_grad():
        alone = function(inputs[:1].clone())
    scale = float(outputs[:1].nan_to_num(0, 0, 0).abs().max())
    if not torch.allclose(alone, outputs[:1], rtol=1e-2, atol=1e-3 * scale, equal_nan=True):
        raise TheoryError(
            "Expected independent instances, but the first input's output differs if it is alone; "
            "put the model into eval mode"
        )


@dataclass(frozen=True, eq=False)
class EdgeNorm:
    """How much an edge amplifies small changes of the value that it reads.

    Attributes:
        cell: index of the cell in the network.
        reduction: whether the cell halves the resolution.
        edge: index of the edge in the cell, as in ``cells.{cell}._ops.{edge}``.
        source, node: start and end of the edge; 0 and 1 are the cell's inputs.
        operation: name of the operation.
        norms: ‖J‖₂ at each image, (images,), float64.
        residuals, gains, gain_errors: as in `JacobianNorms`, (images,).
    """

    cell: int
    reduction: bool
    edge: int
    source: int
    node: int
    operation: str
    norms: Tensor
    residuals: Tensor
    gains: Tensor
    gain_errors: Tensor


def edge_norms(
    network: Network,
    images: Tensor,
    *,
    vectors: int = 8,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
    seed: int = 0,
) -> list[EdgeNorm]:
    """Measure the Jacobian of each edge's operation, at the values that real images give.

    The computation uses a float64 copy of the network in eval mode. An edge is the whole operation
    on the node's value, including its ReLU. Identities have norm and gain 1. The network does not
    compute dead nodes, so their edges are left out.

    Args:
        network: a network; it is not changed.
        images: network inputs, (images, channels, height, width).
        vectors, tolerance, steps, seed: as in `jacobian_norms`.
    """
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)
    measure = partial(jacobian_norms, vectors=vectors, tolerance=tolerance, steps=steps, seed=seed)
    measured = []
    for index, (cell, states) in enumerate(_cells(network, images.detach().cpu().double())):
        for node, edges in cell._plan:
            for edge, source in edges:
                operation, value = cell._ops[edge], states[source]
                if isinstance(operation, nn.Identity):
                    ones, zeros = value.new_ones(len(value)), value.new_zeros(len(value))
                    norms = JacobianNorms(ones, zeros, ones, zeros)
                else:
                    norms = measure(operation, value)
                reduction = states[node].shape != states[1].shape
                place = (index, reduction, edge, source, node, cell.operations[edge])
                measured.append(EdgeNorm(*place, *norms))
    return measured


def _cells(network: Network, images: Tensor) -> Iterator[tuple[CellModule, dict[int, Tensor]]]:
    """Yield each cell with the values of its live nodes."""
    inputs: list[tuple[Tensor, ...]] = []
    for cell in network.cells:
        cell.register_forward_pre_hook(lambda _, args: inputs.append(args))
    with torch.no_grad():
        network(images)
        for cell, (older, newer, *_) in zip(network.cells, inputs, strict=True):
            assert isinstance(cell, CellModule)
            states = {
                0: cell.preprocess0.after_relu(older),
                1: cell.preprocess1.after_relu(newer),
            }
            for node, edges in cell._plan:
                values = [cell._ops[edge](states[source]) for edge, source in edges]
                states[node] = torch.stack(values).sum(0)
            yield cell, states
