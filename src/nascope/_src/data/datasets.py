"""Image data sets, held in memory whole as uint8.

`load_data` finds a set by name in a data folder, whatever of the common formats it lies in, and
takes class-balanced subsets of it by a fixed rule, so that a digest names the images used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np

from nascope._src.data import formats
from nascope._src.errors import DataError

DATA_DIR_VARIABLE = "NASCOPE_DATA"


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their labels.

    Args:
        images: (n, height, width, channels) uint8; height equals width.
        labels: (n,) int64, from 0.

    Raises:
        DataError: the shapes don't fit together.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        shape = self.images.shape
        if len(shape) != 4 or shape[0] != len(self.labels) or self.images.dtype != np.uint8:
            raise DataError(
                f"expected images (n, height, width, channels) of uint8 and n labels, got {shape} "
                f"of {self.images.dtype} and {len(self.labels)} labels"
            )
        if shape[1] != shape[2]:
            raise DataError(f"images must be square, not {shape[1]}×{shape[2]}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> ImageSet:
        """The images at those positions."""
        return ImageSet(self.images[index], self.labels[index])


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set: training and test images, and what training needs to know of them.

    Args:
        classes: number of classes.
        mean, std: per channel, of the whole training set, in units of a pixel's value.
        mirrors: whether an image's mirror image keeps its label (not so for digits).
        validation: images held out of the training set, where asked for.
        digest: sixteen hexadecimal digits that name the images and labels used.
    """

    name: str
    train: ImageSet
    test: ImageSet
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mirrors: bool
    validation: ImageSet | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        parts = [self.train, self.test] + ([self.validation] if self.validation else [])
        for part in parts:
            if len(part) == 0:
                raise DataError(f"{self.name}: an empty training, test or validation set")
            if part.images.shape[1:] != self.train.images.shape[1:]:
                raise DataError(f"{self.name}: training and test images differ in size")
            if part.labels.min() < 0 or part.labels.max() >= self.classes:
                raise DataError(f"{self.name}: labels must lie in 0 … {self.classes - 1}")
        object.__setattr__(self, "digest", _digest(parts))

    @property
    def image_size(self) -> int:
        return int(self.train.images.shape[1])

    @property
    def image_channels(self) -> int:
        return int(self.train.images.shape[3])

    def summary(self) -> dict[str, object]:
        """What a result records of its data."""
        return {
            "name": self.name,
            "digest": self.digest,
            "classes": self.classes,
            "train": len(self.train),
            "test": len(self.test),
            "validation": len(self.validation) if self.validation else 0,
            "image_size": self.image_size,
            "image_channels": self.image_channels,
        }


def _digest(parts: list[ImageSet]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part.images.shape).encode())
        digest.update(np.ascontiguousarray(part.images).data)
        digest.update(np.ascontiguousarray(part.labels, dtype="<i8").data)
    return digest.hexdigest()[:16]


def load_data(
    name: str,
    *,
    data_dir: str | Path | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    validation_size: int = 0,
    at_most: tuple[int | None, int | None] = (None, None),
) -> DataSet:
    """Load a data set by name.

    ``digits`` is embedded. ``cifar10``, ``cifar100`` and any other name are looked for in the data
    folder: as the hub's Parquet, in the original binary version, as IDX files, or as a folder of
    images per class (docs/guides/data.md).

    Args:
        name: "digits", "cifar10", "cifar100", or the name of a folder in the data folder.
        data_dir: the data folder; by default what the variable NASCOPE_DATA names.
        train_size, test_size: take only so many images, balanced over classes by a fixed rule;
            a smaller subset is part of a larger one.
        validation_size: hold so many images out of the training set, before ``train_size``.
        at_most: training and test images taken where no size is given; fewer where fewer are
            there.

    Raises:
        DataError: the set is missing, damaged or smaller than asked for.

    >>> data = load_data("digits", train_size=100)
    >>> len(data.train), len(data.test), data.image_size
    (100, 359, 8)
    """
    if name == "digits":
        train, test, mirrors = *_digits(), False
    else:
        train, test, mirrors = _find(name, data_dir)
    classes = int(max(train.labels.max(), test.labels.max())) + 1
    if (name == "cifar10" and classes != 10) or (name == "cifar100" and classes != 100):
        raise DataError(f"{name}: found {classes} classes in its place; is it another data set?")
    mean, std = channel_statistics(train.images)
    validation = None
    if validation_size:
        if validation_size == len(train):
            left = f"{name}: {validation_size} validation images leave none to train on"
            raise DataError(f"{left}: ask for fewer", "validation_size")
        what = f"{name} validation"
        with _blaming("validation_size"):
            chosen = balanced_subset(train.labels, validation_size, seed=1, what=what)
        validation = train.take(chosen)
        train = train.take(np.setdiff1d(np.arange(len(train)), chosen))
    if train_size is None and at_most[0] is not None:
        train_size = min(at_most[0], len(train))
    if test_size is None and at_most[1] is not None:
        test_size = min(at_most[1], len(test))
    if train_size is not None:
        with _blaming("train_size"):
            chosen = balanced_subset(train.labels, train_size, what=f"{name} training")
        train = train.take(chosen)
    if test_size is not None:
        with _blaming("test_size"):
            chosen = balanced_subset(test.labels, test_size, what=f"{name} test")
        test = test.take(chosen)
    return DataSet(name, train, test, classes, mean, std, mirrors, validation)


