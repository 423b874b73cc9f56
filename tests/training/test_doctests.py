"""Every example in the docstrings of the training layer runs."""

import doctest
import importlib
import pkgutil

import pytest

import nascope._src.training as package

NAMES = [module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]


@pytest.mark.parametrize("name", NAMES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
