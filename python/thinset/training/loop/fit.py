"""One training loop for everything: classifier or autoencoder, one phase or several."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from thinset.progress import ProgressBar
from thinset.training.learners.supervised import Learner
from thinset.training.loop.checkpoint import read_tensors
from thinset.training.loop.run import Run
from thinset.training.loop.schedule import Schedule
from thinset.training.loop.settings import RunSettings
from thinset.training.precision import resolve_device, resolve_precision
from thinset.training.randomness import private_layer_rng

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from torch import nn

    from thinset.data.batches import ImageRows
    from thinset.losses import Objective
    from thinset.training.learners.evaluate import ImageTransform
    from thinset.training.loop.history import History
    from thinset.training.loop.metrics_log import Log
    from thinset.training.loop.rates import LearningRate
    from thinset.training.loop.run import StoredState
    from thinset.training.loop.settings import RandomTransform
    from thinset.training.phases import Phase, TwoPhase


def fit(
    model: nn.Module,
    phases: TwoPhase | Sequence[Phase],
    *,
    loss: Objective,
    train_transform: RandomTransform,
    test_data: ImageRows | None = None,
    test_transform: ImageTransform | None = None,
    batch_size: int = 1024,
    learning_rate: LearningRate = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    ema_decay: float | None = 0.9999,
    seed: int = 0,
    device: torch.device | str = "auto",
    precision: str = "auto",
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
    """Train `model` in place through `phases` by stochastic gradient descent.

    What is trained:
    `loss`: see thinset.losses; called on `train_transform(images, generator)`, images being
    (B, C, H, W) as stored. `batch_size`: samples per step. `learning_rate`: a constant or a
    function of each phase's progress 0..1; a phase's own goes first. `weight_decay`: factor of L2
    regularisation, on `model.regularised_parameters()` where the model has that method and on all
    parameters elsewhere. `ema_decay`: see WeightAverage; None for no averaging.

    What is measured: `evaluations` times, evenly spaced over the schedule and the last at its end,
    the averaged weights are scored on `test_data` through `test_transform`. Nothing is chosen by
    these scores. `log` is called with the figures of each evaluation and the number of steps: the
    mean `train_loss` since the last, `learning_rate`, `test_loss` and `test_accuracy` (0..1) where
    there are any, `epoch` of the phase and wall-clock `seconds`.

    How long: phases in steps, epochs and samples last exactly that. Phases limited by time end
    with the first step that reaches it; the budget includes evaluations and, where given,
    `seconds_already_spent` on stages before this one. `clock` gives seconds.

    Where: `device` "auto" is CUDA where there is one. `precision` "auto" computes in bfloat16 where
    the device does so natively; weights stay float32. `resident`: see DeviceBatches.

    Safety: with `checkpoint_path` the whole state is written there at each evaluation, every
    `checkpoint_seconds`, and at the end; with `resume` a run goes on from there if the file exists.
    A resumed run of steps gives the same weights, bit for bit on the CPU, as an uninterrupted one.

    Several splits of one training: the state at the end of the first phase is written to
    `first_phase_path`, and where that file exists, training goes on from there. Trainings that
    differ only in where the same total is split, called from the shortest first phase to the
    longest, take each step of it once; what they give is what each would give alone. Only for
    totals in steps, and rates that do not depend on the split.

    On return the model is in evaluation mode with its averaged weights, which are the ones that
    were tested. The order of samples, augmentation and layers that draw random numbers (dropout)
    depend on `seed` alone, and torch's global generator is left as it was; the initial weights are
    the caller's. `show_progress` shows a bar, which bears the `label`.

    Raises ValueError for settings out of range, for a checkpoint that is damaged or of other
    settings, and (TrainingDivergedError) for a loss that is no longer finite; FileExistsError where
    a checkpoint exists and `resume` is false.
    """
    device = resolve_device(device)
    settings = RunSettings(
        loss=loss,
        train_transform=train_transform,
        test_transform=test_transform,
        batch_size=batch_size,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        ema_decay=ema_decay,
        seed=seed,
        device=device,
        dtype=resolve_precision(precision, device),
        resident=resident,
        evaluations=evaluations,
        checkpoint_seconds=checkpoint_seconds,
    )
    if (test_data is None) != (test_transform is None):
        raise ValueError("test_data and test_transform must be given together")
    path = None if checkpoint_path is None else Path(checkpoint_path)
    stored = None if path is None else _stored_state(path, resume=resume)
    if stored is not None:
        seconds_already_spent = float(stored[1]["seconds_already_spent"])
    first_phase = None if first_phase_path is None else Path(first_phase_path)
    stored_first_phase = None
    if stored is None and first_phase is not None and first_phase.exists():
        stored_first_phase = read_tensors(first_phase)
    schedule = Schedule(phases, batch_size=batch_size, seconds_already_spent=seconds_already_spent)
    if first_phase is not None and schedule.n_steps is None:
        raise ValueError("first_phase_path needs phases in steps, epochs or samples, not in time")
    try:
        with private_layer_rng(seed, device):
            run = Run(
                Learner(model, settings),
                schedule,
                settings,
                test_data=test_data,
                checkpoint_path=path,
                first_phase_path=first_phase,
                clock=clock,
                log=log,
            )
            if stored is not None:
                run.restore(*stored)
            elif stored_first_phase is not None:
                run.continue_first_phase(*stored_first_phase)
            with _progress_bar(label, schedule, enabled=show_progress) as bar:
                return run.train(bar)
    finally:
        # What safetensors and most other writers of weights insist on.
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _stored_state(path: Path, *, resume: bool) -> StoredState | None:
    if not path.exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{path} holds the checkpoint of a run; resume it or choose another path"
        )
    return read_tensors(path)


def _progress_bar(label: str, schedule: Schedule, *, enabled: bool) -> ProgressBar:
    if schedule.n_steps is not None:
        return ProgressBar(label, schedule.n_steps, unit="st", enabled=enabled)
    return ProgressBar(label, 100, unit="%", enabled=enabled)
