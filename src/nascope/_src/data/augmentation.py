"""Augment batches on the device: zero-pad and crop, flip, normalise, cutout.

All random draws of an epoch are made at once on the CPU, from one generator. So they are the same
on every device, and resuming within an epoch only needs the position.
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
    """How training images are augmented, in pixels.

    Args:
        padding: zero pixels added on each side, before a random crop to the original size.
        flip: whether to mirror images with probability ½.
        cutout: side of a square that is set to zero after normalisation, clipped at the border; 0
            for none.
    """

    padding: int
    flip: bool
    cutout: int = 0


@dataclass(frozen=True, eq=False)
class Draws:
    """The random draws of an epoch, for n images in their drawn order.

    Attributes:
        order: permutation of the images, (n,).
        offset: row and column of the crop's corner, 0 … 2·padding, (n, 2).
        flip: whether to mirror, bool (n,).
        centre: row and column of the cutout's centre, (n, 2).
    """

    order: Tensor
    offset: Tensor
    flip: Tensor
    centre: Tensor

    def to(self, device: torch.device) -> Draws:
        return Draws(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def __getitem__(self, part: slice) -> Draws:
        return Draws(*(getattr(self, name)[part] for name in self.__dataclass_fields__))


def on_device(
    part: ImageSet, data: DataSet, device: torch.device, *, padding: int = 0
) -> tuple[Images, Tensor]:
    """Move a part of a data set to a device; return its images and labels (n,).

    Args:
        part: the training, test or validation set of ``data``.
        data: the data set, whose mean and standard deviation normalise the images.
        device: where to.
        padding: zero pixels kept around each image, for crops.
    """
    images = Images(part.images, data.mean, data.std, device=device, padding=padding)
    return images, torch.from_numpy(part.labels).to(device)


def draw_epoch(n: int, size: int, augmentation: Augmentation, generator: torch.Generator) -> Draws:
    """Draw the order and augmentation of an epoch of n images; ``size`` is their side in pixels."""
    order = torch.randperm(n, generator=generator)
    offset = torch.randint(0, 2 * augmentation.padding + 1, (n, 2), generator=generator)
    flip = torch.rand(n, generator=generator) < 0.5
    centre = torch.randint(0, size, (n, 2), generator=generator)
    return Draws(order, offset, flip & augmentation.flip, centre)


class Images:
    """Images on a device, from which batches are made.

    Args:
        images: (n, height, width, channels) uint8.
        mean, std: of each channel, in units of a pixel's value.
        device: where the images are stored.
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
        """Return normalised images in their original order, (batch, channels, height, width).

        They are float32 in channels_last memory order.
        """
        edge, size = self._padding, self.size
        pixels = self._pixels[part, edge : edge + size, edge : edge + size]
        return self._normalise(pixels).permute(0, 3, 1, 2)

    def augmented(self, draws: Draws, augmentation: Augmentation) -> Tensor:
        """Return the drawn images, augmented and normalised, (batch, channels, height, width)."""
        steps = torch.arange(self.size, device=self._pixels.device)
        # Images are stored with self._padding, and the augmentation may use less.
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
        """Return 0 inside [centre − side/2, centre + side/2), else 1; (batch, height, width)."""
        distance = steps - centre[:, :, None]  # (batch, 2, size)
        inside = (distance >= -(side // 2)) & (distance < side - side // 2)
        return (~(inside[:, 0, :, None] & inside[:, 1, None, :])).to(torch.float32)
