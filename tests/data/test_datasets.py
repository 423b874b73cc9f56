import gzip
import hashlib
import io
import os
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nascope._src.data.datasets import balanced_subset, channel_statistics, load_data
from nascope._src.errors import DataError

needs_cifar = pytest.mark.skipif(
    not os.environ.get("NASCOPE_DATA"), reason="NASCOPE_DATA names no data folder with CIFAR"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch, request):
    if "cifar" not in request.keywords:
        monkeypatch.setenv("NASCOPE_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("NASCOPE_DATA", raising=False)


def some_images(n, size=32, channels=3, seed=0):
    random = np.random.RandomState(seed)
    return random.randint(0, 256, (n, size, size, channels), dtype=np.uint8)


def encoded(image, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, kind, lossless=True)
    return buffer.getvalue()


def write_parquet(path, images, labels, *, image="img", label="label", kind="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"bytes": encoded(picture, kind), "path": None} for picture in images]
    pq.write_table(pa.table({image: rows, label: labels}), path)


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
    with pytest.raises(DataError, match="1001 images asked for, 1000 there"):
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
    with pytest.raises(DataError, match="digits training: 1300 images asked for, 1238 there"):
        load_data("digits", validation_size=200, train_size=1300)


def test_channel_statistics_are_exact():
    images = some_images(50)
    mean, std = channel_statistics(images)
    flat = images.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(mean, flat.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(std, flat.std(axis=0), rtol=1e-13)
    assert channel_statistics(np.zeros((1, 2, 2, 1), np.uint8)) == ((0.0,), (1.0,))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("image", ["img", "image"])
def test_parquet_as_on_the_hub(tmp_path, kind, image):
    images, labels = some_images(20), np.arange(20) % 10
    write_parquet(tmp_path / "cifar10/train.parquet", images, labels, image=image, kind=kind)
    write_parquet(tmp_path / "cifar10/test.parquet", images[:10], labels[:10], image=image)
    for _ in range(2):  # the second time from the cache
        data = load_data("cifar10", data_dir=tmp_path)
        assert np.array_equal(data.train.images, images)
        assert np.array_equal(data.train.labels, labels)
    assert len(list((tmp_path / "cache").glob("cifar10-*.npz"))) == 2


def test_sharded_parquet_in_the_hubs_folders(tmp_path):
    images, labels = some_images(30), np.arange(30) % 10
    for shard in range(3):
        part = slice(10 * shard, 10 * shard + 10)
        name = f"cifar10/plain_text/train-0000{shard}-of-00003.parquet"
        write_parquet(tmp_path / name, images[part], labels[part])
    write_parquet(tmp_path / "cifar10/plain_text/test-00000-of-00001.parquet", images, labels)
    assert np.array_equal(load_data("cifar10", data_dir=tmp_path).train.images, images)


def test_a_damaged_cache_is_made_anew(tmp_path):
    images, labels = some_images(10), np.arange(10)
    for split in ("train", "test"):
        write_parquet(tmp_path / f"cifar10/{split}.parquet", images, labels)
    load_data("cifar10", data_dir=tmp_path)
    for path in (tmp_path / "cache").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert np.array_equal(load_data("cifar10", data_dir=tmp_path).test.images, images)


def test_cifar100_takes_the_fine_labels(tmp_path):
    images, labels = some_images(100), np.arange(100)
    for split in ("train", "test"):
        write_parquet(tmp_path / f"cifar100/{split}.parquet", images, labels, label="fine_label")
    assert load_data("cifar100", data_dir=tmp_path).classes == 100


def test_the_original_binary_version(tmp_path):
    images = some_images(60)
    labels = (np.arange(60) % 10).astype(np.uint8)
    planes = images.transpose(0, 3, 1, 2).reshape(60, -1)
    rows = np.concatenate([labels[:, None], planes], axis=1)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in range(5):
        rows[10 * number : 10 * number + 10].tofile(folder / f"data_batch_{number + 1}.bin")
    rows[50:].tofile(folder / "test_batch.bin")
    data = load_data("cifar10", data_dir=tmp_path)
    assert np.array_equal(data.train.images, images[:50])
    assert np.array_equal(data.test.labels, labels[50:])
    (folder / "data_batch_3.bin").write_bytes(rows[:1].tobytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin: damaged, 3072 bytes"):
        load_data("cifar10", data_dir=tmp_path)
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_3.bin is missing beside"):
        load_data("cifar10", data_dir=tmp_path)


def test_the_binary_version_of_cifar100(tmp_path):
    images, fine = some_images(100), np.arange(100, dtype=np.uint8)
    coarse = fine // 5
    planes = images.transpose(0, 3, 1, 2).reshape(100, -1)
    folder = tmp_path / "cifar100"
    folder.mkdir()
    for name in ("train.bin", "test.bin"):
        np.concatenate([coarse[:, None], fine[:, None], planes], axis=1).tofile(folder / name)
    assert np.array_equal(load_data("cifar100", data_dir=tmp_path).train.labels, fine)


@pytest.mark.parametrize("compressed", [True, False])
def test_idx_files(tmp_path, compressed):
    images = some_images(12, size=28, channels=1)
    labels = (np.arange(12) % 3).astype(np.uint8)
    folder = tmp_path / "fashion"
    folder.mkdir()
    for prefix in ("train", "t10k"):
        for kind, array in (("images-idx3", images[..., 0]), ("labels-idx1", labels)):
            head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            content = head + array.tobytes()
            name = f"{prefix}-{kind}-ubyte"
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    data = load_data("fashion", data_dir=tmp_path)
    assert np.array_equal(data.train.images, images)
    assert (data.classes, data.image_size, data.mirrors) == (3, 28, False)
    damaged = folder / ("t10k-images-idx3-ubyte" + (".gz" if compressed else ""))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.*damaged"):
        load_data("fashion", data_dir=tmp_path)


def test_a_folder_of_images_per_class(tmp_path):
    images = some_images(6, size=16)
    for split in ("train", "test"):
        for label, name in enumerate(("ant", "bee", "cat")):
            folder = tmp_path / "insects" / split / name
            folder.mkdir(parents=True)
            Image.fromarray(images[label]).save(folder / "one.png")
    data = load_data("insects", data_dir=tmp_path)
    assert np.array_equal(data.test.images, images[:3])
    assert data.test.labels.tolist() == [0, 1, 2]
    Image.fromarray(some_images(1, size=8)[0]).save(tmp_path / "insects/train/bee/two.png")
    with pytest.raises(DataError, match=r"two.png is \(8, 8, 3\), others are \(16, 16, 3\)"):
        load_data("insects", data_dir=tmp_path)


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(DataError, match="cifar10 needs a data folder: give --data-dir or set"):
        load_data("cifar10")
    with pytest.raises(DataError, match="no data folder .*nowhere"):
        load_data("cifar10", data_dir=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"cifar10 not found .* cifar10/train.parquet"):
        load_data("cifar10", data_dir=tmp_path)
    with pytest.raises(DataError, match="is no name of a data set"):
        load_data("../secrets", data_dir=tmp_path)
    images, labels = some_images(10), np.arange(10)
    for split in ("train", "test"):
        write_parquet(tmp_path / f"cifar10/{split}.parquet", images, labels)
    train = tmp_path / "cifar10/train.parquet"
    whole = train.read_bytes()
    train.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train.parquet: damaged, or not Parquet"):
        load_data("cifar10", data_dir=tmp_path)
    pq.write_table(pa.table({"img": [{"bytes": b"no image"}], "label": [0]}), train)
    with pytest.raises(DataError, match=r"train.parquet: row 0 holds no image"):
        load_data("cifar10", data_dir=tmp_path)
    pq.write_table(pa.table({"picture": [1], "label": [0]}), train)
    with pytest.raises(DataError, match=r"no column img or image, only picture, label"):
        load_data("cifar10", data_dir=tmp_path)


def test_another_data_set_in_the_place_of_cifar10_is_noticed(tmp_path):
    for split in ("train", "test"):
        write_parquet(tmp_path / f"cifar10/{split}.parquet", some_images(3), np.arange(3))
    with pytest.raises(DataError, match="cifar10: found 3 classes in its place"):
        load_data("cifar10", data_dir=tmp_path)


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
