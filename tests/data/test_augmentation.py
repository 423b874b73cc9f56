import numpy as np
import pytest
import torch

from nascope._src.data.augmentation import Augmentation, Images, draw_epoch

DEVICE = torch.device("cpu")


def pictures(n=12, size=8, channels=3):
    return np.random.RandomState(0).randint(0, 256, (n, size, size, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kept", [2, 4])  # padding kept around the images
@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(padding=2, flip=True),
        Augmentation(padding=2, flip=False, cutout=4),
        Augmentation(padding=0, flip=True, cutout=3),
    ],
)
def test_every_pixel_agrees_with_a_plain_loop(augmentation, channels, kept):
    source = pictures(channels=channels)
    mean, std = (100.0, 90.0, 80.0)[:channels], (50.0, 60.0, 70.0)[:channels]
    images = Images(source, mean, std, device=DEVICE, padding=kept)
    draws = draw_epoch(12, 8, augmentation, torch.Generator().manual_seed(1))
    batch = images.augmented(draws, augmentation)
    assert batch.shape == (12, channels, 8, 8)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for k in range(12):
        image = source[draws.order[k]]
        p = augmentation.padding
        padded = np.zeros((8 + 2 * p, 8 + 2 * p, channels))
        padded[p : p + 8, p : p + 8] = image
        top, left = draws.offset[k].tolist()
        crop = padded[top : top + 8, left : left + 8]
        if draws.flip[k]:
            crop = crop[:, ::-1]
        expected = (crop - np.array(mean)) / np.array(std)
        if augmentation.cutout:
            y, x = draws.centre[k].tolist()
            half = augmentation.cutout // 2
            rest = augmentation.cutout - half
            expected = expected.copy()
            expected[max(0, y - half) : y + rest, max(0, x - half) : x + rest] = 0
        np.testing.assert_allclose(batch[k].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_an_epochs_draws_cover_their_ranges():
    draws = draw_epoch(5000, 32, Augmentation(4, flip=True), torch.Generator().manual_seed(0))
    assert sorted(draws.order.tolist()) == list(range(5000))
    assert (draws.offset.min(), draws.offset.max()) == (0, 8)
    assert (draws.centre.min(), draws.centre.max()) == (0, 31)
    assert 0.45 < draws.flip.double().mean() < 0.55
    counts = torch.bincount(draws.offset[:, 0])
    assert counts.min() > 450  # 5000 / 9, and five standard deviations below


def test_no_flip_means_none():
    draws = draw_epoch(500, 8, Augmentation(1, flip=False), torch.Generator().manual_seed(0))
    assert not draws.flip.any()


def test_plain_images_are_normalised_only():
    source = pictures()
    images = Images(source, (10.0, 20.0, 30.0), (2.0, 3.0, 4.0), device=DEVICE, padding=3)
    got = images.plain(slice(4, 7)).permute(0, 2, 3, 1).numpy()
    expected = (source[4:7] - np.array([10, 20, 30])) / np.array([2, 3, 4])
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_source_is_neither_shared_nor_changed():
    source = pictures()
    before = source.copy()
    source.setflags(write=False)
    Images(source, (0.0,) * 3, (1.0,) * 3, device=DEVICE)
    assert np.array_equal(source, before)
