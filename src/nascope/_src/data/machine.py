"""What this machine has to compute with. Loads no torch where it can tell without."""

from __future__ import annotations

import glob
import os

# A driver's files: NVIDIA's, on Jetson, under Windows, and AMD's. Where there is none, no GPU is.
_DRIVERS = ("/dev/nvidia*", "/dev/nvhost-*", "/dev/dxg", "/dev/kfd")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What numerical libraries read, when they are loaded, of how many threads to have."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_here(name: str) -> str:
    """The device of that name on this machine; "auto" is CUDA where it is there, else the CPU.

    Raises:
        StudyError: the device is not there.
    """
    if name == "cpu" or (name == "auto" and not any(map(glob.glob, _DRIVERS))):
        return "cpu"
    from nascope._src.data.device import choose_device  # noqa: PLC0415  (loads torch)

    return str(choose_device(name))
