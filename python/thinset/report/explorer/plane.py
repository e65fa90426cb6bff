"""The plane that a map of embeddings shows, read piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.report.principal_axes import principal_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_FITTED_ROWS = 20_000
_LARGEST = 1e120  # as for distances: sums of squares stay finite


@dataclass(frozen=True)
class Plane:
    """coordinates: (N, 2) float64. shares: of the variance along each axis, from 0 to 1."""

    coordinates: NDArray[np.float64]
    shares: tuple[float, float]


def plane_through(
    pieces: Callable[[], Iterable[NDArray[Any]]], n_rows: int, *, seed: int = 0
) -> Plane:
    """Project rows on their two leading principal components.

    `pieces` gives the matrix (N, D) as consecutive blocks of rows, and is called twice: a random
    sample of at most 20,000 rows defines the axes, then every row is projected. Raises ValueError,
    naming the row, where one is not finite.
    """
    sample = np.arange(n_rows)
    if n_rows > _FITTED_ROWS:
        sample = np.sort(np.random.default_rng(seed).choice(n_rows, _FITTED_ROWS, replace=False))
    rows = np.concatenate(
        [
            np.asarray(piece[sample[(sample >= start) & (sample < start + len(piece))] - start])
            for start, piece in _numbered(pieces())
        ]
    ).astype(np.float64)
    _require_finite(rows, sample)
    _require_not_too_large(rows, sample)
    centre = rows.mean(axis=0)
    axes = principal_axes(rows - centre, rng=np.random.default_rng(seed))
    coordinates = np.empty((n_rows, 2))
    for start, piece in _numbered(pieces()):
        projected = (np.asarray(piece, np.float64) - centre) @ axes
        _require_finite(projected, np.arange(start, start + len(piece)))
        coordinates[start : start + len(piece)] = projected
    total = max(float(rows.var(axis=0).sum()), np.finfo(float).tiny)
    first, second = (coordinates[sample].var(axis=0) / total).tolist()
    return Plane(coordinates, (first, second))


def _numbered(pieces: Iterable[NDArray[Any]]) -> Iterable[tuple[int, NDArray[Any]]]:
    start = 0
    for piece in pieces:
        yield start, piece
        start += len(piece)


def _require_not_too_large(values: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
    largest = np.abs(values).max(axis=1, initial=0.0)
    row = int(largest.argmax())
    if largest[row] > _LARGEST:
        raise ValueError(
            f"principal components need values within +-{_LARGEST:g}, row "
            f"{rows[row]} holds {largest[row]:g}; divide the embeddings by a constant"
        )


def _require_finite(values: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ValueError(f"embeddings must be finite, row {rows[finite.argmin()]} is not")
