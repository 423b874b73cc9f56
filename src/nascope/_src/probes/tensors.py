"""Tensors that probes compare and add up, and nested structures of tensors, the batch first."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor

from nascope._src.errors import ProbeError

_FLOOR = 0.01  # share of a tolerance that is relative to the norm over all parameters

Structure = Any
"""A tensor, None, or a tuple, list, mapping or dataclass of structures."""


def mapped(structure: Structure, function: Callable[[Tensor], Tensor]) -> Structure:
    """Return the same structure with a function applied to every tensor.

    >>> mapped({"x": torch.ones(2), "y": (torch.zeros(1), None)}, lambda value: value + 1)
    {'x': tensor([2., 2.]), 'y': (tensor([1.]), None)}
    """
    match structure:
        case Tensor():
            return function(structure)
        case MutableMapping():
            changed = copy.copy(structure)
            changed.update({key: mapped(value, function) for key, value in structure.items()})
            return changed
        case tuple() if hasattr(structure, "_fields"):
            return type(structure)(*(mapped(value, function) for value in structure))
        case tuple() | list():
            return type(structure)(mapped(value, function) for value in structure)
        case _ if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
            fields = {
                field.name: mapped(getattr(structure, field.name), function)
                for field in dataclasses.fields(structure)
            }
            return dataclasses.replace(structure, **fields)
    return structure


def tensors_in(structure: Structure) -> list[Tensor]:
    """Return all tensors of a structure, in order."""
    return [value for _, value in _leaves(structure, "") if isinstance(value, Tensor)]


def filled(structure: Structure, tensors: Iterator[Tensor]) -> Structure:
    """Return the same structure with other tensors, in the order of `tensors_in`."""
    return mapped(structure, lambda _: next(tensors))


def count_instances(structure: Structure, what: str) -> int:
    """Return the number of instances: the length of the first dimension of every tensor.

    Raises:
        ProbeError: There is no tensor, one has another length, or something else is in it.
    """
    sizes: dict[str, int] = {}
    for place, value in _leaves(structure, what):
        if not isinstance(value, Tensor):
            raise ProbeError(
                f"{place}: expected tensors whose first dimension is the instance, in tuples, "
                f"lists or dictionaries, but got {_kind(value)}: {_advice(value)}"
            )
        if value.is_nested or value.layout != torch.strided:
            raise ProbeError(
                f"{place}: expected a dense tensor, but got a nested or sparse one: use to_dense, "
                "or padding and a mask"
            )
        if value.dim() == 0:
            raise ProbeError(f"{place}: expected one entry per instance, but got a single number")
        sizes[place] = len(value)
    if not sizes:
        raise ProbeError(f"{what}: expected at least one tensor, but got none")
    first = next(iter(sizes))
    for place, size in sizes.items():
        if size != sizes[first]:
            raise ProbeError(
                f"expected the same number of instances in every tensor, but {first} has "
                f"{sizes[first]} and {place} has {size}"
            )
    return sizes[first]


def taken(structure: Structure, part: slice) -> Structure:
    """Return a part of the instances, copied, so that a model may change its inputs in place.

    Half-precision numbers become float32, as the weights do.
    """
    return mapped(structure, lambda value: widened(value.detach()[part]).clone())


def widened(value: Tensor) -> Tensor:
    """Return float16 and bfloat16 numbers as float32, and anything else as it is."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def exact(value: Tensor) -> Tensor:
    """Return real and complex numbers in double precision, and anything else as it is."""
    return value.to(exact_dtype(value))


def exact_dtype(value: Tensor) -> torch.dtype:
    """Return the dtype of a tensor's numbers in double precision."""
    if value.is_complex():
        return torch.complex128
    return torch.float64 if value.is_floating_point() else value.dtype


def dense(value: Tensor) -> Tensor:
    """Return a sparse gradient, as some embeddings have, with all its zeros."""
    return value.to_dense() if value.is_sparse else value


