"""Every example in the docstrings of results, report and the palette runs."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import nascope._src.report
import nascope._src.results

PACKAGES = (nascope._src.results, nascope._src.report)
MODULES = ["nascope._src.palette"] + [
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def test_every_module_is_found() -> None:
    """Also those of packages that were added since."""
    for package in PACKAGES:
        (folder,) = map(Path, package.__path__)
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package.__name__, *parts)).removesuffix(".__init__")
            assert name in {package.__name__, *MODULES}, name


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
