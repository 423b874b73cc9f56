"""Formats on disk: each is read as it was written, and what is damaged is named."""

import gzip
import io
import os
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


def idx(array, sizes=None):
    """An IDX file of an array, whose header may say something else."""
    sizes = array.shape if sizes is None else sizes
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + array.tobytes()


def write_idx(folder, images, labels, *, name="{}-{}-ubyte", compressed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        for kind, array in (("images-idx3", images[..., 0]), ("labels-idx1", labels)):
            path = folder / name.format(prefix, kind)
            content = idx(array)
            if compressed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


DIGITS, DIGIT_LABELS = some_images(12, size=28, channels=1), (np.arange(12) % 3).astype(np.uint8)


@pytest.mark.parametrize("compressed", [True, False])
def test_idx_files(tmp_path, compressed):
    images, labels = DIGITS, DIGIT_LABELS
    folder = tmp_path / "fashion"
    write_idx(folder, images, labels, compressed=compressed)
    data = load_data("fashion", data_dir=tmp_path)
    assert np.array_equal(data.train.images, images)
    assert (data.classes, data.image_size, data.mirrors) == (3, 28, False)
    damaged = folder / ("t10k-images-idx3-ubyte" + (".gz" if compressed else ""))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.*damaged"):
        load_data("fashion", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("folder", "name", "form"),
    [
        ("MNIST/raw", "MNIST", "{}-{}-ubyte"),
        ("FashionMNIST/raw", "fashion-mnist", "{}-{}-ubyte"),
        ("emnist", "emnist", "emnist-letters-{}-{}-ubyte"),
        ("kaggle", "kaggle", "{}-{}.ubyte"),
    ],
)
def test_idx_files_under_other_common_names(tmp_path, folder, name, form):
    write_idx(tmp_path / folder, DIGITS, DIGIT_LABELS, name=form.replace("{}.", "{}-"))
    for path in (tmp_path / folder).iterdir():  # Kaggle's are called train-images.idx3-ubyte
        if name == "kaggle":
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    data = load_data(name, data_dir=tmp_path)
    assert np.array_equal(data.train.images, DIGITS)
    assert not data.mirrors


def test_two_sets_of_idx_files_in_a_folder(tmp_path):
    for name in ("letters", "digits"):
        write_idx(tmp_path / "emnist", DIGITS, DIGIT_LABELS, name=f"emnist-{name}-{{}}-{{}}-ubyte")
    with pytest.raises(DataError, match="one data set in a folder, but got emnist-digits-…, emn"):
        load_data("emnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (idx(DIGITS[..., 0], (1 << 31, 1 << 31, 4)), "damaged"),  # 2⁶⁴ is 0 in 64 bits
        (gzip.compress(idx(DIGITS[..., 0], (1 << 31, 1 << 31, 4)), mtime=0), "expand to"),
        (gzip.compress(idx(np.zeros(0, np.uint8), (4000, 1000, 1000)), mtime=0), "expand to 4 GB"),
        (gzip.compress(idx(DIGITS[..., 0], (13, 28, 28)), mtime=0), "damaged"),
        (gzip.compress(idx(DIGITS[..., 0], (11, 28, 28)), mtime=0), "damaged"),
        (gzip.compress(idx(DIGITS[..., 0]), mtime=0)[:-30], "damaged"),
        (gzip.compress(idx(DIGITS[..., 0]), mtime=0).replace(b"\0\0", b"\1\7", 40), "damaged"),
        (b"\x1f\x8b", "damaged"),
        (b"", "damaged"),
    ],
)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_damaged_idx_files_are_refused_before_they_fill_the_memory(tmp_path, content, said, ending):
    folder = tmp_path / "digits2"
    write_idx(folder, DIGITS, DIGIT_LABELS, compressed=bool(ending))
    (folder / f"train-images-idx3-ubyte{ending}").write_bytes(content)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte.*{said}"):
        load_data("digits2", data_dir=tmp_path)


