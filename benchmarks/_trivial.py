"""A trial without work, for engine_overhead.py: workers import it from here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nascope._src.records.files import write_json
from nascope._src.records.locks import locked


def images(size: int) -> np.ndarray:
    """As large as the digits."""
    return np.ones(size, dtype=np.uint8)


def trivial(folder: Path, number: int, data: np.ndarray, progress: object) -> None:
    """A trial without work."""
    with locked(folder / str(number) / "lock"):
        write_json(folder / str(number) / "result.json", {"number": number, "size": len(data)})
