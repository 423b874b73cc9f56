"""The public names: how many, what they load, what they say of themselves."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import nascope
import nascope._src.api as package

MODULES = [m.name for m in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_few_and_each_is_documented():
    assert len(nascope.__all__) <= 30
    assert set(nascope.__all__) <= set(dir(nascope))
    for name in nascope.__all__:
        documentation = inspect.getdoc(getattr(nascope, name))
        assert documentation, name
        first = documentation.splitlines()[0]
        assert first.endswith((".", ":")), (name, first)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nascope.nothing


SLOW = ("matplotlib", "numpy", "pandas", "torch")


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("nascope", ()),
        ("nascope.topology('DARTS'); nascope.random_variant('DARTS')._repr_html_()", ()),
        ("nascope.Recipe(), nascope.Grid, nascope.NascopeError", ("numpy", "torch")),
        ("nascope.read_study, nascope.Study(['DARTS'])", ("numpy",)),
        ("nascope.load, nascope.landscape, nascope.curvature", ("numpy",)),
    ],
)
def test_names_load_only_what_they_need(code, allowed):
    check = f"import sys, nascope; {code}; print([m for m in {SLOW} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert set(eval(loaded.stdout)) <= set(allowed)


def test_settings_are_shown_where_a_function_takes_them():
    parameters = inspect.signature(nascope.landscape).parameters
    assert parameters["points"].default == 21
    assert parameters["normalise"].default == "filter"
    assert "points: Number of points along each direction." in nascope.landscape.__doc__
    assert "learning_rate: " in nascope.train.__doc__
    assert inspect.signature(nascope.train).parameters["epochs"].default is None  # the scale's
