"""Image data sets, held in memory as uint8.

`load_data` finds a data set by name in a data folder, in any of the common formats, and takes
class-balanced subsets by a fixed rule. A digest identifies the images used.
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
        DataError: the shapes do not match.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        shape = self.images.shape
        if len(shape) != 4 or shape[0] != len(self.labels) or self.images.dtype != np.uint8:
            raise DataError(
                "Expected images (n, height, width, channels) of uint8 and n labels, but got "
                f"{shape} of {self.images.dtype} and {len(self.labels)} labels"
            )
        if shape[1] != shape[2]:
            raise DataError(f"Expected square images, not {shape[1]}×{shape[2]} pixels")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        _, height, width, channels = self.images.shape
        return f"ImageSet({len(self):,} images of {height}×{width}×{channels})"

    def take(self, index: np.ndarray) -> ImageSet:
        """Return the images at these positions."""
        return ImageSet(self.images[index], self.labels[index])


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set: training and test images, and what training needs to know about them.

    Args:
        name: name of the data set.
        train, test: images and labels.
        classes: number of classes.
        mean, std: of each channel over the whole training set, in units of a pixel's value.
        mirrors: whether a mirrored image keeps its label (not true for digits).
        validation: images held out of the training set, if requested.

    Attributes:
        digest: sixteen hexadecimal digits that identify the images and labels used.

    Raises:
        DataError: a part is empty, or parts or labels do not match.
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
                raise DataError(
                    f"{self.name}: expected images in every part, but the training, test or "
                    "validation set is empty"
                )
            if part.images.shape[1:] != self.train.images.shape[1:]:
                raise DataError(
                    f"{self.name}: expected images of one size, but training and test images differ"
                )
            if part.labels.min() < 0 or part.labels.max() >= self.classes:
                raise DataError(f"{self.name}: expected labels in 0 … {self.classes - 1}")
        object.__setattr__(self, "digest", _digest(parts))

    def __repr__(self) -> str:
        held_out = f", {len(self.validation):,} validation" if self.validation else ""
        shape = "×".join(map(str, self.train.images.shape[1:]))
        return (
            f"DataSet({self.name!r}: {len(self.train):,} training{held_out} and "
            f"{len(self.test):,} test images of {shape}, {self.classes} classes)"
        )

    @property
    def image_size(self) -> int:
        return int(self.train.images.shape[1])

    @property
    def image_channels(self) -> int:
        return int(self.train.images.shape[3])

    def summary(self) -> dict[str, object]:
        """Return what a result records about its data."""
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

    ``digits`` is part of nascope. All other names are looked up in the data folder: as Parquet
    files, as on the Hugging Face hub; as CIFAR's original binary files; as IDX files; or as one
    folder of images per class (docs/guides/data.md).

    Args:
        name: "digits", "cifar10", "cifar100", or the name of a folder in the data folder.
        data_dir: the data folder; by default, the value of the variable NASCOPE_DATA.
        train_size: number of training images to use, balanced over classes by a fixed rule.
            Smaller subsets are contained in larger ones. None uses all.
        test_size: number of test images to use, by the same rule.
        validation_size: number of images to hold out of the training set, before ``train_size``.
        at_most: largest numbers of training and test images, if no size is given.

    Raises:
        DataError: the data set is missing, damaged or smaller than requested.

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
        raise DataError(
            f"{name}: expected {name.removeprefix('cifar')} classes, but got {classes}; is it "
            "another data set?"
        )
    mean, std = channel_statistics(train.images)
    validation = None
    if validation_size:
        if validation_size == len(train):
            raise DataError(
                f"{name}: expected fewer than {len(train)} validation images, so that some are "
                "left to train on",
                "validation_size",
            )
        with _errors_name("validation_size"):
            chosen = balanced_subset(
                train.labels, validation_size, seed=1, what=f"{name} validation"
            )
        validation = train.take(chosen)
        train = train.take(np.setdiff1d(np.arange(len(train)), chosen))
    if train_size is None and at_most[0] is not None:
        train_size = min(at_most[0], len(train))
    if test_size is None and at_most[1] is not None:
        test_size = min(at_most[1], len(test))
    if train_size is not None:
        with _errors_name("train_size"):
            chosen = balanced_subset(train.labels, train_size, what=f"{name} training")
        train = train.take(chosen)
    if test_size is not None:
        with _errors_name("test_size"):
            chosen = balanced_subset(test.labels, test_size, what=f"{name} test")
        test = test.take(chosen)
    return DataSet(name, train, test, classes, mean, std, mirrors, validation)


@contextlib.contextmanager
def _errors_name(key: str) -> Iterator[None]:
    """Let data errors in this block name an argument as their key."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error), key) from None


def _digits() -> tuple[ImageSet, ImageSet]:
    """Return the embedded digits; every fifth image is a test image."""
    with (
        resources.files("nascope._src.data").joinpath("digits.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as file,
    ):
        whole = ImageSet(file["images"], file["labels"].astype(np.int64))
    is_test = np.arange(len(whole)) % 5 == 4
    return whole.take(np.flatnonzero(~is_test)), whole.take(np.flatnonzero(is_test))


def _find(name: str, data_dir: str | Path | None) -> tuple[ImageSet, ImageSet, bool]:
    data_dir = data_dir if data_dir is not None else os.environ.get(DATA_DIR_VARIABLE)
    if not data_dir:
        raise DataError(
            f"{name} needs a data folder: give --data-dir or set {DATA_DIR_VARIABLE} "
            f"({formats.expected_files(name)})"
        )
    folder = Path(data_dir)
    if not folder.is_dir():
        raise DataError(f"no data folder {folder} ({formats.expected_files(name)})")
    arrays, mirrors = formats.read_data(name, folder)
    train, test = (ImageSet(*arrays[split]) for split in ("train", "test"))
    return train, test, mirrors


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the exact mean and standard deviation of each channel.

    They are computed from counts of the 256 values, so neither order nor memory matters.

    Args:
        images: (n, height, width, channels) uint8.

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
        deviations.append(variance**0.5 if variance > 0 else 1.0)  # keeps a constant channel
    return tuple(means), tuple(deviations)


def balanced_subset(labels: np.ndarray, size: int, *, seed: int = 0, what: str = "") -> np.ndarray:
    """Return the positions of ``size`` images, in order, balanced over the classes.

    The rule is fixed: shuffle with NumPy's legacy generator, then take one image of each class in
    turn. Smaller subsets are contained in larger ones.

    Args:
        labels: (n,) integers.
        size: number of images.
        seed: random seed.
        what: name of the subset, for errors.

    Raises:
        DataError: there are fewer images.

    >>> balanced_subset(np.array([0, 0, 0, 1, 1, 1]), 4).tolist()
    [0, 1, 3, 4]
    """
    if not 0 < size <= len(labels):
        raise DataError(
            f"{what or 'subset'}: expected 1 to {len(labels)} images, but {size} were requested"
        )
    order = np.random.RandomState(seed).permutation(len(labels))
    shuffled = labels[order]
    rank = np.empty(len(labels), dtype=np.int64)  # of an image within its class
    for label in np.unique(shuffled):
        members = np.flatnonzero(shuffled == label)
        rank[members] = np.arange(len(members))
    chosen: np.ndarray = np.sort(order[np.lexsort((np.arange(len(labels)), rank))[:size]])
    return chosen
