"""Every example in the docstrings of results, report and the palette runs."""

import doctest
import importlib
import pkgutil

import pytest

import nascope._src.report
import nascope._src.results

MODULES = ["nascope._src.palette"] + [
    module.name
    for package in (nascope._src.results, nascope._src.report)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
