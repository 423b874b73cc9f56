"""Types that several packages share. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Progress = Callable[[float, str], None]
"""Called with the share of the work that is done, in [0, 1], and a few words on the latest step."""

Plain = Mapping[str, Any]
"""Data as JSON holds it, by name: numbers, strings, lists and mappings of them. Read-only."""

Arrays = Mapping[str, "np.ndarray"]
"""NumPy arrays by name. Read-only; a function that builds one returns ``dict[str, np.ndarray]``."""
