"""Nested structures of tensors, and comparisons up to rounding."""

import dataclasses
from collections import OrderedDict, UserDict, namedtuple

import numpy as np
import pytest
import torch

from nascope._src.errors import ProbeError
from nascope._src.probes.tensors import (
    count_instances,
    disagreement,
    filled,
    losses_agree,
    mapped,
    taken,
    tensors_in,
)


@dataclasses.dataclass
class Batch:
    x: torch.Tensor
    mask: torch.Tensor | None = None


Pair = namedtuple("Pair", "a b")
ONES, TWOS = torch.ones(4, 2), torch.full((4,), 2.0)


@pytest.mark.parametrize(
    "structure",
    [
        ONES,
        (ONES, None, [TWOS]),
        Pair(ONES, {"b": TWOS}),
        OrderedDict(a=ONES, b=(TWOS,)),
        UserDict(a=ONES),
        Batch(ONES, TWOS),
        [Batch(ONES)],
    ],
)
def test_structures_keep_their_kind(structure):
    assert count_instances(structure, "inputs") == 4
    part = taken(structure, slice(1, 3))
    assert type(part) is type(structure)
    assert [len(value) for value in tensors_in(part)] == [2] * len(tensors_in(structure))
    for value, source in zip(tensors_in(part), tensors_in(structure), strict=True):
        assert torch.equal(value, source[1:3])
        value += 1  # a copy: the source stays
    assert float(ONES.sum() + TWOS.sum()) == 16
    again = filled(structure, iter(tensors_in(mapped(structure, lambda value: value * 3))))
    assert type(again) is type(structure)
    assert all(float(value.flatten()[0]) in (3, 6) for value in tensors_in(again))


def test_inputs_that_require_a_gradient_are_cut_off():
    x = torch.ones(3, requires_grad=True)
    assert taken(x, slice(0, 2)).is_leaf
    assert not taken(x, slice(0, 2)).requires_grad


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (np.zeros((3, 2)), r"inputs: .* a ndarray: convert it with torch.from_numpy"),
        ({"x": [ONES, "text"]}, r"inputs\['x'\]\[1\]: .* a str: .* torch.arange\(n\)"),
        ((ONES, torch.tensor(1.0)), r"inputs\[1\]: .* a single number"),
        (Batch(ONES, ONES[:3]), r"inputs.x has 4 and inputs.mask has 3"),
        ((None, {}), "at least one tensor, but got none"),
        (iter([ONES]), "a list_iterator"),
        ([ONES.to_sparse()], r"inputs\[0\]: expected a dense tensor"),
        (torch.nested.nested_tensor([ONES, ONES], layout=torch.jagged), "padding and a mask"),
    ],
)
def test_other_structures_are_refused(structure, message):
    with pytest.raises(ProbeError, match=message):
        count_instances(structure, "inputs")


def test_losses_agree_up_to_rounding():
    confident = torch.tensor([3.6e-7, 8.0, 2.0])
    assert losses_agree(confident + torch.tensor([1e-7, 1e-6, 0]), confident)
    assert not losses_agree(confident * 1.01, confident)
    nan = torch.tensor([float("nan"), 1.0])
    assert losses_agree(nan, nan)
    assert not losses_agree(torch.ones(2), nan)
    exact = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert losses_agree(exact + 1e-10, exact)
    assert not losses_agree(exact + 1e-6, exact)


def test_gradients_agree_up_to_rounding():
    expected = {"a": torch.tensor([3.0, 4.0]), "zero": torch.tensor([1e-9])}
    assert disagreement({"a": expected["a"], "zero": -expected["zero"]}, expected) is None
    assert disagreement({"zero": expected["zero"]}, expected) == "a"
    assert disagreement({"a": expected["a"] + 0.1}, expected) == "a"
    cancelled = {"a": torch.tensor([1e-4])}  # the sum of gradients that cancel
    assert disagreement({"a": torch.tensor([2e-4])}, cancelled, {"a": 1.0}) is None
    assert disagreement({"a": torch.tensor([2e-4])}, cancelled) == "a"
