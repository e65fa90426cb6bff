"""Hold-out splits that never split a group, such as a patient or a video."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.export.chosen import as_ids, as_list
from thinset.data.labels import require_labels
from thinset.seeds import require_seed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Indices = np.ndarray[Any, np.dtype[np.int64]]


def as_groups(groups: object, n_rows: int) -> np.ndarray[Any, Any]:
    """One integer or text per row; ValueError for anything else, such as a missing entry."""
    if np.ndim(groups) != 1:  # type: ignore[arg-type]
        raise ValueError(f"groups must have one entry per row, got {reprlib.repr(groups)}")
    values = as_list(groups)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuUS":
        as_ids(values, "groups")
    if len(values) != n_rows:
        raise ValueError(
            f"groups must have one entry per row: expected {n_rows}, got {len(values)}"
        )
    return np.asarray(values)


def hold_out_groups(
    labels: ArrayLike, groups: ArrayLike, n_held_out: int, seed: int
) -> tuple[Indices, Indices]:
    """Split rows into training rows and held-out rows such that no group has rows in both.

    Args:
        labels: (N,) integers from 0.
        groups: (N,) integers or text.
        n_held_out: about so many rows are held out, of each class in proportion.
        seed: of the shuffle.

    Groups are shuffled by `seed`, then taken from the largest; each is held out if that brings the
    held-out counts of the classes nearer to their shares, by the sum of squared differences. Both
    results are sorted int64 and together hold every row once.

    Raises ValueError for fewer than two groups, for a row without one, and unless
    0 < n_held_out < N.
    """
    require_seed("seed", seed)
    classes, members = np.unique(require_labels(np.asarray(labels)), return_inverse=True)
    n_rows = len(members)
    names, group_of = np.unique(as_groups(groups, n_rows), return_inverse=True)
    if not 0 < n_held_out < n_rows:
        raise ValueError(f"a count of {n_held_out} of {n_rows} rows leaves one side empty")
    if len(names) < 2:
        raise ValueError(
            "groups must have at least two different entries to be divided, got "
            f"{len(names)}; split without groups"
        )
    counts = np.zeros((len(names), len(classes)), np.int64)
    np.add.at(counts, (group_of, members), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    # In units of 1 / n_rows, so that all arithmetic is exact.
    missing = counts.sum(axis=0) * n_held_out
    is_held_out = np.zeros(len(names), bool)
    for group in order:
        added = counts[group] * n_rows
        # |missing - added|^2 < |missing|^2, in Python's integers.
        if sum(int(a) * (int(a) - 2 * int(m)) for a, m in zip(added, missing, strict=True)) < 0:
            is_held_out[group] = True
            missing = missing - added
    if not is_held_out.any():
        is_held_out[order[-1]] = True
    elif is_held_out.all():
        is_held_out[order[-1]] = False
    held_out = is_held_out[group_of]
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