def as_real(value: Tensor) -> Tensor:
    """Return complex numbers as pairs of real ones, (…, 2), and real ones as they are."""
    return torch.view_as_real(value) if value.is_complex() else value


def accumulator_dtype(value: Tensor) -> torch.dtype:
    """Return the dtype for sums: float64, or float32 on devices without it; complex if need be."""
    wide = value.device.type != "mps"
    if value.is_complex():
        return torch.complex128 if wide else torch.complex64
    return torch.float64 if wide else torch.float32


def squared_norm(value: Tensor) -> float:
    """Return Σ |x|², summed in float64 where there is one."""
    wide = as_real(value.detach())
    return float(wide.to(accumulator_dtype(wide)).square().sum())


def inner_product(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """Return ⟨a, b⟩ over all tensors, in float64; a complex number counts as two real ones."""
    return sum(
        float((as_real(a[name].detach()).double() * as_real(b[name].detach()).double()).sum())
        for name in a
    )


def relative_tolerance(dtype: torch.dtype) -> float:
    """Return the relative difference up to which two ways to compute a number agree."""
    if dtype in (torch.float64, torch.complex128):
        return 1e-8
    return max(1e-3, 8 * torch.finfo(dtype).eps)


def losses_agree(losses: Tensor, expected: Tensor) -> bool:
    """Return whether the losses of a batch agree up to rounding, each of them.

    Rounding errors are relative to the loss or, as in log-softmax, to 1. A small loss among large
    ones may also differ by a small share of their mean.

    >>> losses_agree(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
    False
    """
    finite = torch.isfinite(expected)
    if not torch.equal(finite, torch.isfinite(losses)):
        return False
    if not bool(finite.any()):
        return True
    difference, sizes = (losses - expected)[finite].abs(), expected[finite].abs()
    tolerance = relative_tolerance(expected.dtype)
    allowed = tolerance * (sizes + sizes.mean()) + 16 * torch.finfo(expected.dtype).eps
    return bool((difference <= allowed).all())


def disagreement(
    sums: Mapping[str, Tensor | None],
    expected: Mapping[str, Tensor],
    squares: Mapping[str, float] | None = None,
) -> str | None:
    """Return the first parameter whose gradients disagree; None if all agree up to rounding.

    Rounding errors of a sum are relative to the root of the sum of squares of what is added. Where
    that vanishes, such as for the keys' biases in attention, they are relative to all parameters.

    Args:
        sums: Gradients that may lack parameters.
        expected: Gradients of all parameters.
        squares: Sums of squares of what was added up, by parameter.
    """
    sizes = {
        name: squared_norm(value) + (squares or {}).get(name, 0.0)
        for name, value in expected.items()
    }
    largest = max((size for size in sizes.values() if size < float("inf")), default=0.0)
    for name, value in expected.items():
        if not bool(torch.isfinite(as_real(value)).all()):
            continue
        found = sums.get(name)
        difference = value if found is None else value - found
        tolerance = relative_tolerance(value.dtype)
        allowed = tolerance * (sizes[name] ** 0.5 + _FLOOR * largest**0.5)
        if not squared_norm(difference) ** 0.5 <= allowed:
            return name
    return None


def _leaves(structure: Structure, place: str) -> Iterator[tuple[str, Any]]:
    match structure:
        case None:
            return
        case MutableMapping():
            for key, value in structure.items():
                yield from _leaves(value, f"{place}[{key!r}]")
        case tuple() | list():
            for index, value in enumerate(structure):
                yield from _leaves(value, f"{place}[{index}]")
        case _ if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
            for field in dataclasses.fields(structure):
                yield from _leaves(getattr(structure, field.name), f"{place}.{field.name}")
        case _:
            yield place, structure


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def _advice(value: object) -> str:
    if type(value).__module__ == "numpy":
        return "convert it with torch.from_numpy"
    return "if instances are not tensors, give torch.arange(n), and look them up in batch_loss"
