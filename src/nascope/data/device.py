"""Where tensors live."""

from __future__ import annotations

import torch

from nascope.errors import StudyError


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA where it is there, else the CPU.

    Raises:
        StudyError: the device is not there.
    """
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
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.backends.cpu.get_cpu_capability()})"
    return device.type
