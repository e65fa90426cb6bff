"""The two leading principal axes of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
