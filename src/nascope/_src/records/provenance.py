"""What made a result: recorded beside it, and never part of its identity."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nascope._src.records.identity import NUMERICS_VERSION
from nascope._version import __version__

_maker: dict[str, Any] = {}


def set_provenance(**who: Any) -> None:
    """Add what is known of this process, such as engine and node, to `make_provenance`."""
    _maker.update(who)


def this_process() -> dict[str, Any]:
    """Which process this is, on which machine, and on which node of a cluster."""
    return {"host": platform.node(), "process": os.getpid(), **_maker}


def make_provenance(**more: Any) -> dict[str, Any]:
    """Versions, machine, process and time, and whatever else the caller knows (device, threads)."""
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
