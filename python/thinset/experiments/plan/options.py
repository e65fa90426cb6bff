"""Options and advice: the results in docs/when-selecting-helps.md as rules.

Deduplicate if samples repeat, balance if classes differ in size, then train on everything that
remains. A subset is advised only if training waits for its images. Forecasts of the accuracy can
overrule the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.experiments.plan.rules import (
    SUBSET,
    about_repetition,
    class_sizes,
    reason_to_balance,
    reason_to_deduplicate,
    reason_to_keep_in_memory,
)
from thinset.experiments.prepare.subsets import NEAR_DUPLICATES
from thinset.results import BALANCED, FULL, LOSS_PRUNING, RANDOM, Arm, SelectionRule
from thinset.results.plan import PlannedSubset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thinset.data import Dataset
    from thinset.experiments.plan.measuring import Measured
    from thinset.results.plan import Choice
    from thinset.training import Duration

_DECODED_WITHIN = 0.15
"""The share of a budget that decoding a subset may take"""

_NO_REASON = (
    "training does not wait for its images; %s; classes have similar sizes; no subset has been "
    "found to beat full-data training on such data"
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


def options_for(data: Dataset, total: Duration, measured: Measured) -> tuple[Option, ...]:
    """Everything first, then options with a reason, then the others."""
    can_embed = measured.sample is not None and measured.embedding_seconds is not None
    repeated = None if measured.sample is None else measured.sample.near_duplicates
    balance = reason_to_balance(class_sizes(data))
    distinct = reason_to_deduplicate(len(data), repeated if can_embed else None)
    others = [*_in_memory(len(data), total, measured, balance)]
    if balance and distinct:
        both = Arm(is_balanced=True, distinct=NEAR_DUPLICATES)
        others.append(Option(both, reason=f"{distinct}; {balance}"))
    if can_embed:
        others.append(Option(Arm(distinct=NEAR_DUPLICATES), reason=distinct))
    if balance:
        others.append(Option(BALANCED, reason=balance))
    if can_embed:
        rule = SelectionRule("kmeans", None if data.labels is None else "balanced")
        others.append(Option(Arm(rule), SUBSET))
    others.append(Option(LOSS_PRUNING))
    return (Option(FULL), *sorted(others, key=lambda option: option.reason is None))


def _in_memory(
    n_total: int, total: Duration, measured: Measured, balance: str | None
) -> Iterator[Option]:
    if measured.decoding_seconds is None:
        return
    pace, in_memory = measured.pace, measured.in_memory
    reason = reason_to_keep_in_memory(pace.waiting_share, pace.step_seconds, in_memory.step_seconds)
    if reason and balance:
        reason = f"{reason}; {balance}"
    share = 0.2
    if total.is_time:
        share = _DECODED_WITHIN * total.seconds / (measured.decoding_seconds * n_total)
    if share >= 1:
        yield Option(Arm(is_balanced=balance is not None, is_resident=True), reason=reason)
    else:
        arm = Arm(SelectionRule("random", "balanced")) if balance else RANDOM
        yield Option(arm, PlannedSubset(float(f"{max(share, 0.001):.2g}"), 0.9), reason)


def advise(
    options: Sequence[Option], choices: Sequence[Choice], repeated: float | None
) -> tuple[int, tuple[str, ...]]:
    """The index of the choice to take, and why: the first that has a reason.

    repeated: the share of samples that repeat others; None if it was not measured.
    """
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
    if told:
        return 0, tuple(told)
    if repeated is None:
        return 0, (_UNKNOWN,)
    return 0, (_NO_REASON % about_repetition(repeated),)


def _is_clearly_worse(choice: Choice, full: Choice) -> bool:
    if choice.accuracy is None or full.accuracy is None:
        return False
    return choice.accuracy.high < full.accuracy.low
