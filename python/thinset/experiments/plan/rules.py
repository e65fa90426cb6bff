"""The thresholds of all advice, from the results in docs/when-selecting-helps.md, as sentences.

`thinset plan` and `thinset probe` share them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from thinset.results.plan import PlannedSubset

if TYPE_CHECKING:
    from thinset.data import Dataset, EncodedDataset

    Sizes = np.ndarray[tuple[int], np.dtype[np.int64]]

WAITS = 0.2
"""The share of a step spent waiting above which images in memory pay off"""
REPEATS = 10.0
"""Samples count as repeated if they are as alike as a set this many times smaller would be"""
SOME_REPEAT = 0.1
"""The share of repeated samples above which a probe tries to leave them out; no reason by itself"""
_HARDLY_ANY = 0.01
"""The share of repeated samples below which the advice says that samples do not repeat"""
DIFFERS = 5.0
"""Classes differ in size if the largest is this many times the smallest"""
_FEW_LABELS = 200
"""On an autoencoder's embeddings, choosing rows to label was worth 5 to 12 points with 50 and 100
labels, and none with 250"""
_FEW_LABELS_OF_GIVEN = 250
"""On embeddings of pretrained networks it was worth 1 to 2 points with 250, the most measured"""
SUBSET = PlannedSubset(0.0864, 0.5)
"""The subset that is compared with everything: its size, and its share of the training"""


def few_labels(*, embeddings_given: bool) -> int:
    """The largest number of labels for which choosing rows is advised."""
    return _FEW_LABELS_OF_GIVEN if embeddings_given else _FEW_LABELS


def class_sizes(data: Dataset | EncodedDataset) -> Sizes | None:
    """The number of samples in each class that has any; None without labels."""
    return None if data.labels is None else np.unique(data.labels, return_counts=True)[1]


def reason_to_balance(sizes: Sizes | None) -> str | None:
    """Why every class should be shown equally often; None if there is no reason."""
    if sizes is None or sizes.max() < DIFFERS * sizes.min():
        return None
    return (
        f"classes differ in size, {sizes.min():,} to {sizes.max():,}; training that shows every "
        "class equally often does better where all classes count alike, and worse where they count "
        "by size"
    )


def reason_to_deduplicate(n_total: int, near_duplicates: float | None) -> str | None:
    """Why near-duplicates should be left out; None if there is no reason.

    near_duplicates: the probability that two random samples are near-duplicates, at least; None if
    unknown.
    """
    if near_duplicates is None:
        return None
    n_like = 1 / near_duplicates if near_duplicates > 0 else math.inf
    if n_like >= n_total / REPEATS:
        return None
    return (
        f"samples repeat: they are at least as alike as if there were {n_like:,.0f} different "
        "ones; without near-duplicates, rare samples count as much as common ones"
    )


def about_repetition(repeated_share: float | None) -> str:
    """Why near-duplicates are no reason, by the share of samples that repeat others."""
    if repeated_share is None or repeated_share < _HARDLY_ANY:
        return "samples do not repeat"
    return f"too few samples repeat to matter ({100 * repeated_share:.3g} % repeat others)"


def reason_to_keep_in_memory(
    waiting_share: float, step_seconds: float, in_memory_seconds: float
) -> str | None:
    """Why decoded images should be kept in memory; None if there is no reason.

    Seconds are of a step of full-data training, and of a step on decoded images.
    """
    if waiting_share < WAITS:
        return None
    return (
        f"{100 * waiting_share:.0f} % of full-data training is waiting for "
        "images; with images decoded once and kept in memory it makes "
        f"{1 / in_memory_seconds:.3g} steps a second, "
        f"{step_seconds / in_memory_seconds:.1f} times as many"
    )
