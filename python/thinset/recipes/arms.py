"""The arms of a comparison: selected subset, random subset, full data; one run of one arm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from thinset.augmentation.traditional import TestTransform, TrainTransform
from thinset.losses import classification
from thinset.models import Classifier
from thinset.report.hardware import describe_hardware, describe_versions
from thinset.report.records import CurvePoint, FinalScore, PhaseRecord, RunRecord
from thinset.training import TwoPhase, fit
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from pathlib import Path

    from thinset.data import Dataset
    from thinset.recipes.preparation import TrainAndTest
    from thinset.recipes.schema import RunSettings, TrainingSettings
    from thinset.report.records import Arm, Comparison
    from thinset.training import History


@dataclass(frozen=True)
class ArmRun:
    """One training: which arm, compared how, with which seed, for how long.

    preparation_seconds: what this arm needed before training, by stage; it counts in every figure
    of wall-clock time. subset is None in the full arm.
    """

    arm: Arm
    comparison: Comparison
    method: str
    seed: int
    total: str
    subset: Dataset | None
    preparation_seconds: dict[str, float]

    @property
    def name(self) -> str:
        return f"{self.comparison}-{self.arm}-seed{self.seed}"


def train_arm(
    run: ArmRun,
    data: TrainAndTest,
    settings: RunSettings,
    *,
    device: str,
    command: str,
    checkpoint_path: Path,
    show_progress: bool,
) -> tuple[Classifier, RunRecord]:
    """Train the paper's classifier as `run` says, going on from its checkpoint if there is one.

    Initial weights, order of samples and augmentation depend on the seed alone: arms of one seed
    begin with the same weights. The checkpoint is the caller's to remove, once the record is kept.
    """
    training = settings.training
    model = new_classifier(data.train, training, seed=run.seed)
    subset = data.train if run.subset is None else run.subset
    split = 0.0 if run.subset is None else settings.split
    checkpoint_path.parent.mkdir(parents=True, exist_ok=True)
    history = fit(
        model,
        TwoPhase(data.train, subset, split, run.total),
        loss=classification,
        train_transform=train_transform(training),
        test_data=data.test,
        test_transform=TestTransform(crop=_crop(training)),
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        ema_decay=training.ema_decay,
        seed=run.seed,
        device=device,
        precision=training.precision,
        evaluations=training.evaluations,
        checkpoint_path=checkpoint_path,
        resume=True,
        seconds_already_spent=sum(run.preparation_seconds.values()),
        show_progress=show_progress,
        label=run.name,
    )
    return model, make_record(run, history, data.train, settings, command=command)


def new_classifier(data: Dataset, training: TrainingSettings, *, seed: int) -> Classifier:
    height, width, channels = data.image_shape
    crop = _crop(training)
    image_shape = (height, width, channels) if crop is None else (crop, crop, channels)
    return Classifier(
        image_shape, data.n_classes, generator=generator_for(seed, "classifier weights")
    )


def train_transform(training: TrainingSettings) -> TrainTransform:
    values: dict[str, Any] = {
        key: getattr(training, key) for key in ("crop", "flip", "brightness", "contrast")
    }
    return TrainTransform(**values)


def _crop(training: TrainingSettings) -> int | None:
    assert not isinstance(training.crop, str)
    return training.crop


def make_record(
    run: ArmRun, history: History, full: Dataset, settings: RunSettings, *, command: str
) -> RunRecord:
    """Put what happened beside what was asked for."""
    last = history.curve[-1]
    assert last.test_accuracy is not None
    names = {"fast": "subset", "fine-tuning": "full"}
    return RunRecord(
        arm=run.arm,
        comparison=run.comparison,
        method=run.method,
        seed=run.seed,
        n_subset=len(full) if run.subset is None else len(run.subset),
        n_full=len(full),
        split=0.0 if run.subset is None else settings.split,
        total=run.total,
        phases=tuple(
            PhaseRecord(phase.name, names[phase.name], phase.steps, phase.seconds)
            for phase in history.phases
        ),
        preparation_seconds=run.preparation_seconds,
        curve=tuple(
            CurvePoint(
                step=point.step,
                samples=point.samples,
                epoch=point.epoch,
                seconds=point.seconds,
                phase=point.phase,
                train_loss=point.train_loss,
                test_loss=point.test_loss,
                test_accuracy=_percent(point.test_accuracy),
            )
            for point in history.curve
        ),
        final=FinalScore(100 * last.test_accuracy, last.test_loss),
        training_seconds=history.training_seconds,
        evaluation_seconds=history.evaluation_seconds,
        data_wait_seconds=history.data_wait_seconds,
        settings=asdict(settings),
        hardware=describe_hardware(),
        versions=describe_versions(),
        command=command,
    )


def _percent(accuracy: float | None) -> float | None:
    return None if accuracy is None else 100 * accuracy
