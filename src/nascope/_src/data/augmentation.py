"""What is done to training images, as data. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training image, in pixels.

    Args:
        padding: zero pixels added on each side before a random crop of the original size.
        flip: whether the image is mirrored with probability ½.
        cutout: side of a square set to zero after normalisation, clipped at the border; 0: none.
    """

    padding: int
    flip: bool
    cutout: int = 0
