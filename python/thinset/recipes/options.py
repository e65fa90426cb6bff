"""What may be advised, and the advice: what docs/when-selecting-helps.md found, as rules.

Whether training waits for its images, whether samples repeat themselves and whether classes differ
in size decides; forecasts of the accuracy can overrule it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thinset.recipes.preparation import NEAR_DUPLICATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data import Dataset
    from thinset.recipes.measuring import Measured
    from thinset.report.plan import Choice
    from thinset.training import Duration

_WAITS = 0.2
"""The share of a step spent waiting from which images in memory are worth having"""
_REPEATS = 10.0
"""Samples repeat themselves where they are as alike as a set this many times smaller would be"""
_DIFFERS = 5.0
"""Classes differ in size where the largest is this many times the smallest"""
_DECODED_WITHIN = 0.15
"""The share of a budget that decoding a subset may take"""

_CERTAIN = 0.8
"""How much of the samples that deduplication is thought to leave may be counted on"""

_NO_REASON = (
    "training does not wait for its images, samples do not repeat themselves and classes are of "
    "like size: there no subset has been found to beat everything"
)


@dataclass(frozen=True)
class Option:
    """An arm that may be advised, and what speaks for it; None where nothing does."""

    arm: str
    size: float | None = None
    split: float | None = None
    reason: str | None = None


def class_sizes(data: Dataset) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """How many samples each class has; None without labels."""
    return None if data.labels is None else np.unique(data.labels, return_counts=True)[1]


def options_for(data: Dataset, total: Duration, measured: Measured) -> tuple[Option, ...]:
    """Everything first, then what something speaks for, then the rest."""
    others = [
        *_in_memory(len(data), total, measured),
        _without_near_duplicates(len(data), measured),
        *_balanced(data),
        Option("kmeans" if data.labels is None else "kmeans:per_class", 0.0864, 0.5),
        Option("loss_pruning"),
    ]
    return (Option("full"), *sorted(others, key=lambda option: option.reason is None))


def _in_memory(n_total: int, total: Duration, measured: Measured) -> Iterator[Option]:
    if measured.decoding_seconds is None:
        return
    reason = None
    if measured.pace.waiting_share >= _WAITS:
        faster = measured.pace.step_seconds / measured.in_memory.step_seconds
        reason = (
            f"{100 * measured.pace.waiting_share:.0f} % of a training on everything is waiting for "
            f"images; on images that were decoded once and stay in memory it makes "
            f"{1 / measured.in_memory.step_seconds:.3g} steps a second, {faster:.1f} times as many"
        )
    share = 0.2
    if total.is_time:
        share = _DECODED_WITHIN * total.seconds / (measured.decoding_seconds * n_total)
    if share >= 1:
        yield Option("full:resident", reason=reason)
    else:
        yield Option("random", float(f"{max(share, 0.001):.2g}"), 0.9, reason)


def _without_near_duplicates(n_total: int, measured: Measured) -> Option:
    probability = measured.sample.near_duplicates
    n_like = 1 / probability if probability > 0 else math.inf
    reason = None
    if n_like < n_total / _REPEATS:
        reason = (
            f"samples repeat themselves: they are as alike as if there were {n_like:,.0f} "
            "different ones; without near-duplicates, rare samples count as much as common ones"
        )
    size = min(0.25, _CERTAIN * measured.sample.distinct_share)
    return Option(f"random:dedup={NEAR_DUPLICATES}", float(f"{size:.2g}"), 1.0, reason)


def _balanced(data: Dataset) -> Iterator[Option]:
    sizes = class_sizes(data)
    if sizes is not None and sizes.max() >= _DIFFERS * sizes.min():
        reason = (
            f"classes differ in size, {sizes.min():,} to {sizes.max():,}; a subset with as many of "
            "each does better where all classes count alike, and worse where they count by size"
        )
        yield Option("random:per_class", 0.0864, 1.0, reason)


def advise(options: Sequence[Option], choices: Sequence[Choice]) -> tuple[int, tuple[str, ...]]:
    """The number of the choice to take, and why: the first that something speaks for."""
    told: list[str] = []
    full = choices[0]
    for number, (option, choice) in enumerate(zip(options, choices, strict=True)):
        if option.reason is None:
            continue
        if choice.steps < full.steps / 2:
            told.append(
                f"{option.reason}; but after preparing {option.arm} only {choice.steps:,} steps of "
                f"{full.steps:,} would be left"
            )
        elif _is_clearly_worse(choice, full):
            told.append(f"{option.reason}; but short trainings speak against {option.arm}")
        else:
            return number, (*told, option.reason)
    return 0, tuple(told) or (_NO_REASON,)


def _is_clearly_worse(choice: Choice, full: Choice) -> bool:
    if choice.accuracy is None or full.accuracy is None:
        return False
    return choice.accuracy.high < full.accuracy.low
