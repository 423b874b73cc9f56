"""Devices, cores and threads of this machine. Only functions that need torch load it."""

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

# Driver files of NVIDIA, Jetson, Windows and AMD. Without one of them, there is no GPU.
_DRIVERS = ("/dev/nvidia*", "/dev/nvhost-*", "/dev/dxg", "/dev/kfd")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that numerical libraries read on import to set their number of threads."""

# Pixels per batch. On a CPU: 64 images of 32 px, whose activations fit a core's cache, or 1,024 of
# 8 px, where the overhead of each operation matters. It is fixed, so that results do not depend on
# the machine's memory: the batch size can change the last bit.
_CPU_PIXELS = 64 * 32 * 32
_GPU_PIXELS = 1024 * 32 * 32

_SET_THREADS = (  # functions of OpenBLAS, of its builds in numpy's and scipy's wheels, and of MKL
    "openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "scipy_openblas_set_num_threads64_",
    "MKL_Set_Num_Threads",
)


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; "auto" is CUDA if available, else the CPU.

    Raises:
        StudyError: the device is not available.
    """
    import torch  # noqa: PLC0415

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"device {name!r} is not available ({reason})") from None
    return device


def describe_device(device: torch.device) -> str:
    """Return a description of the device, for records."""
    import torch  # noqa: PLC0415

    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.backends.cpu.get_cpu_capability()})"
    return device.type


def evaluation_batch(image_size: int, device: torch.device) -> int:
    """Return how many images to evaluate at once, if memory allows.

    Args:
        image_size: side of an image in pixels.
        device: where they are evaluated.

    >>> evaluation_batch(32, torch.device("cpu"))
    64
    """
    pixels = _CPU_PIXELS if device.type == "cpu" else _GPU_PIXELS
    return max(1, pixels // image_size**2)


def configure_process(threads: int) -> None:
    """Set up a process of nascope's own for numerical work, never a user's process.

    Set the number of threads, also for numpy and scipy, because the last bits of their products
    depend on it. With glibc, keep freed memory: by default, each large tensor gets new pages that
    must be zeroed, which takes a fifth of a training step on a CPU.

    Args:
        threads: number of threads.
    """
    import torch  # noqa: PLC0415

    torch.set_num_threads(threads)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))  # read on import
    for library in _loaded_blas():
        for name in _SET_THREADS:
            with contextlib.suppress(AttributeError):
                getattr(library, name)(threads)
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # from malloc.h
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            libc.mallopt(mmap_max, 0)
            libc.mallopt(trim_threshold, 2**31 - 1)
            libc.mallopt(top_pad, 2**26)


def _loaded_blas() -> list[ctypes.CDLL]:
    """Return the linear algebra libraries that this process has loaded, as far as known."""
    libraries = []
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
        paths = {line.split(maxsplit=5)[5] for line in maps if ".so" in line}
        for path in sorted(path for path in paths if re.search("blas|mkl", Path(path).name)):
            with contextlib.suppress(OSError):  # its file was removed
                libraries.append(ctypes.CDLL(path))
    return libraries


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_name(name: str) -> str:
    """Return the name of a device of this machine; "auto" is CUDA if available, else the CPU.

    Raises:
        StudyError: the device is not available.
    """
    if name == "cpu" or (name == "auto" and not any(map(glob.glob, _DRIVERS))):
        return "cpu"
    return str(choose_device(name))
