"""Decoding images: depths, and sizes that would fill the memory."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nascope._src.data.decoding import check_expansion, decode, stack
from nascope._src.errors import DataError
from tests.data.images import some_images

DEEP = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024 + 7


def encoded(image, form="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return io.BytesIO(buffer.getvalue())


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_keep_their_upper_eight(form):
    image = Image.fromarray(DEEP) if form != "PPM" else Image.fromarray(DEEP.astype(np.int32))
    pixels = decode(encoded(image, form), "a")
    assert np.array_equal(pixels[..., 0], DEEP >> 8)
    assert pixels.dtype == np.uint8


def test_grey_and_colour():
    colour = Image.fromarray(some_images(1, size=8)[0])
    for mode, channels in [("L", 1), ("LA", 1), ("1", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)]:
        assert decode(encoded(colour.convert(mode)), "a").shape == (8, 8, channels)


def png(width, height):
    """A small PNG that is large once decoded."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("side", "said"), [(2049, "got 2049×2049"), (48_000, "far larger")])
def test_large_images_are_refused_before_they_are_decoded(side, said):
    with pytest.raises(DataError, match=f"b: expected an image of at most 2048 pixels.*{said}"):
        decode(io.BytesIO(png(side, side)), "b")


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", png(8, 8)[:40], b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
     b"P6 99999999999 2 255 "],
)  # fmt: skip
def test_what_is_no_image_is_refused(content):
    with pytest.raises(DataError, match="b: cannot read the image"):
        decode(io.BytesIO(content), "b")


def test_numbers_of_32_bits_are_refused():
    with pytest.raises(DataError, match="expected 8 or 16 bits per channel, but got 32"):
        decode(encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"), "b")


def test_a_stack_has_one_size():
    with pytest.raises(DataError, match="1: expected an image of 8×8 pixels like the first, but"):
        stack([np.zeros((8, 8, 3)), np.zeros((8, 9, 3))], 2, 100, str)
    for images in ([], [np.zeros((8, 8, 3))]):
        with pytest.raises(DataError, match="expected an image, but there are no more"):
            stack(images, 2, 100, str)


def test_many_small_images_may_not_fill_the_memory_either():
    with pytest.raises(DataError, match="0: expected images, but got 100 bytes that expand to"):
        stack([np.zeros((1000, 1000, 3), np.uint8)], 1000, 100, str)
    check_expansion(10**10, 10**9, "real images")
