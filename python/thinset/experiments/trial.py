"""One training of one arm, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.data import open_dataset
from thinset.data.soft_labels import class_numbers
from thinset.distillation.distilled_for import prepared_for_replay
from thinset.experiments.checkpoints import kept_until_done
from thinset.experiments.classifier import new_classifier
from thinset.experiments.prepare.data import print_note
from thinset.experiments.resized import resizing
from thinset.files.decoding import encode
from thinset.losses import LogitAdjusted, classification
from thinset.results.hardware import describe_hardware, describe_versions
from thinset.results.metrics import described
from thinset.results.records import (
    REPLAY,
    CurvePoint,
    FastPhase,
    PhaseRecord,
    RunRecord,
    Score,
)
from thinset.training import (
    ClassBalanced,
    CosineRate,
    EffectiveNumber,
    LossPruning,
    OneCycleRate,
    StepRate,
    TwoPhase,
    WarmUpRate,
    fit,
    save_weights,
)
from thinset.transforms.training import TestTransform, TrainTransform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from torch import nn

    from thinset.data import Dataset, EncodedDataset
    from thinset.experiments.run_folder import RunFolder
    from thinset.experiments.settings import TrainingSettings
    from thinset.losses import Objective
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
    dataset. replays: the subset is distilled, and the fast phase is its stored steps, once;
    new_weights: not from the initial weights that are stored with it.
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
    replays: bool = False
    new_weights: bool = False

    @property
    def fast_phase(self) -> FastPhase | None:
        """The fast phase in the form of records."""
        return None if self.split is None else FastPhase(self.n_samples, self.split)


def fine_tuning_order(arm: Arm) -> Order | None:
    """The order of the passes of `arm` over everything; None for every sample, shuffled."""
    if arm.is_balanced:
        return ClassBalanced()
    if arm.effective is not None:
        return EffectiveNumber(arm.effective)
    return LossPruning() if arm.fine_tuning == "loss_pruning" else None


def objective(arm: Arm, full: Dataset | EncodedDataset) -> Objective:
    """The loss of `arm`; class frequencies are those of the data that it trains on."""
    if arm.logit_adjusted is None:
        return classification
    require_countable_classes(arm, full)
    sizes = LogitAdjusted.class_sizes_of(full.labels, full.n_classes)
    return LogitAdjusted(sizes, arm.logit_adjusted)


def require_countable_arms(arms: Iterable[Arm], data: Dataset) -> None:
    """Raise ValueError, naming the arm, unless the classes of all that it trains on can be counted.

    Before any training, not after hours of others. `data`: the training data.
    """
    for arm in arms:
        if arm.needs_labels:
            require_countable_classes(arm, data)
            if arm.added is not None:
                require_countable_classes(arm, open_dataset(arm.added))


def require_enough_samples(sizes: Iterable[float], data: Dataset) -> None:
    """Raise ValueError for the size of a subset that is a count of more than all samples.

    Before any training, and before an encoder is trained. `data`: the training data.
    """
    for size in sizes:
        if size > len(data):
            raise ValueError(
                "the size of a subset must be at most the number of training samples, "
                f"{len(data)}, got {size}"
            )


def require_countable_classes(arm: Arm, data: Dataset | EncodedDataset) -> None:
    """Raise ValueError unless `data` have what an arm that counts classes needs."""
    if not arm.needs_labels:
        return
    if data.labels is None:
        raise ValueError(f"the arm {arm} needs a class label for each sample; {data.name} has none")
    # Balanced passes choose samples by their labels; the loss may use soft labels.
    if not arm.is_balanced and getattr(data, "soft_labels", None) is not None:
        raise ValueError(
            f"the arm {arm} needs class labels alone, but {data.name} has soft labels, by which it "
            "is trained; remove them, or use balanced instead"
        )


def train(
    trial: Trial,
    full: Dataset | EncodedDataset,
    test: Dataset,
    training: TrainingSettings,
    *,
    device: str,
    command: str,
    checkpoint_path: Path,
    validation: Dataset | None = None,
    first_phase_path: Path | None = None,
    log: Log | None = None,
    show_progress: bool,
) -> tuple[nn.Module, RunRecord]:
    """Train a classifier as `trial` says, resuming from its checkpoint if there is one.

    Initial weights, order of samples and augmentation depend on the seed alone: trials with the
    same seed start with the same weights, except those that are stored with a distilled dataset.
    `validation` is scored at each evaluation and decides
    which weights training.keep = "best" keeps. The caller removes the checkpoint after storing the
    record.
    """
    model = new_classifier(full, training, seed=trial.seed)
    training = standardised_for(model, training)
    if trial.replays:
        assert trial.subset is not None
        model = prepared_for_replay(model, trial.subset, new_weights=trial.new_weights)
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
            replay=trial.replays,
        ),
        loss=objective(trial.arm, full),
        train_transform=train_transform(training),
        test_data=test,
        test_transform=scoring_transform(training),
        validation_data=validation,
        keep=training.keep,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        optimizer=training.optimizer,
        momentum=training.momentum,
        # Adam is used at its defaults.
        weight_decay=training.weight_decay if training.optimizer == "sgd" else 0.0,
        ema_decay=training.ema_decay or None,
        seed=trial.seed,
        device=device,
        precision=training.precision,
        resizing=resizing(trial.arm),
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
    if show_progress:
        _note_if_guessing(trial.name, history, test)
    return model, make_record(trial, history, full, training, command=command)


def _note_if_guessing(name: str, history: History, test: Dataset) -> None:
    """Print a note if the model is no better than always naming the commonest class."""
    labels = class_numbers(test)
    accuracy = history.final.test_accuracy
    if labels is None or accuracy is None:
        return
    commonest = np.bincount(labels).max() / len(labels)
    if accuracy <= commonest < 1:
        print_note(
            f"{name} ends at a test accuracy of {100 * accuracy:.2f} %, no better than guessing; "
            "try --schedule one_cycle or a lower --learning-rate, or train for longer"
        )


def standardised_for(model: nn.Module, training: TrainingSettings) -> TrainingSettings:
    """The settings with `standardise` resolved: off for models that standardise images inside."""
    if training.standardise != "auto":
        return training
    return replace(training, standardise=not hasattr(model, "standardise_by"))


def train_and_keep(
    trial: Trial,
    full: Dataset | EncodedDataset,
    test: Dataset,
    training: TrainingSettings,
    folder: RunFolder,
    *,
    device: str,
    command: str,
    validation: Dataset | None = None,
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
            validation=validation,
            first_phase_path=first_phase_path,
            show_progress=show_progress,
        )
        if weights_path is not None:
            save_weights(model, weights_path)
        record.save(path)
    return record


def _rate(training: TrainingSettings) -> Callable[[float], float] | None:
    """The learning rate over both phases; None if it is the same throughout."""
    peak, rises = training.learning_rate, training.warm_up > 0
    rates: dict[str, LearningRate] = {
        "constant": peak,
        "step": StepRate(peak),
        "cosine": CosineRate(peak),
        "one_cycle": OneCycleRate(peak, training.warm_up) if rises else OneCycleRate(peak),
    }
    rate = rates[training.schedule]
    if rises and training.schedule != "one_cycle":
        return WarmUpRate(rate, training.warm_up)
    return rate if callable(rate) else None


def train_transform(training: TrainingSettings) -> TrainTransform:
    """The transform of training images; no setting of it may be "auto" any more."""
    names = ("padding", "crop", "flip", "brightness", "contrast", "standardise")
    values: dict[str, Any] = {name: getattr(training, name) for name in names}
    return TrainTransform(**values)


def scoring_transform(training: TrainingSettings) -> TestTransform:
    """The transform of test and validation images, by the same settings."""
    values: dict[str, Any] = {name: getattr(training, name) for name in ("crop", "standardise")}
    return TestTransform(**values)


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
    names = {"fast": "subset", REPLAY: "subset", "fine-tuning": "full"}
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
    """Scores by metric, in the units of records: shares become percentages.

    Those on validation data follow those on test data.
    """
    scores = {
        **evaluation.scores,
        **{f"validation {name}": score for name, score in evaluation.validation_scores.items()},
    }
    return {
        name: 100 * score if described(name)[name].unit == "%" else score
        for name, score in scores.items()
    }
