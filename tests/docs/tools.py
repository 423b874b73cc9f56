"""The scripts in tools/, as modules."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from tests.docs.pages import ROOT


def load_tool(name: str) -> ModuleType:
    """Return a script of tools/ as a module, without running it."""
    if str(ROOT / "tools") not in sys.path:
        sys.path.append(str(ROOT / "tools"))
    return importlib.import_module(name)
