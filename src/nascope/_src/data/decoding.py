"""Decode images, such as PNG and JPEG. Sizes are checked before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np
from PIL import Image

from nascope._src.errors import DataError
from nascope._src.runtime.input_files import in_bytes

ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff"}
)
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")  # Pillow runs programs for others
_MAX_SIDE = 2048  # px
_MAX_SMALL = 200_000_000  # bytes that any data set may have
_MAX_RATIO = 100  # of pixels to stored bytes; MNIST has 5, and a file of zeros 1000


def check_expansion(pixels: int, stored: int, where: object) -> None:
    """Refuse a small file that would fill the memory.

    Args:
        pixels: Bytes of the decoded images.
        stored: Bytes of their files.
        where: The file, for the error.

    Raises:
        DataError: The decoded images are large, and far larger than the files.
    """
    if pixels > max(_MAX_SMALL, _MAX_RATIO * stored):
        raise DataError(
            f"{where}: expected images, but got {in_bytes(stored)} that expand to "
            f"{in_bytes(pixels)}; is it damaged?"
        )


def decode(file: BinaryIO, where: str) -> np.ndarray:
    """Return an image as (height, width, channels) uint8: one channel if it is grey, else three.

    Of 16 bits per channel, the upper 8 are kept. Transparency is left out.

    Args:
        file: The encoded image.
        where: The file, and the row in it, for the error.

    Raises:
        DataError: It is damaged, too large, or of another kind.
    """
    try:
        image = Image.open(file, formats=_FORMATS)
        size = image.size
        if max(size) <= _MAX_SIDE:
            return _pixels(image)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except Image.DecompressionBombError:
        size = None
    except Exception:  # Pillow's decoders raise errors of every kind for a damaged image
        raise DataError(f"{where}: cannot read the image") from None
    got = f"got {size[0]}×{size[1]}" if size else "this is far larger"
    raise DataError(f"{where}: expected an image of at most {_MAX_SIDE} pixels a side, but {got}")


def _pixels(image: Image.Image) -> np.ndarray:
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if deep:
        return (np.asarray(image) >> 8).astype(np.uint8)[..., None]
    if image.mode in ("I", "F"):
        raise DataError("expected 8 or 16 bits per channel, but got 32")
    grey = image.mode in ("1", "L", "LA", "La")
    pixels = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.uint8)
    return pixels[..., None] if grey else pixels


def stack(
    images: Iterable[np.ndarray], count: int, stored: int, place: Callable[[int], str]
) -> np.ndarray:
    """Return decoded images of one size as one array; grey ones in colour if any is in colour.

    Args:
        images: (height, width, channels) each.
        count: How many there are.
        stored: Bytes of their files.
        place: The name of the image with an index, for errors.

    Raises:
        DataError: Their sizes differ, there are none, or they would fill the memory.
    """
    stacked: np.ndarray | None = None
    index = -1
    for index, image in enumerate(images):
        if stacked is None:
            check_expansion(count * image.size, stored, place(index))
            stacked = np.empty((count, *image.shape), dtype=np.uint8)
        if image.shape[:2] != stacked.shape[1:3]:
            raise DataError(
                f"{place(index)}: expected an image of {_size(stacked[0])} pixels like the first, "
                f"but got {_size(image)}"
            )
        if image.shape[2] > stacked.shape[3]:
            stacked = in_colour(stacked)
        stacked[index] = image
    if stacked is None or index + 1 < count:
        raise DataError(f"{place(index + 1)}: expected an image, but there are no more")
    return stacked


def in_colour(images: np.ndarray) -> np.ndarray:
    """Return images (n, height, width, channels) with three channels, equal ones if grey."""
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"
