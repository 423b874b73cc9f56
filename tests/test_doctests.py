"""Every example in the docstrings of settings and the command line runs."""

import doctest
import importlib
import pkgutil

import pytest

import nascope._src.cli

MODULES = [
    "nascope._src.schema",
    "nascope._src.training.moments",
    "nascope._src.training.recipe",
    *(
        f"nascope._src.cli.{module.name}"
        for module in pkgutil.iter_modules(nascope._src.cli.__path__)
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
