"""Arms that train on a distilled dataset by its stored steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.data import open_dataset
from thinset.distillation.distilled_for import prepared_for_replay
from thinset.experiments.classifier import new_classifier
from thinset.training import TwoPhase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thinset.data import Dataset
    from thinset.duration import Duration
    from thinset.experiments.settings import TrainingSettings
    from thinset.results.arm import Arm


def replays(arm: Arm) -> bool:
    """Whether the arm trains by stored steps; OSError or ValueError if its folder is damaged."""
    if arm.is_ordinary:
        return False
    if arm.distilled is not None:
        return arm.distilled.has_steps
    if arm.data is None:
        return False
    return open_dataset(arm.data).schedule is not None


def require_replayable_arms(
    arms: Iterable[Arm],
    data: Dataset,
    training: TrainingSettings,
    *,
    splits: Sequence[float] = (),
    totals: Sequence[Duration] = (),
) -> None:
    """Raise ValueError, naming the arm, unless every distilled dataset can be replayed.

    An option about stored steps is refused for a folder without any: it would be a second arm that
    does the same. Checks the lengths as well, so that no arm fails after hours of others. For
    `data` and `training`, see require_replayable.
    """
    for arm in arms:
        if arm.data is not None and (arm.is_ordinary or arm.has_new_weights):
            _require_steps(arm)
        # What is distilled later is learned for the classifier of this training.
        if arm.data is None or not replays(arm):
            continue
        distilled = open_dataset(arm.data)
        try:
            require_replayable(distilled, data, training)
            for split in splits:
                for total in totals:
                    TwoPhase(data, distilled, split, total, replay=True)
        except ValueError as error:
            raise ValueError(f"{arm}: {error}. The arm {arm}:ordinary does not replay") from error


def _require_steps(arm: Arm) -> None:
    assert arm.data is not None
    if open_dataset(arm.data).schedule is None:
        option = "ordinary" if arm.is_ordinary else "new_weights"
        raise ValueError(
            f"{arm}: {option} does not apply: {arm.data} has no stored steps; use data:{arm.data}"
        )


def require_replayable(distilled: Dataset, data: Dataset, training: TrainingSettings) -> None:
    """Raise ValueError unless classifiers by `training` can be trained by the stored steps.

    `data`: what the classifier is made for. `training`: with every "auto" resolved.
    """
    prepared_for_replay(new_classifier(data, training, seed=0), distilled)
