"""The nearest kept row of every row, by the native core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.metrics import nearest
from thinset.progress import ProgressBar
from thinset.report.explorer import Reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from thinset.selection.matrix_input import HostMatrix

_PIECE_BYTES = 2**26


def nearest_kept(
    matrix: HostMatrix,
    kept: NDArray[np.int64],
    metric: str,
    *,
    n_threads: int | None = None,
    show_progress: bool = False,
) -> Reasons | None:
    """Find the nearest of the `kept` rows for every row, exactly; None if none is kept.

    metric: "euclidean", "sqeuclidean" or "cosine". Of equally near rows the lowest is named. The
    matrix is read piece by piece; memory is O(N + kD).
    """
    if len(kept) == 0:
        return None
    # The core breaks ties by the lower row of the reference.
    rows = np.sort(kept)
    reference = _rows_of(matrix, rows, metric)
    n_total = matrix.shape[0]
    found, distances = np.empty(n_total, np.int64), np.empty(n_total)
    start = 0
    with ProgressBar("nearest kept", n_total, unit="rows", enabled=show_progress) as bar:
        for piece in pieces(matrix, metric):
            stop = start + len(piece)
            neighbours = nearest(piece, reference, n_threads=n_threads)
            found[start:stop] = rows[neighbours.indices[:, 0]]
            distances[start:stop] = neighbours.distances[:, 0]
            start = stop
            bar.update_to(stop)
    # Of rows of length 1, the cosine distance is half the squared Euclidean one.
    power = {"euclidean": distances, "sqeuclidean": distances**2, "cosine": distances**2 / 2}
    return Reasons(found, power[metric], metric)


def pieces(matrix: HostMatrix, metric: str) -> Iterator[NDArray[Any]]:
    """Consecutive rows as float32 or float64; of length 1 for the cosine distance."""
    for array in matrix.arrays:
        n_rows = max(1, _PIECE_BYTES // max(1, array.shape[1] * 8))
        for start in range(0, len(array), n_rows):
            yield _as_floats(array[start : start + n_rows], matrix, metric)


def _rows_of(matrix: HostMatrix, rows: NDArray[np.int64], metric: str) -> NDArray[Any]:
    """Some rows, ascending, as `pieces` gives them."""
    parts, start = [], 0
    for array in matrix.arrays:
        own = rows[(rows >= start) & (rows < start + len(array))] - start
        parts.append(_as_floats(array[own], matrix, metric))
        start += len(array)
    return np.concatenate(parts)


def _as_floats(rows: NDArray[Any], matrix: HostMatrix, metric: str) -> NDArray[Any]:
    if matrix.is_bfloat16:
        # The upper half of the bits of a float32.
        values = (rows.astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.asarray(rows, np.float64 if rows.dtype == np.float64 else np.float32)
    if metric != "cosine":
        return np.ascontiguousarray(values)
    lengths = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
    return np.ascontiguousarray(values / np.maximum(lengths, np.finfo(np.float32).tiny))
