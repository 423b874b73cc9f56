"""What every benchmark begins and ends with: its data, and a JSON line that is printed and kept."""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

import torch

from nascope._src.data.datasets import DataSet, load_data
from nascope._src.errors import NascopeError
from nascope._src.runtime.devices import describe_device

RESULTS = Path(__file__).parent / "results"


def needed_data(name: str, **sizes: int) -> DataSet:
    """Return a data set from the folder that NASCOPE_DATA names; end with one line without it."""
    try:
        return load_data(name, **sizes)
    except NascopeError as error:
        print(f"error: this benchmark needs {name}: {error}", file=sys.stderr)
        sys.exit(2)


def kind_of(processor: str) -> str:
    """Return a folder's name for a kind of machine.

    >>> kind_of("cpu (AVX2)"), kind_of("cuda (NVIDIA H200)")
    ('cpu-avx2', 'cuda-nvidia-h200')
    """
    return re.sub(r"[^a-z0-9]+", "-", processor.lower()).strip("-")


def keep(
    name: str, *, threads: int | str = 1, device: str | torch.device = "cpu", **measured: Any
) -> None:
    """Print a benchmark's result and keep it as results/KIND/NAME.json.

    Args:
        threads: of each side.
        device: where it was measured; its kind names the folder.
        measured: ``speedup`` or ``seconds``, ``spread``, ``raw``.
    """
    processor = describe_device(torch.device(device))
    result = {
        "name": name,
        **measured,
        "threads": threads,
        "processor": processor,
        "device": f"{platform.machine()}, Python {platform.python_version()}",
        "torch": torch.__version__,
    }
    line = json.dumps(result)
    path = RESULTS / kind_of(processor) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    print(line)
