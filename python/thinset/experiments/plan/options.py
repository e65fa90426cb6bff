"""Options and advice: the results in docs/when-selecting-helps.md as rules.

Deduplicate if samples repeat, balance if classes differ in size, then train on everything that
remains. A subset is advised only if training waits for its images. Forecasts of the accuracy can
overrule the rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thinset.experiments.prepare.subsets import NEAR_DUPLICATES
from thinset.results import BALANCED, FULL, LOSS_PRUNING, RANDOM, Arm, SelectionRule
from thinset.results.plan import PlannedSubset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data import Dataset
    from thinset.experiments.plan.measuring import Measured
    from thinset.results.plan import Choice
    from thinset.training import Duration

_WAITS = 0.2
"""The share of a step spent waiting above which images in memory pay off"""
_REPEATS = 10.0
"""Samples count as repeated if they are as alike as a set this many times smaller would be"""
_DIFFERS = 5.0
"""Classes differ in size if the largest is this many times the smallest"""
_DECODED_WITHIN = 0.15
"""The share of a budget that decoding a subset may take"""

_NO_REASON = (
    "training does not wait for its images, samples do not repeat and classes have similar sizes; "
    "no subset has been found to beat full-data training on such data"
)
_UNKNOWN = (
    "training does not wait for its images and classes have similar sizes; repetition of samples "
    "was not measured"
)


@dataclass(frozen=True)
class Option:
    """An arm that may be advised, and the reason for it; None if there is none."""

    arm: Arm
    subset: PlannedSubset | None = None
    reason: str | None = None


def class_sizes(data: Dataset) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """The number of samples in each class; None without labels."""
    return None if data.labels is None else np.unique(data.labels, return_counts=True)[1]


def options_for(data: Dataset, total: Duration, measured: Measured) -> tuple[Option, ...]:
    """Everything first, then options with a reason, then the others."""
    balance, distinct = _reason_to_balance(data), _reason_to_deduplicate(len(data), measured)
    others = [*_in_memory(len(data), total, measured, balance)]
    if balance and distinct:
        both = Arm(is_balanced=True, distinct=NEAR_DUPLICATES)
        others.append(Option(both, reason=f"{distinct}; {balance}"))
    can_embed = measured.sample is not None and measured.embedding_seconds is not None
    if can_embed:
        others.append(Option(Arm(distinct=NEAR_DUPLICATES), reason=distinct))
    if balance:
        others.append(Option(BALANCED, reason=balance))
    if can_embed:
        rule = SelectionRule("kmeans", None if data.labels is None else "balanced")
        others.append(Option(Arm(rule), PlannedSubset(0.0864, 0.5)))
    others.append(Option(LOSS_PRUNING))
    return (Option(FULL), *sorted(others, key=lambda option: option.reason is None))


def _in_memory(
    n_total: int, total: Duration, measured: Measured, balance: str | None
) -> Iterator[Option]:
    if measured.decoding_seconds is None:
        return
    reason = None
    if measured.pace.waiting_share >= _WAITS:
        faster = measured.pace.step_seconds / measured.in_memory.step_seconds
        reason = (
            f"{100 * measured.pace.waiting_share:.0f} % of full-data training is waiting for "
            "images; with images decoded once and kept in memory it makes "
            f"{1 / measured.in_memory.step_seconds:.3g} steps a second, {faster:.1f} times as many"
        )
        reason = f"{reason}; {balance}" if balance else reason
    share = 0.2
    if total.is_time:
        share = _DECODED_WITHIN * total.seconds / (measured.decoding_seconds * n_total)
    if share >= 1:
        yield Option(Arm(is_balanced=balance is not None, is_resident=True), reason=reason)
    else:
        arm = Arm(SelectionRule("random", "balanced")) if balance else RANDOM
        yield Option(arm, PlannedSubset(float(f"{max(share, 0.001):.2g}"), 0.9), reason)


def _reason_to_deduplicate(n_total: int, measured: Measured) -> str | None:
    if measured.sample is None or measured.embedding_seconds is None:
        return None
    probability = measured.sample.near_duplicates
    n_like = 1 / probability if probability > 0 else math.inf
    if n_like >= n_total / _REPEATS:
        return None
    return (
        f"samples repeat: they are as alike as if there were {n_like:,.0f} different "
        "ones; without near-duplicates, rare samples count as much as common ones"
    )


def _reason_to_balance(data: Dataset) -> str | None:
    sizes = class_sizes(data)
    if sizes is None or sizes.max() < _DIFFERS * sizes.min():
        return None
    return (
        f"classes differ in size, {sizes.min():,} to {sizes.max():,}; training that shows every "
        "class equally often does better where all classes count alike, and worse where they count "
        "by size"
    )


def advise(
    options: Sequence[Option], choices: Sequence[Choice], *, repetition_is_known: bool = True
) -> tuple[int, tuple[str, ...]]:
    """The index of the choice to take, and why: the first that has a reason."""
    told: list[str] = []
    full = choices[0]
    for number, (option, choice) in enumerate(zip(options, choices, strict=True)):
        if option.reason is None:
            continue
        if choice.steps < max(full.steps / 2, 1):
            told.append(
                f"{option.reason}; but after preparing {option.arm} only {choice.steps:,} steps of "
                f"{full.steps:,} would be left"
            )
        elif _is_clearly_worse(choice, full):
            told.append(f"{option.reason}; but short trainings contradict {option.arm}")
        else:
            return number, (*told, option.reason)
    return 0, tuple(told) or (_NO_REASON if repetition_is_known else _UNKNOWN,)


def _is_clearly_worse(choice: Choice, full: Choice) -> bool:
    if choice.accuracy is None or full.accuracy is None:
        return False
    return choice.accuracy.high < full.accuracy.low
