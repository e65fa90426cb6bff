"""Thumbnails of many images in a few WebP sheets that keep to a number of bytes."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.report.plots.samples import as_colours, clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    Tiles = NDArray[np.uint8]
    """Thumbnails (n, height, width, 3)."""

SIDES = (96, 64, 48, 32, 24, 20, 16)
"""Longer sides of thumbnails in pixels, the best first; images are never enlarged."""

_QUALITIES = (85, 75, 65, 50, 40, 30, 25, 20, 15, 10)
_READABLE = 20  # a smaller picture of this quality shows more than a larger one below it
_FEWEST_BYTES_PER_PIXEL = 0.1  # photographs of the lowest quality take more
_SHEET_PIXELS = 2048  # phones decode sheets of this size
_SAMPLE = 512


@dataclass(frozen=True)
class Sheet:
    """A WebP image of thumbnails, row by row: `count` of them, `columns` in a row.

    first: the number of its first thumbnail. width, height: of one thumbnail, in pixels.
    """

    first: int
    count: int
    columns: int
    width: int
    height: int
    content: bytes

    @property
    def text(self) -> str:
        """The content in base64."""
        return base64.b64encode(self.content).decode("ascii")


@dataclass(frozen=True)
class Sheets:
    """Sheets of one quality, and how many thumbnails they show."""

    sheets: tuple[Sheet, ...]
    count: int

    @property
    def n_bytes(self) -> int:
        return sum(len(sheet.content) for sheet in self.sheets)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a thumbnail."""
        return self.sheets[0].width, self.sheets[0].height


NO_SHEETS = Sheets((), 0)


def largest_side(n_images: int, n_bytes: int) -> int:
    """The largest side at which so many thumbnails can fit into so many bytes at all."""
    per_image = n_bytes / max(n_images, 1) / _FEWEST_BYTES_PER_PIXEL
    return next((side for side in SIDES if side * side <= per_image), SIDES[-1])


def read_tiles(
    batches: Iterable[NDArray[Any]], n_images: int, side_of: Callable[[int], int]
) -> list[Tiles]:
    """Thumbnails of all images, in order; `side_of` gives the longer side for each."""
    tiles: list[Tiles] = []
    for batch in batches:
        for image in as_colours(clipped(batch)):
            tiles.append(_reduced(image, side_of(len(tiles))))
    if len(tiles) != n_images:
        raise ValueError(f"{n_images} images were expected, got {len(tiles)}")
    return tiles


def sheets_within(tiles: Sequence[Tiles], n_bytes: int, *, first: int) -> Sheets:
    """The best sheets of these thumbnails in at most `n_bytes`; of as many as fit, from the front.

    first: the number of the first thumbnail. All tiles have one shape.
    """
    if not tiles or n_bytes <= 0:
        return NO_SHEETS
    sample = tiles[:: math.ceil(len(tiles) / _SAMPLE)]
    own = max(tiles[0].shape[:2])
    # Small pictures may lie between two sides: as they are, they are best.
    sides = sorted({min(own, side) for side in SIDES}, reverse=True)
    side = next((s for s in sides if _predicted(sample, s, _READABLE, len(tiles)) <= n_bytes), None)
    side = sides[-1] if side is None else side
    tiles = [_reduced(tile, side) for tile in tiles]
    for quality in _QUALITIES:
        if _predicted(sample, side, quality, len(tiles)) <= n_bytes:
            sheets = Sheets(_encoded(tiles, quality, first), len(tiles))
            if sheets.n_bytes <= n_bytes:
                return sheets
    # Not all fit. The prediction is of a sample, so leave some room.
    quality = _QUALITIES[-2]
    per_image = _predicted(sample, side, quality, len(tiles)) / len(tiles)
    count = min(len(tiles), int(0.9 * n_bytes / per_image))
    while count:
        sheets = Sheets(_encoded(tiles[:count], quality, first), count)
        if sheets.n_bytes <= n_bytes:
            return sheets
        count = count * 3 // 4
    return NO_SHEETS


def _predicted(sample: Sequence[Tiles], side: int, quality: int, n_tiles: int) -> float:
    sheets = _encoded([_reduced(tile, side) for tile in sample], quality, 0)
    return sum(len(sheet.content) for sheet in sheets) / len(sample) * n_tiles


def _encoded(tiles: Sequence[Tiles], quality: int, first: int) -> tuple[Sheet, ...]:
    from PIL import Image

    height, width, _ = tiles[0].shape
    most_columns, most_rows = max(1, _SHEET_PIXELS // width), max(1, _SHEET_PIXELS // height)
    per_sheet = most_columns * most_rows
    sheets = []
    for start in range(0, len(tiles), per_sheet):
        part = tiles[start : start + per_sheet]
        columns = min(most_columns, math.ceil(math.sqrt(len(part))))
        rows = math.ceil(len(part) / columns)
        mosaic = np.zeros((rows * columns, height, width, 3), np.uint8)
        mosaic[: len(part)] = part
        pixels = mosaic.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
        content = io.BytesIO()
        picture = Image.fromarray(pixels.reshape(rows * height, columns * width, 3))
        picture.save(content, "WEBP", quality=quality, method=4)
        sheets.append(Sheet(first + start, len(part), columns, width, height, content.getvalue()))
    return tuple(sheets)


def _reduced(image: Tiles, side: int) -> Tiles:
    """The image with its longer side of at most `side` pixels."""
    height, width, _ = image.shape
    longer = max(height, width)
    if longer <= side:
        return image
    from PIL import Image

    size = (max(1, round(width * side / longer)), max(1, round(height * side / longer)))
    resized = Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(resized)
