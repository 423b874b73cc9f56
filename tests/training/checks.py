"""A short recipe, and what several tests of training check."""

import torch

from nascope._src.training.recipe import Recipe

SHORT = Recipe(channels=2, layers=3, epochs=3, batch_size=64)

TIMES = {"provenance", "here", "mark", "seconds", "images_per_second"}


def without_time(records):
    if isinstance(records, dict):
        return {k: without_time(value) for k, value in records.items() if k not in TIMES}
    return [without_time(value) for value in records] if isinstance(records, list) else records


def assert_same(one, two):
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, two.tensors[name]), name
    assert without_time(one.records) == without_time(two.records)


class Killed(Exception):
    pass
