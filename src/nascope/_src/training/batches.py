"""Batches of a data set on its device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nascope._src.data.augmentation import Images, draw_epoch, on_device
from nascope._src.data.datasets import DataSet
from nascope._src.records.identity import derived_seed
from nascope._src.training.recipe import Recipe

HeldOut = Mapping[str, tuple[Images, Tensor]]
"""The images and labels of "test" and "validation" on their device."""


def held_out_images(data: DataSet, device: torch.device) -> HeldOut:
    """Return the test images and, if there are any, the validation images."""
    return {
        split: on_device(part, data, device)
        for split, part in (("test", data.test), ("validation", data.validation))
        if part is not None
    }


class Batches:
    """The training set, augmented batch by batch with the draws of the current epoch."""

    def __init__(self, data: DataSet, recipe: Recipe, seed: int, device: torch.device) -> None:
        self._augmentation = recipe.augmentation(data)
        padding = self._augmentation.padding
        self._images, self._labels = on_device(data.train, data, device, padding=padding)
        self._batch_size, self._seed, self._device = recipe.batch_size, seed, device

    def begin(self, epoch: int) -> None:
        """Draw an epoch's order and augmentation."""
        generator = torch.Generator().manual_seed(derived_seed("epoch", self._seed, epoch))
        n, size = len(self._images), self._images.size
        self._draws = draw_epoch(n, size, self._augmentation, generator).to(self._device)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return images (batch, channels, height, width) and labels (batch,)."""
        start = step * self._batch_size
        draws = self._draws[start : start + self._batch_size]
        return self._images.augmented(draws, self._augmentation), self._labels[draws.order]
