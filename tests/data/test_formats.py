"""Formats on disk: each is read as it was written, and what is damaged is named."""

import gzip
import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nascope._src.data.datasets import load_data
from nascope._src.errors import DataError
from tests.data.images import some_images


def encoded(image, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, kind, lossless=True)
    return buffer.getvalue()


def write_parquet(path, images, labels, *, image="img", label="label", kind="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"bytes": encoded(picture, kind), "path": None} for picture in images]
    pq.write_table(pa.table({image: rows, label: labels}), path)


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


def test_a_damaged_cache_is_rebuilt(tmp_path):
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
    with pytest.raises(
        DataError,
        match=r"data_batch_3.bin: damaged, expected a multiple of 3073 bytes, but got 3072",
    ):
        load_data("cifar10", data_dir=tmp_path)
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_3.bin is missing"):
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
    with pytest.raises(
        DataError,
        match=r"two.png: expected an image \(16, 16, 3\) like the others, but got \(8, 8, 3\)",
    ):
        load_data("insects", data_dir=tmp_path)


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(DataError, match="cifar10 needs a data folder: give --data-dir or set"):
        load_data("cifar10")
    with pytest.raises(DataError, match="no data folder .*nowhere"):
        load_data("cifar10", data_dir=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"cifar10 not found .* cifar10/train.parquet"):
        load_data("cifar10", data_dir=tmp_path)
    with pytest.raises(DataError, match="Expected a data set's name"):
        load_data("../secrets", data_dir=tmp_path)
    images, labels = some_images(10), np.arange(10)
    for split in ("train", "test"):
        write_parquet(tmp_path / f"cifar10/{split}.parquet", images, labels)
    train = tmp_path / "cifar10/train.parquet"
    whole = train.read_bytes()
    train.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train.parquet: damaged, or not a Parquet file"):
        load_data("cifar10", data_dir=tmp_path)
    pq.write_table(pa.table({"img": [{"bytes": b"no image"}], "label": [0]}), train)
    with pytest.raises(DataError, match=r"train.parquet: cannot read the image in row 0"):
        load_data("cifar10", data_dir=tmp_path)
    pq.write_table(pa.table({"picture": [1], "label": [0]}), train)
    with pytest.raises(
        DataError, match=r"expected a column img or image, but there are only picture, label"
    ):
        load_data("cifar10", data_dir=tmp_path)


def test_another_data_set_in_the_place_of_cifar10_is_noticed(tmp_path):
    for split in ("train", "test"):
        write_parquet(tmp_path / f"cifar10/{split}.parquet", some_images(3), np.arange(3))
    with pytest.raises(DataError, match="cifar10: expected 10 classes, but got 3"):
        load_data("cifar10", data_dir=tmp_path)
