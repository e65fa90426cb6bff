"""Pictures of samples: contact sheets, and inputs beside their embeddings and reconstructions.

Figure numbers are those of Gonzalez, Landgraf and Miikkulainen, "Faster Training by Selecting
Samples Using Embeddings".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.report.plots.style import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_TILE_PIXELS = 96
_MOSAIC_DPI = 100.0


@styled
def contact_sheet(images: NDArray[Any], *, columns: int = 10) -> Figure:
    """Draw images (n, H, W, C), uint8 or float, as a grid in their order, row by row.

    Three channels are colours; any other number is averaged to grey. Float images are stretched
    from the lowest to the highest value on the sheet. One pixel of the figure is one pixel of the
    mosaic, and every image is enlarged by a whole factor, so that nothing is blurred. Raises
    ValueError where `images` is empty or not 4-dimensional.
    """
    _check_images(images)
    pixels = _stretched(images) if images.dtype.kind == "f" else images
    tiles = _enlarged(as_colours(pixels))
    mosaic = tile_mosaic(tiles, columns=columns, gap=max(4, tiles.shape[1] // 16))
    height, width = mosaic.shape[:2]
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / _MOSAIC_DPI, height / _MOSAIC_DPI), dpi=_MOSAIC_DPI)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.imshow(mosaic, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    return figure


@styled
def reconstruction_triples(
    inputs: NDArray[Any], embeddings: NDArray[Any], outputs: NDArray[Any]
) -> Figure:
    """Draw inputs, embeddings as heat maps and reconstructions, the triple of Figure 4.

    Each column is one sample. `inputs` and `outputs` are (n, H, W, C), uint8 or floats in [0, 1]
    (clipped to that range); `embeddings` is (n, h, w, c), drawn as c tiles of h x w, or (n, D).
    All heat maps share one scale, from the 0.5 % to the 99.5 % quantile. Raises ValueError where
    the three do not have one length.
    """
    _check_images(inputs)
    _check_images(outputs)
    if not len(inputs) == len(embeddings) == len(outputs):
        raise ValueError(
            "inputs, embeddings and outputs must have one length, "
            f"got {len(inputs)}, {len(embeddings)} and {len(outputs)}"
        )
    maps = [embedding_map_of(embedding) for embedding in embeddings]
    n = len(inputs)
    heights = (1.0, maps[0].shape[0] / maps[0].shape[1], 1.0)
    figure = new_figure(1.1 * n + 1.2, 1.13 * sum(heights))
    grid = figure.subplots(3, n, squeeze=False, height_ratios=heights)
    # A few extreme activations would leave everything else dark.
    low, high = np.quantile(embeddings, (0.005, 0.995)).tolist()
    for column in range(n):
        _show(grid[0, column], as_colours(clipped(inputs[column : column + 1]))[0])
        _show(grid[1, column], maps[column], cmap="viridis", vmin=low, vmax=high)
        _show(grid[2, column], as_colours(clipped(outputs[column : column + 1]))[0])
    for axes, name in zip(grid[:, 0], ("input", "embedding", "reconstruction"), strict=True):
        axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def tile_mosaic(tiles: NDArray[np.uint8], *, columns: int, gap: int) -> NDArray[np.uint8]:
    """Lay tiles (n, H, W, 3) out row by row on white, `gap` pixels apart."""
    n, height, width, _ = tiles.shape
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    mosaic = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, dtype=np.uint8
    )
    for number, tile in enumerate(tiles):
        top = number // columns * (height + gap)
        left = number % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = tile
    return mosaic


def embedding_map_of(embedding: NDArray[Any]) -> NDArray[np.float64]:
    """Lay one embedding, (h, w, c) or (D,), out as a picture; cells left over are NaN (white).

    The c channels of a spatial embedding become tiles of h x w, one cell apart.
    """
    tiles = np.asarray(embedding, dtype=np.float64)
    tiles = tiles[np.newaxis, np.newaxis] if tiles.ndim == 1 else tiles
    height, width, channels = tiles.shape
    gap = 0 if height == width == 1 else 1
    rows, columns = grid_shape(channels)
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for channel in range(channels):
        top = channel // columns * (height + gap)
        left = channel % columns * (width + gap)
        picture[top : top + height, left : left + width] = tiles[:, :, channel]
    return picture


def grid_shape(n: int) -> tuple[int, int]:
    """Return rows and columns for n tiles: a full rectangle where one is not too flat."""
    rows = next(rows for rows in range(math.isqrt(n), 0, -1) if n % rows == 0)
    if n // rows <= 3 * rows:
        return rows, n // rows
    columns = math.ceil(math.sqrt(n))
    return math.ceil(n / columns), columns


def _show(axes: Axes, picture: NDArray[Any], **scale: Any) -> None:
    axes.imshow(picture, interpolation="nearest", **scale)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _check_images(images: NDArray[Any]) -> None:
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must be a non-empty (n, H, W, C) array, got {images.shape}")


def _stretched(images: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = float(images.min()), float(images.max())
    scale = 255.0 / (high - low) if high > low else 0.0
    return ((images - low) * scale).round().astype(np.uint8)


def clipped(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey levels 0..255 of images that are uint8 or floats, of which 0 is black and 1 is white."""
    if images.dtype.kind != "f":
        return images
    return (255.0 * images.clip(0.0, 1.0)).round().astype(np.uint8)


def as_colours(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Images (n, H, W, C) with three channels; others than three are averaged to grey."""
    if images.shape[-1] == 3:
        return images.astype(np.uint8)
    grey = images.mean(axis=-1, keepdims=True).round().astype(np.uint8)
    return np.repeat(grey, 3, axis=-1)


def _enlarged(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = max(images.shape[1:3])
    stride = math.ceil(side / (2 * _TILE_PIXELS))
    images = images[:, ::stride, ::stride]
    factor = max(1, _TILE_PIXELS // max(images.shape[1:3]))
    return images.repeat(factor, axis=1).repeat(factor, axis=2)