@contextlib.contextmanager
def _blaming(key: str) -> Iterator[None]:
    """An error within is that of an argument."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error), key) from None


def _digits() -> tuple[ImageSet, ImageSet]:
    """The embedded digits; every fifth image is a test image."""
    with (
        resources.files("nascope._src.data").joinpath("digits.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as file,
    ):
        whole = ImageSet(file["images"], file["labels"].astype(np.int64))
    is_test = np.arange(len(whole)) % 5 == 4
    return whole.take(np.flatnonzero(~is_test)), whole.take(np.flatnonzero(is_test))


def _find(name: str, data_dir: str | Path | None) -> tuple[ImageSet, ImageSet, bool]:
    given = data_dir if data_dir is not None else os.environ.get(DATA_DIR_VARIABLE)
    if not given:
        raise DataError(
            f"{name} needs a data folder: give --data-dir or set {DATA_DIR_VARIABLE} "
            f"({formats.expected_files(name)})"
        )
    folder = Path(given)
    if not folder.is_dir():
        raise DataError(f"no data folder {folder} ({formats.expected_files(name)})")
    arrays, mirrors = formats.find(name, folder)
    train, test = (ImageSet(*arrays[split]) for split in ("train", "test"))
    return train, test, mirrors


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over (n, height, width, channels), exactly.

    Counts of the 256 values, so that neither order nor memory matters.

    >>> channel_statistics(np.array([[[[0], [4]]]], dtype=np.uint8))
    ((2.0,), (2.0,))
    """
    means, deviations = [], []
    values = np.arange(256, dtype=np.float64)
    for channel in range(images.shape[3]):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        mean = float(counts @ values / counts.sum())
        variance = float(counts @ (values - mean) ** 2 / counts.sum())
        means.append(mean)
        deviations.append(variance**0.5 if variance > 0 else 1.0)  # a constant channel stays
    return tuple(means), tuple(deviations)


def balanced_subset(labels: np.ndarray, size: int, *, seed: int = 0, what: str = "") -> np.ndarray:
    """Positions of ``size`` images, as equally many of each class as there are, in order.

    The rule is fixed: a shuffle of NumPy's legacy generator, then one image of each class in
    turn. A smaller subset is part of a larger one.

    Raises:
        DataError: fewer images are there.

    >>> balanced_subset(np.array([0, 0, 0, 1, 1, 1]), 4).tolist()
    [0, 1, 3, 4]
    """
    if not 0 < size <= len(labels):
        raise DataError(
            f"{what or 'subset'}: {size} images asked for, {len(labels)} there; ask for less"
        )
    order = np.random.RandomState(seed).permutation(len(labels))
    shuffled = labels[order]
    rank = np.empty(len(labels), dtype=np.int64)  # place of an image among those of its class
    for label in np.unique(shuffled):
        members = np.flatnonzero(shuffled == label)
        rank[members] = np.arange(len(members))
    chosen: np.ndarray = np.sort(order[np.lexsort((np.arange(len(labels)), rank))[:size]])
    return chosen
