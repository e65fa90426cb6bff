"""Short trainings that predict the accuracy of longer ones."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from thinset.data import Dataset, write_subset
from thinset.duration import Duration
from thinset.experiments.cells import as_file_name
from thinset.experiments.plan.learning_curve import extrapolate
from thinset.experiments.plan.pace import short_training
from thinset.experiments.prepare.subsets import (
    NEAR_DUPLICATES,
    distinct_rows,
    select_rows,
    typical_distance,
)
from thinset.experiments.trial import fine_tuning_order
from thinset.selection import deduplicate
from thinset.selection.arguments import as_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from thinset.experiments.plan.measuring import Bench
    from thinset.experiments.plan.options import Option
    from thinset.experiments.settings import PlanSettings
    from thinset.results import Arm
    from thinset.results.plan import Prediction

    Forecast = Callable[[int], Prediction]
    """The accuracy after each number of steps"""

MOST_VALIDATION = 500  # samples of each class


class Probes:
    """Short trainings, scored on training data that they did not see.

    Equal numbers of samples of each class are held out. Near-duplicates of held-out samples are
    removed from the training data, so that no model is scored on samples it was trained on. Test
    data are not used. `held_out_seed` draws the held-out samples.
    """

    def __init__(
        self,
        bench: Bench,
        settings: PlanSettings,
        device: str,
        scratch: Path,
        held_out_seed: int = 0,
    ) -> None:
        self._settings = settings
        self._device = device
        self._scratch = scratch
        train = bench.data.train
        assert train.labels is not None
        self._embeddings = bench.embeddings()
        distance = NEAR_DUPLICATES * typical_distance(self._embeddings)
        groups = deduplicate(self._embeddings, distance).groups
        held_out = _balanced_rows(train.labels, groups, held_out_seed)
        self._rows = np.flatnonzero(~np.isin(groups, groups[held_out]))
        self._test = write_subset(held_out, train, scratch / "validation")
        self._train = write_subset(self._rows, train, scratch / "train")

    @property
    def n_tested(self) -> int:
        """The number of held-out samples."""
        return len(self._test)

    def forecast(self, option: Option, lengths: Sequence[int]) -> Forecast:
        """The accuracy of `option` by its length, from trainings of `lengths` steps."""
        accuracies = self.scores(option, lengths)
        n_tested = self.n_tested
        return lambda steps: extrapolate(lengths, accuracies, n_tested, steps)

    def scores(self, option: Option, lengths: Sequence[int]) -> list[float]:
        """The held-out accuracy of `option`, in percent, after trainings of `lengths` steps."""
        arm = option.arm
        full, subset = self._distinct(arm), self._subset(arm, option)
        return [
            short_training(
                full,
                self._test,
                dataclasses.replace(self._settings.training, evaluations=1),
                Duration(length, "st"),
                seed=self._settings.seed,
                device=self._device,
                subset=subset,
                split=0.0 if option.subset is None else option.subset.split,
                order=fine_tuning_order(arm),
            ).score
            for length in lengths
        ]

    def _distinct(self, arm: Arm) -> Dataset:
        if arm.distinct is None:
            return self._train
        rows = distinct_rows(self._embeddings[self._rows], arm.distinct)
        return write_subset(rows, self._train, self._scratch / as_file_name(str(arm)))

    def _subset(self, arm: Arm, option: Option) -> Dataset | None:
        if arm.rule is None or option.subset is None:
            return None
        selection = select_rows(
            self._embeddings[self._rows] if arm.needs_embeddings else None,
            self._train,
            arm.rule,
            as_count(option.subset.size, len(self._train)),
            seed=self._settings.seed,
        )
        return write_subset(selection, self._train, self._scratch / as_file_name(str(arm)))


def _balanced_rows(
    labels: np.ndarray[tuple[int], np.dtype[np.int64]],
    groups: np.ndarray[tuple[int], np.dtype[np.int64]],
    seed: int,
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """One row from each of some groups of near-duplicates, equally many of every class.

    Classes of a single group are left out, because training would have no sample of them.
    """
    generator = np.random.default_rng(seed)
    firsts = np.flatnonzero(groups == np.arange(len(groups)))
    classes, counts = np.unique(labels[firsts], return_counts=True)
    if counts.max() > 1:
        classes, counts = classes[counts > 1], counts[counts > 1]
    n_each = min(MOST_VALIDATION, max(1, int(counts.min()) // 5))
    chosen = [
        generator.choice(firsts[labels[firsts] == label], n_each, replace=False)
        for label in classes
    ]
    return np.sort(np.concatenate(chosen))
