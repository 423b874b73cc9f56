"""Every example in the docstrings of the cells layer runs."""

import doctest
import importlib
import pkgutil

import pytest

import nascope.cells


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(nascope.cells.__path__)])
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(f"nascope.cells.{name}")).failed == 0
