"""Data sets: the embedded digits, subsets, statistics, and the whole of CIFAR."""

import hashlib
import os

import numpy as np
import pytest

from nascope._src.data.datasets import balanced_subset, channel_statistics, load_data
from nascope._src.errors import DataError
from tests.data.images import some_images

needs_cifar = pytest.mark.skipif(
    not os.environ.get("NASCOPE_DATA"), reason="needs CIFAR in the folder NASCOPE_DATA"
)


def test_the_embedded_digits_are_the_known_ones():
    data = load_data("digits")
    labels = np.concatenate([data.train.labels, data.test.labels])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (len(data.train), len(data.test)) == (1438, 359)
    assert (data.image_size, data.image_channels, data.classes) == (8, 1, 10)
    assert not data.mirrors
    assert data.train.images.max() == 16
    first = data.train.images[0, :, :, 0]  # scikit-learn's first digit, a zero
    assert first[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert data.train.labels[0] == 0


def test_subsets_are_balanced_nested_and_fixed():
    labels = np.random.RandomState(3).randint(0, 7, 1000)
    small, large = balanced_subset(labels, 70), balanced_subset(labels, 300)
    assert np.bincount(labels[small]).tolist() == [10] * 7
    assert set(small) < set(large)
    assert np.all(np.diff(small) > 0)
    assert small.tolist() == balanced_subset(labels, 70).tolist()
    everything = balanced_subset(labels, 1000)
    assert everything.tolist() == list(range(1000))
    with pytest.raises(DataError, match="expected 1 to 1000 images, but 1001 were requested"):
        balanced_subset(labels, 1001)


def test_the_digest_names_the_images_used():
    whole, again = load_data("digits"), load_data("digits")
    assert whole.digest == again.digest
    assert load_data("digits", train_size=100).digest != whole.digest
    assert load_data("digits", test_size=100).digest != whole.digest
    expected = hashlib.sha256()
    for part in (whole.train, whole.test):
        expected.update(repr(part.images.shape).encode())
        expected.update(part.images.tobytes())
        expected.update(part.labels.tobytes())
    assert whole.digest == expected.hexdigest()[:16]


def test_a_validation_split_is_held_out_of_training():
    whole = load_data("digits")
    split = load_data("digits", validation_size=200, train_size=1000)
    assert (len(split.validation), len(split.train)) == (200, 1000)
    held = {image.tobytes() for image in split.validation.images}
    assert not held & {image.tobytes() for image in split.train.images}
    assert len(held) == 200
    assert (split.mean, split.std) == (whole.mean, whole.std)
    with pytest.raises(DataError, match="digits training: expected 1 to 1238 images, but 1300"):
        load_data("digits", validation_size=200, train_size=1300)


def test_channel_statistics_are_exact():
    images = some_images(50)
    mean, std = channel_statistics(images)
    flat = images.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(mean, flat.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(std, flat.std(axis=0), rtol=1e-13)
    assert channel_statistics(np.zeros((1, 2, 2, 1), np.uint8)) == ((0.0,), (1.0,))


@pytest.mark.cifar
@needs_cifar
@pytest.mark.parametrize(("name", "a_class"), [("cifar10", 5000), ("cifar100", 500)])
def test_the_whole_of_cifar(name, a_class):
    data = load_data(name)
    assert np.all(np.bincount(data.train.labels) == a_class)
    assert np.all(np.bincount(data.test.labels) == a_class // 5)
    published = {  # channel means over the training set
        "cifar10": (0.4913996786, 0.4821584083, 0.4465309144),
        "cifar100": (0.5070751592371323, 0.48654887331495095, 0.4409178433670343),
    }[name]
    np.testing.assert_allclose(np.array(data.mean) / 255, published, rtol=1e-9)
