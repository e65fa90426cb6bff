"""A plane through the embedding space: what was kept among what was dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.report.plots.style import CLASS_COLOURS, DROPPED, new_figure, styled
from thinset.report.principal_axes import principal_axes
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MAX_ROWS = 5_000


@styled
def embedding_map(
    embeddings: NDArray[Any],
    selected_indices: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    class_names: Sequence[str] | None,
    *,
    rng: np.random.Generator,
) -> Figure:
    """Draw kept samples, coloured by class, among dropped ones, in grey, on a plane.

    The plane is spanned by the two leading principal components of `embeddings`, (N, D).
    `rng` draws at most `MAX_ROWS` rows, to which the plane is fitted, and, where more were kept, as
    many of the kept ones; only those rows are read. Raises ValueError where one is not finite.
    """
    sample = _draw_rows(np.arange(len(embeddings)), rng)
    kept = _draw_rows(np.unique(selected_indices), rng)
    rows = read_rows(embeddings, sample)
    centre = rows.mean(axis=0)
    plane = principal_axes(rows - centre, rng=rng)
    points = (rows - centre) @ plane
    dropped = points[~np.isin(sample, selected_indices)]
    chosen = (read_rows(embeddings, kept) - centre) @ plane

    figure = new_figure(10.4, 5.6)
    axes = figure.subplots()
    size = float(np.clip(60_000 / (len(sample) + len(kept)), 9, 32))
    axes.scatter(
        dropped[:, 0], dropped[:, 1], s=0.6 * size, color=DROPPED, linewidths=0, rasterized=True
    )
    _draw_kept(axes, chosen, None if labels is None else labels[kept], class_names, size)
    shares = 100.0 * points.var(axis=0) / max(float(rows.var(axis=0).sum()), np.finfo(float).tiny)
    axes.set_xlabel(f"first principal component ({shares[0]:.0f} % of the variance)")
    axes.set_ylabel(f"second principal component ({shares[1]:.0f} %)")
    axes.set_xticks([])
    axes.set_yticks([])
    figure.legend(loc="outside right upper", handletextpad=0.3, markerscale=1.4)
    return figure


def read_rows(embeddings: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Read rows of a (memory-mapped) matrix as float64; ValueError where one is not finite."""
    values = np.asarray(embeddings[rows], dtype=np.float64)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ValueError(f"embeddings must be finite, row {rows[finite.argmin()]} is not")
    return values


def _draw_rows(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    if len(rows) <= MAX_ROWS:
        return rows
    return np.sort(rng.choice(rows, MAX_ROWS, replace=False))


def _draw_kept(
    axes: Axes,
    points: NDArray[np.float64],
    labels: NDArray[np.int64] | None,
    class_names: Sequence[str] | None,
    size: float,
) -> None:
    axes.scatter([], [], s=30, color=DROPPED, linewidths=0, label="dropped")
    style: dict[str, Any] = {
        "s": size,
        "linewidths": 0.3,
        "edgecolors": "white",
        "rasterized": True,
    }
    if labels is None or len(np.unique(labels)) > len(CLASS_COLOURS):
        axes.scatter(points[:, 0], points[:, 1], color=CLASS_COLOURS[0], label="kept", **style)
        return
    classes = np.unique(labels)
    # One call for all classes: drawn class after class, the last would cover the others.
    colours = np.array(CLASS_COLOURS)[np.searchsorted(classes, labels)]
    axes.scatter(points[:, 0], points[:, 1], c=colours, **style)
    for number, label in enumerate(classes):
        name = f"class {label}" if class_names is None else class_names[label]
        axes.scatter([], [], s=30, color=CLASS_COLOURS[number], linewidths=0, label=shortened(name))
