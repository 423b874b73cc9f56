"""Every example in the docstrings of the cells layer runs."""

import doctest
import importlib
import pkgutil

import pytest

import nascope._src.cells

NAMES = [m.name for m in pkgutil.walk_packages(nascope._src.cells.__path__, "nascope._src.cells.")]


@pytest.mark.parametrize("name", NAMES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
