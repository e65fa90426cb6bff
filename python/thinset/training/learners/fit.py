"""Training one model by gradient descent: classifier or autoencoder, one phase or several."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from thinset.training.learners.supervised import SupervisedLearner
from thinset.training.loop.train import train

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from torch import nn

    from thinset.data.batches import ImageRows
    from thinset.losses import Objective
    from thinset.training.learners.evaluate import ImageTransform
    from thinset.training.learners.optimiser import OptimizerName
    from thinset.training.learners.supervised import RandomTransform
    from thinset.training.loop.history import History
    from thinset.training.loop.metrics_log import Log
    from thinset.training.loop.rates import LearningRate
    from thinset.training.loop.settings import Keep
    from thinset.training.phases import Phase, TwoPhase
    from thinset.transforms import ProgressiveResizing


def fit(
    model: nn.Module,
    phases: TwoPhase | Sequence[Phase],
    *,
    loss: Objective,
    train_transform: RandomTransform,
    test_data: ImageRows | None = None,
    test_transform: ImageTransform | None = None,
    validation_data: ImageRows | None = None,
    keep: Keep = "last",
    batch_size: int = 1024,
    learning_rate: LearningRate = 0.1,
    optimizer: OptimizerName = "sgd",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    ema_decay: float | None = 0.9999,
    seed: int = 0,
    device: torch.device | str = "auto",
    precision: str = "auto",
    resizing: ProgressiveResizing | None = None,
    resident: bool | None = None,
    evaluations: int = 10,
    checkpoint_path: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    first_phase_path: str | os.PathLike[str] | None = None,
    resume: bool = False,
    seconds_already_spent: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    log: Log | None = None,
    show_progress: bool = False,
    label: str = "training",
) -> History:
    """Train `model` in place through `phases` by gradient descent.

    What is trained:
    `loss`: see thinset.losses; called on `train_transform(images, generator)`, images being
    (B, C, H, W) as stored. `optimizer`: "sgd" with `momentum` (see torch.optim.SGD), or "adam" with
    torch's defaults, the learning rate excepted. `weight_decay`: factor of L2
    regularisation, on `model.regularised_parameters()` where the model has that method and on all
    parameters elsewhere. `ema_decay`: see WeightAverage; None for no averaging. `resizing`: makes
    training images smaller at first in each phase, see thinset.transforms.ProgressiveResizing; None
    for full size throughout.

    What is measured: at each of the `evaluations` the averaged weights are scored on
    `validation_data` and `test_data`, where given, through `test_transform`: "loss", and "accuracy"
    (0..1) where the loss counts correct predictions. With `keep="best"` the weights with the
    highest accuracy on validation data, or the lowest loss where there is no accuracy, are kept.

    Where: `device` "auto" is CUDA where there is one. `precision` "auto" computes in bfloat16 where
    the device does so natively; weights stay float32.

    All other arguments: see `train`. `seed` also determines the augmentation; the initial weights
    are the caller's.

    On return the model is in evaluation mode with averaged weights: those of the last evaluation
    or the best one, as `keep` says.

    Raises ValueError for settings out of range, for `keep="best"` without `validation_data`, for a
    checkpoint that is damaged, of other settings or of another version of thinset, and
    (TrainingDivergedError) for a loss that is not finite; FileExistsError if a checkpoint
    exists and `resume` is false.
    """
    if (test_data is None and validation_data is None) != (test_transform is None):
        raise ValueError(
            "test_transform and data to score (test_data, validation_data) must be given together"
        )
    try:
        learner = SupervisedLearner(
            model,
            loss=loss,
            train_transform=train_transform,
            test_transform=test_transform,
            batch_size=batch_size,
            optimizer=optimizer,
            momentum=momentum,
            weight_decay=weight_decay,
            ema_decay=ema_decay,
            seed=seed,
            device=device,
            precision=precision,
            resizing=resizing,
        )
        return train(
            learner,
            phases,
            learning_rate=learning_rate,
            test_data=test_data,
            validation_data=validation_data,
            keep=keep,
            batch_size=batch_size,
            seed=seed,
            resident=resident,
            evaluations=evaluations,
            checkpoint_path=checkpoint_path,
            checkpoint_seconds=checkpoint_seconds,
            first_phase_path=first_phase_path,
            resume=resume,
            seconds_already_spent=seconds_already_spent,
            clock=clock,
            log=log,
            show_progress=show_progress,
            label=label,
        )
    finally:
        # What safetensors and most other writers of weights require.
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
