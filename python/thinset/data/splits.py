"""Names of splits, and stratified hold-out splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.labels import require_labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Indices = np.ndarray[Any, np.dtype[np.int64]]


SPLITS = ("train", "test", "validation")
"""The names of the dataset folders that an import writes"""


def hold_out(
    labels: ArrayLike, fraction: float, random_state: int | np.random.Generator
) -> tuple[Indices, Indices]:
    """Split rows into training rows and held-out rows, class by class.

    `labels` are (N,) integers from 0. round(fraction * N) rows are held out; of each class its
    share of that, rounded down or up by the largest remainders (equal ones: the lower class
    first). Both results are sorted int64 and together hold every row once; equal arguments give
    equal splits.

    Raises ValueError unless 0 < fraction < 1 and both sides get at least one row.
    """
    classes, members, sizes = np.unique(
        require_labels(np.asarray(labels)), return_inverse=True, return_counts=True
    )
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, got {fraction}")
    n_held_out = round(fraction * len(members))
    if not 0 < n_held_out < len(members):
        raise ValueError(
            f"fraction {fraction} of {len(members)} rows leaves one side empty "
            f"({n_held_out} held out)"
        )
    generator = np.random.default_rng(random_state)
    quotas = _largest_remainders(sizes, n_held_out)
    held_out = np.zeros(len(members), dtype=bool)
    for index in range(len(classes)):
        rows = np.flatnonzero(members == index)
        held_out[generator.permutation(rows)[: quotas[index]]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _largest_remainders(sizes: Indices, total: int) -> Indices:
    """Share `total` out in proportion to `sizes`, in exact integer arithmetic."""
    n_rows = int(sizes.sum())
    quotas, remainders = np.divmod(sizes * total, n_rows)
    order = np.argsort(-remainders, kind="stable")
    quotas[order[: total - int(quotas.sum())]] += 1
    return quotas
