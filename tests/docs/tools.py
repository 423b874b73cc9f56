"""The scripts in tools/, as modules."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from tests.docs.pages import ROOT


def load_tool(name: str) -> ModuleType:
    """Return a script of tools/ as a module, without running it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
