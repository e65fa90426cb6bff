"""The training loop: drives any learner through one phase or several."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from thinset.progress import ProgressBar
from thinset.training.loop.protocol import require_learner, require_replayable
from thinset.training.loop.run import Run
from thinset.training.loop.schedule import Schedule
from thinset.training.loop.settings import LoopSettings
from thinset.training.loop.stored_run import StoredRun
from thinset.training.phases import StepSizesUnusedWarning, schedule_of
from thinset.training.randomness import private_layer_rng

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from thinset.data.batches import ImageRows
    from thinset.training.learners.learner import Learner
    from thinset.training.loop.history import History
    from thinset.training.loop.metrics_log import Log
    from thinset.training.loop.rates import LearningRate
    from thinset.training.loop.settings import Keep
    from thinset.training.phases import Phase, TwoPhase


def train(
    learner: Learner,
    phases: TwoPhase | Sequence[Phase],
    *,
    learning_rate: LearningRate,
    test_data: ImageRows | None = None,
    validation_data: ImageRows | None = None,
    keep: Keep = "last",
    batch_size: int = 1024,
    seed: int = 0,
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
    """Train `learner` through `phases`; `fit` does this for one model and gradient descent.

    `learning_rate`: a constant or a function of each phase's progress 0..1; a phase's own takes
    precedence. `batch_size`: samples per step. `seed`: of the order of samples and of layers that
    draw random numbers (dropout); torch's global generator is left as it was. `resident`: see
    DeviceBatches.

    Evaluation: `evaluations` times, evenly spaced over the schedule and the last at its end, the
    learner scores its weights on `validation_data` and `test_data`, where given. `log` is called
    with the figures of each evaluation and the number of steps: the mean `train_loss` since the
    last, `validation_NAME` and `test_NAME` for each metric, `learning_rate`, `epoch` of the phase
    and wall-clock `seconds`.

    Which weights are left: with `keep` "last" those of the end. With "best" those with the best
    score on `validation_data`, in the metric that the learner's `goal` names; of equal scores the
    earlier. `History.best` says which evaluation that was, and `History.final` holds its scores.
    Test data never chooses.

    How long: phases in steps, epochs and samples last exactly that. Phases limited by time end
    with the first step that reaches it; the budget includes evaluations and, where given,
    `seconds_already_spent` on stages before this one. `clock` gives seconds.

    Checkpoints: with `checkpoint_path` the whole state is written there at each evaluation, every
    `checkpoint_seconds`, and at the end; with `resume` a run continues from that file if it exists.
    A resumed run of steps gives the same weights, bit for bit on the CPU, as an uninterrupted one.

    Distilled data: a Replay phase trains by the steps that are stored with its dataset. Other
    phases on such a dataset give a StepSizesUnusedWarning.

    Several splits of one training: the state at the end of the first phase is written to
    `first_phase_path`; where that file exists, training continues from it. Trainings that differ
    only in where the same total is split, called from the shortest first phase to the longest, take
    each step of it once, with the results that each would have alone. Only for totals in steps, and
    rates that do not depend on the split.

    `show_progress` shows a bar with the text `label`.

    Raises ValueError for settings out of range, for "best" without `validation_data`, for a
    checkpoint that is damaged, of other settings or of another version of thinset, for a Replay on
    networks with batch statistics, and (TrainingDivergedError) for a loss or score that is not
    finite; FileExistsError if a checkpoint exists and `resume` is false.
    """
    settings = LoopSettings(
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        resident=resident,
        evaluations=evaluations,
        checkpoint_seconds=checkpoint_seconds,
        keep=keep,
    )
    if keep == "best" and validation_data is None:
        raise ValueError('keep="best" needs validation_data: test data must not choose the weights')
    require_learner(learner)
    path = None if checkpoint_path is None else Path(checkpoint_path)
    stored = None if path is None else _stored_run(path, resume=resume)
    if stored is not None:
        seconds_already_spent = stored.seconds_already_spent
    first_phase = None if first_phase_path is None else Path(first_phase_path)
    stored_first_phase = None
    if stored is None and first_phase is not None and first_phase.exists():
        stored_first_phase = StoredRun.read(first_phase)
    schedule = Schedule(phases, batch_size=batch_size, seconds_already_spent=seconds_already_spent)
    if any(stage.phase.replays for stage in schedule.stages):
        require_replayable(learner)
    if getattr(learner, "uses_labels", False):
        _warn_of_unused_step_sizes([stage.phase for stage in schedule.stages])
    if first_phase is not None and schedule.n_steps is None:
        raise ValueError("first_phase_path needs phases in steps, epochs or samples, not in time")
    with private_layer_rng(seed, learner.device):
        run = Run(
            learner,
            schedule,
            settings,
            test_data=test_data,
            validation_data=validation_data,
            checkpoint_path=path,
            first_phase_path=first_phase,
            clock=clock,
            log=log,
        )
        if stored is not None:
            run.restore(stored)
        elif stored_first_phase is not None:
            run.continue_first_phase(stored_first_phase)
        with _progress_bar(label, schedule, enabled=show_progress) as bar:
            return run.train(bar)


def _warn_of_unused_step_sizes(phases: Sequence[Phase]) -> None:
    known = {id(phase.dataset) for phase in phases if phase.replays}
    for phase in phases:
        if schedule_of(phase.dataset) is not None and id(phase.dataset) not in known:
            known.add(id(phase.dataset))
            # At one place for all trainings, so that Python shows it once.
            warnings.warn(StepSizesUnusedWarning.about(phase.dataset), stacklevel=1)


def _stored_run(path: Path, *, resume: bool) -> StoredRun | None:
    if not path.exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{path} holds the checkpoint of a run; resume it or choose another path"
        )
    return StoredRun.read(path)


def _progress_bar(label: str, schedule: Schedule, *, enabled: bool) -> ProgressBar:
    if schedule.n_steps is not None:
        return ProgressBar(label, schedule.n_steps, unit="st", enabled=enabled)
    return ProgressBar(label, 100, unit="%", enabled=enabled)
