"""Trainings of one generator at several sizes: which of their scores can share an axis."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from thinset.report.augmentation_inputs import JUDGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.report.augmentation_inputs import AugmentationInputs, ShownGenerator


def comparable_trainings(inputs: AugmentationInputs) -> dict[str, dict[str, ShownGenerator]]:
    """Trainings with a curve by generator, then by size; at least one of each generator.

    The scores that a classifier gives are those by the classifier of the largest size alone: values
    by different ones cannot be compared.
    """
    trained: dict[str, dict[str, ShownGenerator]] = {}
    judges = _judges(inputs)
    for size, shown in _with_curves(inputs):
        is_comparable = shown.extractor == judges[shown.name]
        of_generator = trained.setdefault(shown.name, {})
        of_generator[size] = shown if is_comparable else _without_judged(shown)
    return trained


def _without_judged(shown: ShownGenerator) -> ShownGenerator:
    scores = {name: curve for name, curve in shown.scores.items() if name not in JUDGED}
    return dataclasses.replace(shown, scores=scores, extractor=None)


def scored_by_others(inputs: AugmentationInputs) -> dict[str, str]:
    """The trainings whose scores by a classifier are left out, and what they are by."""
    judges = _judges(inputs)
    return {
        f"{shown.name}, {size}": (
            f"FID and the share in the asked class are not drawn: they are by the "
            f"{shown.extractor}, and cannot be compared with those at the largest size. Make the "
            "figure in a new folder to compare them"
        )
        for size, shown in _with_curves(inputs)
        if shown.extractor not in (None, judges[shown.name])
    }


def _judges(inputs: AugmentationInputs) -> dict[str, str | None]:
    """By generator, what scores it at the largest size that has such scores."""
    judges: dict[str, str | None] = {}
    for _, shown in _with_curves(inputs):
        judges[shown.name] = shown.extractor or judges.get(shown.name)
    return judges


def _with_curves(inputs: AugmentationInputs) -> Iterator[tuple[str, ShownGenerator]]:
    for size in inputs.sizes:
        for shown in size.shown:
            if len(shown.steps) > 1:
                yield size.name, shown
