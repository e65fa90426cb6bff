"""The smallest grid of trainings, on the embedded digits."""

from __future__ import annotations

from thinset.duration import Duration
from thinset.experiments.cells import cells_of
from thinset.experiments.settings import EncoderSettings, StudySettings, TrainingSettings
from thinset.results import Arm


def arms(*texts: str) -> tuple[Arm, ...]:
    return tuple(map(Arm.parse, texts))


def lengths(*texts: str) -> tuple[Duration, ...]:
    return tuple(map(Duration.parse, texts))


SETTINGS = StudySettings(
    arms=arms("full", "random", "topk", "repeated_random", "loss_pruning"),
    seeds=(0, 1),
    sizes=(100,),
    splits=(0.0, 0.5, 1.0),
    totals=lengths("6st"),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=1),
)


def names(settings: StudySettings) -> list[str]:
    return [cell.name for cell in cells_of(settings)]
