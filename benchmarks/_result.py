"""What every benchmark ends with: one JSON line, printed last and kept under results/."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any


def keep(name: str, *, threads: int | str = 1, torch: str | None = None, **measured: Any) -> None:
    """Print a benchmark's result and keep it as results/NAME.json.

    Args:
        threads: of each side.
        torch: its version, where it takes part.
        measured: ``speedup`` or ``seconds``, ``spread``, ``raw``.
    """
    result = {
        "name": name,
        **measured,
        "threads": threads,
        "device": f"cpu, {platform.machine()}, Python {platform.python_version()}",
        "torch": torch,
    }
    line = json.dumps(result)
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    print(line)
