"""Names of splits, stratified hold-out splits, and nested stratified subsets."""

from __future__ import annotations

import heapq
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data.labels import require_labels
from thinset.files.shown import shown
from thinset.seeds import require_seed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    Indices = np.ndarray[Any, np.dtype[np.int64]]


SPLITS = ("train", "test", "validation")
"""The names of the dataset folders that an import writes"""
_TRAIN = "/train"


def part_name(name: str, part: str) -> str:
    """The name of a part of the data called `name`: "test" of "digits/train" is "digits/test"."""
    return f"{source_name(name)}/{part}"


def source_name(name: str) -> str:
    """The name of data whose training part, or a part of that, is called `name`."""
    while name.endswith(_TRAIN):
        name = name.removesuffix(_TRAIN)
    return name


def hold_out(
    labels: ArrayLike, size: float, random_state: int | np.random.Generator
) -> tuple[Indices, Indices]:
    """Split rows into training rows and held-out rows, class by class.

    `labels` are (N,) integers from 0. `size`: a count (int), or a fraction of N (float), which is
    rounded to one. Of each class its share of that is held out, rounded down or up by the largest
    remainders (equal ones: the lower class first). Both results are sorted int64 and together hold
    every row once; equal arguments give equal splits.

    Raises ValueError unless 0 < fraction < 1 and both sides get at least one row, and for a seed
    out of range.
    """
    if not isinstance(random_state, np.random.Generator):
        require_seed("random_state", random_state)
    classes, members, sizes = np.unique(
        require_labels(np.asarray(labels)), return_inverse=True, return_counts=True
    )
    n_rows = len(members)
    value: Any = size
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        n_held_out, given = int(value), f"a count of {size}"
    else:
        if not isinstance(value, numbers.Real) or not 0 < value < 1:  # type: ignore[operator]
            raise ValueError(f"fraction must be between 0 and 1, got {shown(size)}")
        n_held_out, given = round(float(value) * n_rows), f"fraction {size}"
    if not 0 < n_held_out < n_rows:
        raise ValueError(f"{given} of {n_rows} rows leaves one side empty ({n_held_out} held out)")
    generator = np.random.default_rng(random_state)
    quotas = _largest_remainders(sizes, n_held_out)
    held_out = np.zeros(n_rows, dtype=bool)
    for index in range(len(classes)):
        rows = np.flatnonzero(members == index)
        held_out[generator.permutation(rows)[: quotas[index]]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def nested_subsets(labels: ArrayLike, shares: Iterable[float], seed: int) -> dict[float, Indices]:
    """Choose stratified subsets, each of which is a subset of every larger one.

    `labels` are (N,) integers from 0; `shares` are above 0 and at most 1. The subset of a share has
    round(share * N) rows: at least one of each class, and of the rest each class has its share,
    rounded down or up. It depends on the labels, its share and the seed alone, not on the other
    shares. The results, by share, are sorted int64.

    Rounding by the largest remainders at each size would not do: a class may then have more rows in
    a smaller subset (the Alabama paradox). Instead, all rows are put into one order such that every
    beginning of it is stratified.

    Raises ValueError for a share out of range, one that gives fewer rows than classes, and a seed
    out of range.
    """
    require_seed("seed", seed)
    values = require_labels(np.asarray(labels))
    shares = tuple(shares)
    for share in shares:
        if not 0 < share <= 1:
            raise ValueError(f"shares must be above 0 and at most 1, got {share}")
    sizes = np.unique(values, return_counts=True)[1]
    n_rows, n_classes = len(values), len(sizes)
    for share in shares:
        if round(share * n_rows) < max(1, n_classes):
            raise ValueError(
                f"a share of {share} of {n_rows} rows is {round(share * n_rows)}, fewer than the "
                f"{max(1, n_classes)} needed for one of each class; "
                f"the share must be at least {max(1, n_classes) / max(1, n_rows):.4g}"
            )
    order = _stratified_order(values, sizes, np.random.default_rng(seed))
    return {share: np.sort(order[: round(share * n_rows)]) for share in shares}


def require_every_class(labels: ArrayLike, rows: Indices, part: str) -> None:
    """Raise ValueError, naming the first class of which `rows` has no sample."""
    values = np.asarray(labels)
    missing = np.setdiff1d(values, values[rows])
    if len(missing):
        n_samples = int((values == missing[0]).sum())
        raise ValueError(
            f"the {part} data would have no sample of class {missing[0]}, which has {n_samples} "
            f"among {len(values)}; enlarge the {part} data, or merge or leave out the class"
        )


def _largest_remainders(sizes: Indices, total: int) -> Indices:
    """Share `total` out in proportion to `sizes`, in exact integer arithmetic."""
    n_rows = int(sizes.sum())
    quotas, remainders = np.divmod(sizes * total, n_rows)
    order = np.argsort(-remainders, kind="stable")
    quotas[order[: total - int(quotas.sum())]] += 1
    return quotas


def _stratified_order(labels: Indices, sizes: Indices, generator: np.random.Generator) -> Indices:
    """All rows in an order of which every beginning is stratified.

    The first row of every class comes first, then the others as `_interleaved` has them.
    """
    sequence = _interleaved(sizes)
    members = np.unique(labels, return_inverse=True)[1]
    order = np.empty(len(labels), dtype=np.int64)
    is_first = np.zeros(len(labels), dtype=bool)
    for index in range(len(sizes)):
        places = np.flatnonzero(sequence == index)
        order[places] = generator.permutation(np.flatnonzero(members == index))
        is_first[places[0]] = True
    return np.concatenate([order[is_first], order[~is_first]])


def _interleaved(sizes: Indices) -> Indices:
    """Each class as often as its size, evenly: (N,) classes.

    Among the first n, a class of size s is floor(n * s / N) or ceil(n * s / N) times. To that end
    the j-th of a class, from 0, stands at one of the places floor(j * N / s) to
    ceil((j + 1) * N / s) - 1. Taking the earliest deadline first meets all of them: Steiner and
    Yeomans, "Level schedules for mixed-model, just-in-time processes", 1993.
    """
    n_rows = int(sizes.sum())
    classes = np.repeat(np.arange(len(sizes)), sizes)
    of_size = sizes[classes]
    number = np.arange(n_rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    earliest = number * n_rows // of_size
    deadline = -(-(number + 1) * n_rows // of_size)
    by_start = np.argsort(earliest, kind="stable")
    waiting: list[tuple[int, int]] = []
    candidates = zip(
        *(part[by_start].tolist() for part in (earliest, deadline, classes)), strict=True
    )
    candidate = next(candidates, None)
    sequence = np.empty(n_rows, dtype=np.int64)
    for place in range(n_rows):
        while candidate is not None and candidate[0] <= place:
            heapq.heappush(waiting, candidate[1:])
            candidate = next(candidates, None)
        sequence[place] = heapq.heappop(waiting)[1]
    return sequence
