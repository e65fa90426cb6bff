"""A plane through the embedding space: what was kept among what was dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.report.plots.style import CLASS_COLOURS, DROPPED, new_figure, styled

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
    background = read_rows(embeddings, sample)
    centre = background.mean(axis=0)
    axes_of_plane = principal_axes(background - centre, rng=rng)
    dropped = (background - centre)[~np.isin(sample, selected_indices)] @ axes_of_plane
    chosen = (read_rows(embeddings, kept) - centre) @ axes_of_plane

    figure = new_figure(6.2, 5.0)
    axes = figure.subplots()
    size = float(np.clip(24_000 / (len(sample) + len(kept)), 4, 26))
    axes.scatter(
        dropped[:, 0], dropped[:, 1], s=0.7 * size, color=DROPPED, linewidths=0, rasterized=True
    )
    _draw_kept(
        axes, chosen, None if labels is None else np.asarray(labels[kept]), class_names, size
    )
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    axes.set_xticks([])
    axes.set_yticks([])
    figure.legend(loc="outside right upper", handletextpad=0.3, markerscale=1.4)
    return figure


def principal_axes(
    centred: NDArray[np.float64], *, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the two leading principal axes of centred rows (n, D), as the columns of (D, 2).

    By randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1), so
    that thousands of columns cost little. The element of largest size in each axis is positive. A
    lone column gets an empty second axis.
    """
    n_columns = centred.shape[1]
    block = rng.standard_normal((n_columns, min(n_columns, 12)))
    for _ in range(12):
        block, _ = np.linalg.qr(centred.T @ (centred @ block))
    _, _, rotation = np.linalg.svd(centred @ block, full_matrices=False)
    leading = (block @ rotation.T)[:, :2]
    leading = leading * np.sign(leading[np.abs(leading).argmax(axis=0), range(leading.shape[1])])
    return np.pad(leading, ((0, 0), (0, 2 - leading.shape[1])))


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
        axes.scatter([], [], s=30, color=CLASS_COLOURS[number], linewidths=0, label=name)
