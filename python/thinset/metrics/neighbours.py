"""Exact nearest neighbours between two matrices, by the native core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thinset import _core
from thinset.selection.arguments import is_int, shown
from thinset.selection.matrix_input import as_matrix
from thinset.selection.reporting import progress_callback
from thinset.threads import as_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.selection.matrix_input import HostMatrix
    from thinset.selection.reporting import Progress


@dataclass(frozen=True)
class Neighbours:
    """The nearest reference rows of each query, nearest first.

    Attributes:
        indices: (n_queries, k) int64.
        distances: (n_queries, k) float64, Euclidean.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest(
    queries: object,
    reference: object,
    k: int = 1,
    *,
    exclude_self: bool = False,
    skipped: NDArray[np.int64] | None = None,
    n_threads: int | None = None,
    progress: Progress = None,
) -> Neighbours:
    """Find the k nearest rows of `reference` for each row of `queries`, exactly.

    Distances are computed in float64; equal ones are ordered by row. Bounds in float32 rule out
    most pairs, so that the search takes about the time of one float32 matrix product, or less where
    a few directions hold most of the variance. Memory is O(n_queries * k); mapped files are read in
    place.

    Args:
        queries: a matrix, as for `thinset.select`.
        reference: a matrix of the same width and element type.
        k: how many neighbours of each query, at least 1.
        exclude_self: both are the same matrix, and no row is its own neighbour.
        skipped: the same for other pairs: for each query one row of `reference` that is not its
            neighbour, or -1.
        n_threads: None for all available cores; the result does not depend on it.
        progress: True shows a bar; a callable receives (done, total) about every 50 ms.

    Raises:
        ValueError: a constraint is broken; the message states it and the value.
        OSError: a path cannot be read.
        KeyboardInterrupt: within 0.2 s of Ctrl-C.
    """
    of_queries, of_reference = as_matrix(queries), as_matrix(reference)
    require_pairable(of_queries, of_reference, ("queries", "reference"))
    if not is_int(k) or not 1 <= k <= of_reference.shape[0]:
        raise ValueError(
            f"k must be an int in [1, {of_reference.shape[0]}], the rows of the reference; got "
            + shown(k)
        )
    if exclude_self:
        skipped = _every_row_itself(of_queries, of_reference, skipped)
    with progress_callback(progress, "nearest neighbours") as callback:
        indices, distances = _core.nearest(
            of_queries.values,
            of_reference.values,
            int(k),
            skipped=skipped,
            n_threads=as_threads(n_threads),
            progress=callback,
            bfloat16=of_queries.is_bfloat16,
        )
    return Neighbours(indices, distances)


def count_in_balls(
    centres: NDArray[np.floating],
    radii: NDArray[np.float64],
    points: NDArray[np.floating],
    *,
    n_threads: int | None = None,
    progress: Progress = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the points in each ball, and the balls around each point.

    A point at a distance of at most its radius from a centre is in the ball. Exact, as `nearest`,
    with O(n_centres + n_points) memory.
    """
    of_centres, of_points = as_matrix(centres), as_matrix(points)
    require_pairable(of_centres, of_points, ("centres", "points"))
    with progress_callback(progress, "points in balls") as callback:
        return _core.count_in_balls(
            of_centres.values,
            np.ascontiguousarray(radii, np.float64),
            of_points.values,
            n_threads=as_threads(n_threads),
            progress=callback,
            bfloat16=of_centres.is_bfloat16,
        )


def require_pairable(one: HostMatrix, other: HostMatrix, names: tuple[str, str]) -> None:
    """Raise ValueError unless both matrices have one width and one element type."""
    if one.dtype_name != other.dtype_name:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same element type, got {one.dtype_name} and "
            f"{other.dtype_name}; convert one of them with .astype"
        )
    if one.shape[1] != other.shape[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same number of columns, got {one.shape[1]} "
            f"and {other.shape[1]}"
        )


def _every_row_itself(
    queries: HostMatrix, reference: HostMatrix, skipped: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    if skipped is not None:
        raise ValueError("exclude_self and skipped exclude each other; pass one of them")
    if queries.shape[0] != reference.shape[0]:
        raise ValueError(
            "exclude_self needs queries and reference to be the same matrix, got "
            f"{queries.shape[0]} and {reference.shape[0]} rows"
        )
    return np.arange(queries.shape[0])
