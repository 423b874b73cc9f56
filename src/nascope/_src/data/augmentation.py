"""Batch augmentation on the device: zero-pad and crop, flip, normalise, cutout.

The draws of a whole epoch are made at once on the CPU from one generator, so that they are the
same on every device and a resume within the epoch only needs the position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nascope._src.data.datasets import DataSet, ImageSet


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


@dataclass(frozen=True, eq=False)
class Draws:
    """One epoch's random draws, for n images in their drawn order."""

    order: Tensor  # (n,) permutation
    offset: Tensor  # (n, 2) row and column of the crop's corner, 0 … 2·padding
    flip: Tensor  # (n,) bool
    centre: Tensor  # (n, 2) row and column of the cutout's centre

    def to(self, device: torch.device) -> Draws:
        return Draws(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def __getitem__(self, part: slice) -> Draws:
        return Draws(*(getattr(self, name)[part] for name in self.__dataclass_fields__))


def on_device(
    part: ImageSet, data: DataSet, device: torch.device, *, padding: int = 0
) -> tuple[Images, Tensor]:
    """A part of a data set on a device: its images, normalised as the set is, and labels (n,)."""
    images = Images(part.images, data.mean, data.std, device=device, padding=padding)
    return images, torch.from_numpy(part.labels).to(device)


def draw_epoch(n: int, size: int, augmentation: Augmentation, generator: torch.Generator) -> Draws:
    """Draw an epoch's order and augmentation; always the same numbers from a generator."""
    order = torch.randperm(n, generator=generator)
    offset = torch.randint(0, 2 * augmentation.padding + 1, (n, 2), generator=generator)
    flip = torch.rand(n, generator=generator) < 0.5
    centre = torch.randint(0, size, (n, 2), generator=generator)
    return Draws(order, offset, flip & augmentation.flip, centre)


class Images:
    """A set of images on a device, ready to be turned into batches.

    Args:
        images: (n, height, width, channels) uint8.
        mean, std: per channel, in units of a pixel's value.
        padding: zero pixels kept around each image, for crops.
    """

    def __init__(
        self,
        images: np.ndarray,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        device: torch.device,
        padding: int = 0,
    ) -> None:
        pixels = torch.from_numpy(np.array(images)).to(device)  # a copy: the array may be read-only
        self._pixels = functional.pad(pixels, (0, 0, padding, padding, padding, padding))
        self.size = images.shape[1]
        self._padding = padding
        self._scale = (1 / torch.tensor(std, dtype=torch.float64)).to(torch.float32).to(device)
        shift = -torch.tensor(mean, dtype=torch.float64) / torch.tensor(std, dtype=torch.float64)
        self._shift = shift.to(torch.float32).to(device)

    def __len__(self) -> int:
        return len(self._pixels)

    def plain(self, part: slice) -> Tensor:
        """Normalised images in their own order, (batch, channels, height, width) float32.

        In channels_last memory order, as everything here.
        """
        edge, size = self._padding, self.size
        pixels = self._pixels[part, edge : edge + size, edge : edge + size]
        return self._normalise(pixels).permute(0, 3, 1, 2)

    def augmented(self, draws: Draws, augmentation: Augmentation) -> Tensor:
        """The drawn images, augmented and normalised, (batch, channels, height, width)."""
        steps = torch.arange(self.size, device=self._pixels.device)
        # The pixels are zero-padded by self._padding, of which the augmentation may use less.
        corner = draws.offset + (self._padding - augmentation.padding)
        rows = corner[:, :1] + steps  # (batch, height)
        mirrored = torch.where(draws.flip[:, None], self.size - 1 - steps, steps)
        columns = corner[:, 1:] + mirrored  # (batch, width)
        pixels = self._pixels[draws.order[:, None, None], rows[:, :, None], columns[:, None, :]]
        batch = self._normalise(pixels)  # (batch, height, width, channels)
        if augmentation.cutout:
            batch = batch * self._outside(draws.centre, steps, augmentation.cutout)[..., None]
        return batch.permute(0, 3, 1, 2)

    def _normalise(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._shift, pixels.to(torch.float32), self._scale)

    @staticmethod
    def _outside(centre: Tensor, steps: Tensor, side: int) -> Tensor:
        """(batch, height, width): 0 inside [centre − side/2, centre + side/2), else 1."""
        distance = steps - centre[:, :, None]  # (batch, 2, size)
        inside = (distance >= -(side // 2)) & (distance < side - side // 2)
        return (~(inside[:, 0, :, None] & inside[:, 1, None, :])).to(torch.float32)