def test_as_many_labels_as_images(tmp_path):
    write_idx(tmp_path / "few", DIGITS, DIGIT_LABELS[:-1])
    with pytest.raises(DataError, match="expected 12 labels, one for each image, but got 11"):
        load_data("few", data_dir=tmp_path)


def write_classes(folder, images):
    """Write images per class for both splits; return their paths in the training set."""
    for split in ("train", "test"):
        for label, image in enumerate(images):
            path = folder / split / f"class{label}" / "one.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(image.squeeze()).save(path)
    return [folder / "train" / f"class{label}" / "one.png" for label in range(len(images))]


def test_hidden_files_and_folders_are_no_classes(tmp_path):
    images = some_images(3, size=16)
    first = write_classes(tmp_path / "set", images)[0]
    for name in ("train/.ipynb_checkpoints/a.png", "train/class1/._one.png", "train/.x/one.png",
                 "train/__MACOSX/one.png", "test/.ipynb_checkpoints/one.png", "train/a/notes.txt",
                 "train/readme.png"):  # fmt: skip
        path = tmp_path / "set" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(first.read_bytes())
    os.mkfifo(tmp_path / "set/train/class0/pipe.png")
    data = load_data("set", data_dir=tmp_path)
    assert np.array_equal(data.train.images, images)
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize("place", [0, 1])
def test_grey_images_among_colour_ones(tmp_path, place):
    images = some_images(3, size=16)
    grey = write_classes(tmp_path / "set", images)[place]
    Image.fromarray(images[place, ..., 0]).save(grey)
    data = load_data("set", data_dir=tmp_path)
    images[place] = images[place, ..., :1]
    assert np.array_equal(data.train.images, images)


def test_a_grey_split_is_in_colour_if_the_other_one_is(tmp_path):
    images = some_images(3, size=16)
    write_classes(tmp_path / "set", images)
    for path in (tmp_path / "set/test").glob("*/*"):
        Image.open(path).convert("L").save(path)
    data = load_data("set", data_dir=tmp_path)
    assert data.image_channels == 3
    assert data.test.images.shape == data.train.images.shape


@pytest.mark.parametrize("name", ["cifar-10-batches-py/data_batch_1", "x/data_batch_1",
                                  "y/cifar-100-python/train", "cifar-10-python.tar.gz"])  # fmt: skip
def test_pickled_cifar_is_named_wherever_it_lies(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"pickle")
    with pytest.raises(DataError, match="is the pickled version, which nascope does not read"):
        load_data("cifar10", data_dir=tmp_path)
    with pytest.raises(DataError, match="is the pickled version"):
        load_data("other", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (["a", "b"], "as bytes, but got string"),
        ([{"path": "a"}, {"path": "b"}], "as bytes, but got struct<path: string>"),
        ([{"bytes": encoded(DIGITS[0])}, {"bytes": None}], "row 1: expected the bytes of an image"),
        ([encoded(DIGITS[0]), None], "row 1: expected the bytes of an image, but got none"),
        ([None, None], "as bytes, but got null"),
        ([{"bytes": "text"}] * 2, "as bytes, but got string"),
        ([1, 2], "as bytes, but got int64"),
    ],
)
def test_parquet_without_bytes(tmp_path, column, said):
    for split in ("train", "test"):
        path = tmp_path / f"set/{split}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"img": column, "label": [0, 1]}), path)
    with pytest.raises(DataError, match=said):
        load_data("set", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("labels", "said"),
    [([0.5, 1], "but got double"), (["a", "b"], "but got string"), ([0, None], "without gaps"),
     ([True, False], "but got bool"), ([-1, 0], "expected labels in 0")],
)  # fmt: skip
def test_parquet_with_other_labels(tmp_path, labels, said):
    for split in ("train", "test"):
        write_parquet(tmp_path / f"set/{split}.parquet", some_images(2), labels)
    with pytest.raises(DataError, match=said):
        load_data("set", data_dir=tmp_path)


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
        match=r"two.png: expected an image of 16×16 pixels like the first, but got 8×8",
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
    with pytest.raises(DataError, match=r"train.parquet, row 0: cannot read the image"):
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
