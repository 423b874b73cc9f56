"""Every example in the docstrings of analysis and report runs."""

import doctest
import importlib
import pkgutil

import pytest

import nascope._src.report
import nascope._src.results

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (nascope._src.results, nascope._src.report)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
