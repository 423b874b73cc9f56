"""Provenance: which software, machine and process made a result. It is part of no identity."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nascope._src.records.identity import NUMERICS_VERSION
from nascope._version import __version__

_this_process: dict[str, Any] = {}


def set_provenance(**more: Any) -> None:
    """Add facts about this process, such as its engine and node, to every `make_provenance`."""
    _this_process.update(more)


def this_process() -> dict[str, Any]:
    """Return what identifies this process: machine, process number, and node of a cluster."""
    return {"host": platform.node(), "process": os.getpid(), **_this_process}


def make_provenance(**more: Any) -> dict[str, Any]:
    """Return versions, machine, process and time, and what the caller adds, such as the device."""
    return {
        "nascope": __version__,
        "numerics": NUMERICS_VERSION,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        **this_process(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **more,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
