"""One training of one arm, and the record of it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from thinset.experiments.checkpoints import kept_until_done
from thinset.files.decoding import encode
from thinset.losses import classification
from thinset.models import Classifier
from thinset.results.hardware import describe_hardware, describe_versions
from thinset.results.metrics import described
from thinset.results.records import CurvePoint, FastPhase, PhaseRecord, RunRecord, Score
from thinset.training import (
    ClassBalanced,
    CosineRate,
    LossPruning,
    OneCycleRate,
    StepRate,
    TwoPhase,
    WarmUpRate,
    fit,
    save_weights,
)
from thinset.training.randomness import generator_for
from thinset.transforms.training import TestTransform, TrainTransform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.data import Dataset, EncodedDataset
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import TrainingSettings
    from thinset.results.arm import Arm
    from thinset.results.records import Comparison
    from thinset.training import Duration, Evaluation, History, Log, Order
    from thinset.training.loop.rates import LearningRate


@dataclass(frozen=True)
class Trial:
    """One training: its arm, comparison, seed and length.

    name: of its record. total: a budget in time includes preparation, except in the comparison by
    "training time". subset, split: the data of the fast phase and its share of the total; None
    without a fast phase; subset is also None if every pass draws its own n_samples. n_samples: in a
    pass of the fast phase. orders: see thinset.training.Phase. preparation_seconds: the preparation
    of this arm, by stage. n_full: the size of the dataset; None if fine-tuning uses the whole
    dataset.
    """

    name: str
    arm: Arm
    comparison: Comparison
    seed: int
    total: Duration
    subset: Dataset | None = None
    split: float | None = None
    n_samples: int = 0
    preparation_seconds: dict[str, float] = field(default_factory=dict)
    fast_order: Order | None = None
    fine_tuning_order: Order | None = None
    n_full: int | None = None

    @property
    def fast_phase(self) -> FastPhase | None:
        """The fast phase in the form of records."""
        return None if self.split is None else FastPhase(self.n_samples, self.split)


def fine_tuning_order(arm: Arm) -> Order | None:
    """The order of the passes of `arm` over everything; None for every sample, shuffled."""
    if arm.is_balanced:
        return ClassBalanced()
    return LossPruning() if arm.fine_tuning == "loss_pruning" else None


def train(
    trial: Trial,
    full: Dataset | EncodedDataset,
    test: Dataset,
    training: TrainingSettings,
    *,
    device: str,
    command: str,
    checkpoint_path: Path,
    first_phase_path: Path | None = None,
    log: Log | None = None,
    show_progress: bool,
) -> tuple[nn.Module, RunRecord]:
    """Train a classifier as `trial` says, resuming from its checkpoint if there is one.

    Initial weights, order of samples and augmentation depend on the seed alone: trials with the
    same seed start with the same weights. The caller removes the checkpoint after storing the
    record.
    """
    model = new_classifier(full, training, seed=trial.seed)
    counts_preparation = trial.comparison != "training time"
    history = fit(
        model,
        TwoPhase(
            full,
            full if trial.subset is None else trial.subset,
            trial.split or 0.0,
            trial.total,
            learning_rate=_rate(training),
            fast_order=trial.fast_order,
            fine_tuning_order=trial.fine_tuning_order,
        ),
        loss=classification,
        train_transform=train_transform(training),
        test_data=test,
        test_transform=TestTransform(crop=_crop(training)),
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        ema_decay=training.ema_decay,
        seed=trial.seed,
        device=device,
        precision=training.precision,
        resident=trial.arm.is_resident or None,
        evaluations=training.evaluations,
        checkpoint_path=checkpoint_path,
        first_phase_path=first_phase_path,
        resume=True,
        seconds_already_spent=(
            sum(trial.preparation_seconds.values()) if counts_preparation else 0.0
        ),
        log=log,
        show_progress=show_progress,
        label=trial.name,
    )
    return model, make_record(trial, history, full, training, command=command)


def train_and_keep(
    trial: Trial,
    full: Dataset | EncodedDataset,
    test: Dataset,
    training: TrainingSettings,
    folder: RunFolder,
    *,
    device: str,
    command: str,
    first_phase_path: Path | None = None,
    weights_path: Path | None = None,
    show_progress: bool,
) -> RunRecord:
    """Train as `train` does and save the record in `folder`, where the checkpoint is until then.

    Writes the model's weights to `weights_path`, if given. A record that `folder` already has is
    loaded.
    """
    path = folder.record(trial.name)
    if path.exists():
        return RunRecord.load(path)
    with kept_until_done(folder.checkpoint(trial.name)) as checkpoint:
        model, record = train(
            trial,
            full,
            test,
            training,
            device=device,
            command=command,
            checkpoint_path=checkpoint,
            first_phase_path=first_phase_path,
            show_progress=show_progress,
        )
        if weights_path is not None:
            save_weights(model, weights_path)
        record.save(path)
    return record


def new_classifier(
    data: Dataset | EncodedDataset, training: TrainingSettings, *, seed: int
) -> nn.Module:
    """Return the model named by the settings, with weights that depend only on the seed.

    Raises ValueError if the name does not refer to a callable.
    """
    height, width, channels = data.image_shape
    crop = _crop(training)
    image_shape = (height, width, channels) if crop is None else (crop, crop, channels)
    if training.model is None:
        generator = generator_for(seed, "classifier weights")
        first, second, *hidden = (round(training.width * width) for width in (64, 64, 384, 192))
        return Classifier(
            image_shape,
            data.n_classes,
            convolution_widths=(first, second),
            hidden_widths=(hidden[0], hidden[1]),
            generator=generator,
        )
    factory = _factory(training.model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            model = factory(image_shape, data.n_classes)
        except TypeError as error:
            raise ValueError(
                f"model {training.model!r} must take the image shape (H, W, C) and the number of "
                f"classes: {error}"
            ) from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"model {training.model!r} must return a torch.nn.Module, got {model!r}")
    return model


def require_model(name: str | None) -> None:
    """Raise ValueError if the settings name a model that cannot be called."""
    if name is not None:
        _factory(name)


def _factory(name: str) -> Callable[..., Any]:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(f"model must be MODULE:FUNCTION, such as my_models:small, got {name!r}")
    # As for a script, modules in the current folder are found.
    sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"model {name!r}: {error}") from error
    finally:
        sys.path.remove("")
    if not callable(factory):
        raise ValueError(f"model {name!r}: {module} has no callable named {attribute!r}")
    called: Callable[..., Any] = factory
    return called


def _rate(training: TrainingSettings) -> Callable[[float], float] | None:
    """The learning rate over both phases; None if it is the same throughout."""
    peak = training.learning_rate
    rates: dict[str, LearningRate] = {
        "constant": peak,
        "step": StepRate(peak),
        "cosine": CosineRate(peak),
        "one_cycle": OneCycleRate(peak),
    }
    rate = rates[training.schedule]
    if training.warm_up > 0:
        return WarmUpRate(rate, training.warm_up)
    return rate if callable(rate) else None


def train_transform(training: TrainingSettings) -> TrainTransform:
    values: dict[str, Any] = {
        key: getattr(training, key) for key in ("crop", "flip", "brightness", "contrast")
    }
    return TrainTransform(**values)


def _crop(training: TrainingSettings) -> int | None:
    assert not isinstance(training.crop, str)
    return training.crop


def make_record(
    trial: Trial,
    history: History,
    full: Dataset | EncodedDataset,
    training: TrainingSettings,
    *,
    command: str,
) -> RunRecord:
    """Combine the settings of the trial with its results."""
    final = _scores(history.final)
    names = {"fast": "subset", "fine-tuning": "full"}
    return RunRecord(
        arm=trial.arm,
        comparison=trial.comparison,
        seed=trial.seed,
        n_full=len(full) if trial.n_full is None else trial.n_full,
        n_trained=len(full),
        fast_phase=trial.fast_phase,
        total=trial.total,
        phases=tuple(
            PhaseRecord(phase.name, names[phase.name], phase.steps, phase.seconds)
            for phase in history.phases
        ),
        preparation_seconds=trial.preparation_seconds,
        metrics=described(*final),
        metric="accuracy",
        curve=tuple(
            CurvePoint(
                step=point.step,
                samples=point.samples,
                epoch=point.epoch,
                seconds=point.seconds,
                phase=point.phase,
                train_loss=point.train_loss,
                scores=dict(_scores(point)),
            )
            for point in history.curve
        ),
        final={name: Score(score) for name, score in final.items()},
        training_seconds=history.training_seconds,
        evaluation_seconds=history.evaluation_seconds,
        data_wait_seconds=history.data_wait_seconds,
        settings=encode(training),
        hardware=describe_hardware(),
        versions=describe_versions(),
        command=command,
    )


def _scores(evaluation: Evaluation) -> dict[str, float]:
    """Scores on test data, in the units of records: shares become percentages."""
    return {
        name: 100 * score if described(name)[name].unit == "%" else score
        for name, score in evaluation.scores.items()
    }
