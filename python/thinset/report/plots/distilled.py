"""Distilled images by class and step, beside the course of their training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thinset.report.plots.samples import as_colours, clipped
from thinset.report.plots.style import CLASS_COLOURS, new_figure, styled
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

_MOST_ROWS = 20
_MOST_COLUMNS = 20
_TILE_INCHES = 0.55
_CURVE_INCHES = 4.2


class Curve(NamedTuple):
    """A figure of a training, such as its loss, after so many steps."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]


@styled
def distilled_images(
    images: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    class_names: Sequence[str] | None = None,
    steps: NDArray[np.int64] | None = None,
    curves: Sequence[Curve] = (),
) -> Figure:
    """Draw images (M, H, W, C), floats with 0 black and 1 white, a row for each class of `labels`.

    `steps`: (M,) the step of training on them that each image belongs to, from 0 on; columns of one
    step are labelled with it. At most 20 classes and 20 images of each are drawn. `curves`: drawn
    beside the images, one above the other. Raises ValueError for no images and for labels or steps
    of another length.
    """
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must be a non-empty (M, H, W, C) array, got {images.shape}")
    for name, values in (("labels", labels), ("steps", steps)):
        if values is not None and values.shape != (len(images),):
            raise ValueError(f"{name} must have shape ({len(images)},), got {values.shape}")
    rows = [np.flatnonzero(labels == number)[:_MOST_COLUMNS] for number in np.unique(labels)]
    rows = rows[:_MOST_ROWS]
    classes = [int(labels[members[0]]) for members in rows]
    names = [
        str(number) if class_names is None else shortened(class_names[number]) for number in classes
    ]
    n_columns = max(map(len, rows))
    width, height = n_columns * _TILE_INCHES + 1.2, len(rows) * _TILE_INCHES + 0.6
    figure = new_figure(width, height)
    left: Figure | SubFigure = figure
    if curves:
        figure.set_size_inches(width + _CURVE_INCHES, max(height, 1.8 * len(curves)))
        parts: Any = figure.subfigures(1, 2, width_ratios=(width, _CURVE_INCHES))
        left = parts[0]
        _draw_curves(parts[1], curves)
    axes = left.subplots()
    _draw_images(axes, as_colours(clipped(images)), rows)
    side = max(images.shape[1:3])
    cell = _cell_of(side)
    axes.set_yticks([row * cell + side / 2 for row in range(len(rows))], names)
    axes.set_xticks([])
    if steps is not None:
        axes.set_xticks(
            [column * cell + side / 2 for column in range(n_columns)],
            _steps_of_columns(rows, n_columns, steps),
        )
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("step of training on them")
    return figure


def _draw_images(axes: Axes, tiles: NDArray[np.uint8], rows: Sequence[NDArray[np.int64]]) -> None:
    cell = _cell_of(max(tiles.shape[1:3]))
    picture = np.full((len(rows) * cell, max(map(len, rows)) * cell, 3), 255, np.uint8)
    for row, members in enumerate(rows):
        for column, image in enumerate(members):
            place = picture[row * cell :, column * cell :]
            place[: tiles.shape[1], : tiles.shape[2]] = tiles[image]
    axes.imshow(picture, interpolation="nearest")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _draw_curves(figure: SubFigure, curves: Sequence[Curve]) -> None:
    panels = figure.subplots(len(curves), 1, squeeze=False, sharex=True)[:, 0]
    for number, (axes, curve) in enumerate(zip(panels, curves, strict=True)):
        axes.plot(curve.steps, curve.values, marker=".", color=CLASS_COLOURS[number])
        axes.set_ylabel(curve.name)
    panels[-1].set_xlabel("steps of distillation")


def _cell_of(side: int) -> int:
    """Pixels from one image to the next."""
    return side + max(1, side // 16)


def _steps_of_columns(
    rows: Sequence[NDArray[np.int64]], n_columns: int, steps: NDArray[np.int64]
) -> list[str]:
    """The step of each column, from 1 on; empty where a column has images of several steps."""
    found = []
    for column in range(n_columns):
        of_column = {int(steps[members[column]]) for members in rows if len(members) > column}
        found.append(str(of_column.pop() + 1) if len(of_column) == 1 else "")
    return found
