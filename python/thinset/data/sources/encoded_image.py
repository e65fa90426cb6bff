"""Decode and resize images with Pillow.

8-bit images of any mode become grey (1 channel) or RGB (3 channels). As in torchvision, the
orientation noted in a photograph's EXIF data is not applied and transparency is dropped.
"""

from __future__ import annotations

import contextlib
import io
import numbers
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from thinset.files.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from PIL import Image

    from thinset.data.sources.image_stream import Batch, ImageStream

    EncodedImage = tuple[str, bytes | Path]
    """What to call the image in a message, and its content or its file."""

LARGEST_SIDE = 65_536
"""Of images that are resized: larger ones are mistakes"""
_GREY_MODES = ("1", "L", "LA")
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_GIT_LFS = b"version https://git-lfs"


class UnreadableImageError(ValueError):
    """An image that is damaged or that Pillow cannot read."""


def describe(name: str, content: bytes | Path) -> tuple[int, int, bool]:
    """Height, width and whether the image is in colour, from its header.

    Raises UnreadableImageError, naming the image, if it cannot be read or has more than 8 bits
    per channel.
    """
    with _opened(name, content) as image:
        return image.height, image.width, image.mode not in _GREY_MODES


def is_readable(name: str, content: bytes | Path) -> bool:
    """Whether the image can be decoded to its last pixel."""
    try:
        with _opened(name, content) as image:
            image.load()
    except UnreadableImageError:
        return False
    return True


def is_jpeg_above(name: str, content: bytes | Path, size: tuple[int, int]) -> bool:
    """Whether it is a JPEG of at least this height and width; raises as `describe`."""
    with _opened(name, content) as image:
        return image.format == "JPEG" and image.height >= size[0] and image.width >= size[1]


def decode(
    encoded: EncodedImage,
    image_shape: tuple[int, int, int],
    *,
    resize: bool,
    draft: bool = False,
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Decode one image to `image_shape` = (height, width, channels), uint8.

    With `resize`, other heights and widths are resized (bilinear, antialiased); without, they
    raise ValueError. With `draft`, a JPEG that is resized is decoded at a half, a quarter or an
    eighth of its size if that is large enough: faster, with slightly other pixels. An image that
    cannot be read raises UnreadableImageError. Both name it.
    """
    name, content = encoded
    height, width, channels = image_shape
    with _opened(name, content) as image:
        found = (image.height, image.width)
        if resize or found == (height, width):
            if draft:
                # Does nothing for other formats than JPEG.
                image.draft(None, (width, height))
            pixels = _convert(image, channels)
            if pixels.size != (width, height):
                pixels = pixels.resize((width, height), _pillow().Resampling.BILINEAR)
            return np.asarray(pixels, dtype=np.uint8).reshape(image_shape)
    raise ValueError(
        f"{name} is {found[0]}x{found[1]}, but was {height}x{width} like all others when the "
        "source was opened; it changed since then"
    )


def decoder() -> str:
    """What decodes images, with its version: another one may round otherwise."""
    from PIL import __version__, features

    return f"Pillow {__version__}, libjpeg {features.version('jpg')}"


def resized(stream: ImageStream, size: tuple[int, int] | None) -> ImageStream:
    """The same stream with images of `size` = (height, width), bilinear and antialiased."""
    if size is None or size == stream.image_shape[:2]:
        return stream
    require_size(size)

    def batches() -> Iterator[Batch]:
        for images, labels in stream:
            yield np.stack([_resize_array(image, size) for image in images]), labels

    return replace(
        stream,
        image_shape=(*size, stream.image_shape[2]),
        batches=batches,
        provenance=msgspec.structs.replace(stream.provenance, size=size),
    )


def require_size(size: Sequence[int]) -> None:
    """Raise ValueError unless `size` is (height, width), each from 1 to LARGEST_SIDE."""
    is_pair = isinstance(size, (tuple, list)) and len(size) == 2
    if not is_pair or not all(_is_whole(side) and 1 <= side <= LARGEST_SIDE for side in size):
        raise ValueError(
            "size must be (height, width), whole numbers of at least 1 and at most "
            f"{LARGEST_SIDE}, got {shown(size)}"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _resize_array(image: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    # Channel by channel: Pillow resizes single planes of uint8 and float32, however many.
    pillow = _pillow()
    planes = [pillow.fromarray(np.ascontiguousarray(image[..., c])) for c in range(image.shape[2])]
    height, width = size
    return np.stack(
        [np.asarray(plane.resize((width, height), pillow.Resampling.BILINEAR)) for plane in planes],
        axis=-1,
    )


def _convert(image: Image.Image, channels: int) -> Image.Image:
    if channels == 1:
        return image.convert("L")
    # By way of RGBA, because Pillow warns about palettes with transparency otherwise.
    return (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")


@contextlib.contextmanager
def _opened(name: str, content: bytes | Path) -> Iterator[Image.Image]:
    """Open an image; any error until the end of the `with` becomes UnreadableImageError."""
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
            _require_8_bits(image)
            yield image
    # Pillow's readers raise whatever their parsing runs into: OSError, SyntaxError, struct.error,
    # IndexError, RuntimeError, MemoryError, DecompressionBombError and more.
    except Exception as error:
        raise UnreadableImageError(
            f"{name} cannot be read as an 8-bit image: {_cause(content, error)} "
            "(`thinset data import` and `thinset embed` leave such images out with "
            "--skip-unreadable)"
        ) from error


def _require_8_bits(image: Image.Image) -> None:
    if image.mode in _DEEP_MODES:
        raise ValueError(f"it has more than 8 bits per channel (mode {image.mode})")


def _cause(content: bytes | Path, error: Exception) -> str:
    if _first_bytes(content) == _GIT_LFS:
        return "it is a Git LFS pointer; fetch the file with `git lfs pull`"
    if isinstance(error, _pillow().UnidentifiedImageError):
        return "it is in no format that Pillow knows"  # its own message has an address in memory
    return str(error).strip() or type(error).__name__


def _first_bytes(content: bytes | Path) -> bytes:
    if isinstance(content, bytes):
        return content[: len(_GIT_LFS)]
    try:
        with open(content, "rb") as file:
            return file.read(len(_GIT_LFS))
    except OSError:
        return b""


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "reading and resizing images needs Pillow: pip install 'thinset[parquet]'"
        ) from error
    return Image
