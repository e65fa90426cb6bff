"""The accuracies of networks that are trained alike."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.training.loop.run import TrainingDivergedError
from thinset.training.loop.train import train
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from thinset.data.batches import ImageRows
    from thinset.training.learners.supervised import SupervisedLearner
    from thinset.training.phases import Phase


@dataclass(frozen=True)
class NetworkScores:
    """Accuracies, 0..1, of networks that were trained alike and differ in random numbers.

    They are on test data, or on validation data. n_diverged: how many of them diverged; these count
    as guessing, one divided by the number of classes.
    """

    accuracies: tuple[float, ...]
    n_diverged: int = 0

    @classmethod
    def of(cls, accuracies: Sequence[float | None], n_classes: int) -> NetworkScores:
        """Collect the results of accuracy_after."""
        scores = tuple(1 / n_classes if value is None else value for value in accuracies)
        return cls(scores, sum(value is None for value in accuracies))

    @property
    def n(self) -> int:
        """Number of networks."""
        return len(self.accuracies)

    @property
    def mean(self) -> float:
        """Mean over the networks."""
        return statistics.fmean(self.accuracies)

    @property
    def standard_deviation(self) -> float | None:
        """Of the sample (n - 1); None with one network."""
        return statistics.stdev(self.accuracies) if self.n > 1 else None


def accuracy_after(
    learner: SupervisedLearner,
    phase: Phase,
    scored_on: ImageRows,
    *,
    batch_size: int = 1024,
    seed: int,
) -> float | None:
    """The accuracy, 0..1, on `scored_on` after one phase; None if the training diverges.

    `seed`: of the order of samples and of layers that draw random numbers.
    """
    try:
        history = train(
            learner,
            [phase],
            learning_rate=0.0,  # phases have their own
            test_data=scored_on,
            batch_size=batch_size,
            seed=seed,
            evaluations=1,
        )
    except TrainingDivergedError:
        return None
    return history.final.scores["accuracy"]


def unchanged(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG001
    """The random transform that only turns images into floats in [0, 1]."""
    return to_unit_range(images)
