"""Devices, cores and threads of this machine. Loads torch only in the functions that need it."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nascope._src.errors import StudyError

if TYPE_CHECKING:
    import torch

# Files of the drivers of NVIDIA, Jetson, Windows and AMD. Without one of them there is no GPU.
_DRIVERS = ("/dev/nvidia*", "/dev/nvhost-*", "/dev/dxg", "/dev/kfd")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What numerical libraries read, when they are loaded, to decide their number of threads."""

# Pixels of a batch: on a CPU 64 images of 32 px, whose activations fit a core's cache, or 1,024 of
# 8 px, where the overhead of each operation counts. Fixed, so that no number depends on the
# machine's memory: the size of a batch may count in the last bit.
_CPU_PIXELS = 64 * 32 * 32
_GPU_PIXELS = 1024 * 32 * 32

_SET_THREADS = (  # of OpenBLAS, of those in the wheels of numpy and scipy, and of MKL
    "openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "scipy_openblas_set_num_threads64_",
    "MKL_Set_Num_Threads",
)


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA where it is there, else the CPU.

    Raises:
        StudyError: the device is not there.
    """
    import torch  # noqa: PLC0415

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"device {name!r} is not there ({reason})") from None
    return device


def describe_device(device: torch.device) -> str:
    """The device in words, for a record."""
    import torch  # noqa: PLC0415

    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.backends.cpu.get_cpu_capability()})"
    return device.type


def evaluation_batch(image_size: int, device: torch.device) -> int:
    """How many images are evaluated at once, where memory allows.

    >>> evaluation_batch(32, torch.device("cpu"))
    64
    """
    pixels = _CPU_PIXELS if device.type == "cpu" else _GPU_PIXELS
    return max(1, pixels // image_size**2)


def configure_process(threads: int) -> None:
    """Set up a process of our own for numerical work; a library leaves its user's alone.

    It computes with ``threads`` threads, those of numpy and scipy included: the last bits of their
    products depend on how many there are. It keeps the memory that it frees where its C library is
    glibc: by default each large tensor is mapped anew, and its pages are zeroed again, a fifth of
    a training step on a CPU.
    """
    import torch  # noqa: PLC0415

    torch.set_num_threads(threads)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))  # read when a library loads
    for library in _loaded_blas():
        for name in _SET_THREADS:
            with contextlib.suppress(AttributeError):
                getattr(library, name)(threads)
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # of malloc.h
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            libc.mallopt(mmap_max, 0)
            libc.mallopt(trim_threshold, 2**31 - 1)
            libc.mallopt(top_pad, 2**26)


def _loaded_blas() -> list[ctypes.CDLL]:
    """The libraries of linear algebra that this process has loaded, where the system tells."""
    found = []
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
        paths = {line.split(maxsplit=5)[5] for line in maps if ".so" in line}
        for path in sorted(path for path in paths if re.search("blas|mkl", Path(path).name)):
            with contextlib.suppress(OSError):  # its file has gone
                found.append(ctypes.CDLL(path))
    return found


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_name(name: str) -> str:
    """Return the name of a device of this machine; "auto" is CUDA if available, else the CPU.

    Raises:
        StudyError: the device is not there.
    """
    if name == "cpu" or (name == "auto" and not any(map(glob.glob, _DRIVERS))):
        return "cpu"
    return str(choose_device(name))
