"""Named precisions: the arithmetic in which a network is trained and evaluated.

``float32``  float32 throughout, even on GPUs that round matrix products by default.
``tf32``     on an NVIDIA GPU: products of convolutions and matrices rounded to 10 bits.
``bf16``     autocast: these products in bfloat16; weights, BatchNorm and loss in float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nascope._src.errors import StudyError
from nascope._src.training.recipe import PRECISIONS


@contextmanager
def arithmetic(precision: str, device: torch.device) -> Iterator[None]:
    """Set the rounding of float32 products within the context.

    Raises:
        StudyError: The device lacks the precision.
    """
    _check(precision, device)
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    products = torch.backends.cuda.matmul
    before = convolutions.fp32_precision, products.fp32_precision
    rounding = "tf32" if precision == "tf32" else "ieee"
    convolutions.fp32_precision = products.fp32_precision = rounding
    try:
        yield
    finally:
        convolutions.fp32_precision, products.fp32_precision = before


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the context of a forward pass and its loss; compute gradients outside of it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _check(precision: str, device: torch.device) -> None:
    if precision not in PRECISIONS:
        raise StudyError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if precision == "tf32" and (
        device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0)
    ):
        raise StudyError(f"tf32 needs an NVIDIA GPU of 2020 or newer, not {device.type}")
    if precision == "bf16" and not _has_bf16(device):
        warnings.warn(
            f"this {device.type} has no bfloat16 arithmetic: bf16 is emulated, which is many times "
            "slower than float32",
            stacklevel=4,
        )


def _has_bf16(device: torch.device) -> bool:
    match device.type:
        case "cuda":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        case "cpu":
            supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
            return supported
    return True
