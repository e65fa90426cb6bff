"""One training run through its schedule: steps, evaluations, checkpoints and their times."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, cast

from thinset.data.batches import DeviceBatches
from thinset.data.matching_splits import not_finite_image
from thinset.training.arguments import is_number, shown
from thinset.training.loop.history import Best, Evaluation, History, PhaseTotals
from thinset.training.loop.identity import first_phase_identity, run_identity
from thinset.training.loop.protocol import (
    as_goal,
    as_loss_sum,
    as_losses,
    as_scores,
    as_tensors,
)
from thinset.training.loop.rates import rate_at
from thinset.training.loop.settings import require_same_settings
from thinset.training.loop.stored_run import Place, StoredRun
from thinset.training.randomness import generator_for, layer_rng_state, set_layer_rng_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch

    from thinset.data.batches import Batch, ImageRows
    from thinset.progress import ProgressBar
    from thinset.training.learners.learner import FollowingLearner, Learner, ReplayingLearner
    from thinset.training.loop.metrics_log import Log
    from thinset.training.loop.schedule import Schedule, Stage
    from thinset.training.loop.settings import LoopSettings


class TrainingDivergedError(ValueError):
    """A loss or another score is no longer a finite number."""


class Run:
    """One training run; `train` is its only user and documents the arguments."""

    def __init__(
        self,
        learner: Learner,
        schedule: Schedule,
        settings: LoopSettings,
        *,
        test_data: ImageRows | None,
        validation_data: ImageRows | None,
        checkpoint_path: Path | None,
        first_phase_path: Path | None,
        clock: Callable[[], float],
        log: Log | None,
    ) -> None:
        self._learner = learner
        self._schedule = schedule
        self._settings = settings
        self._test_data = test_data
        self._validation_data = validation_data
        self._checkpoint_path = checkpoint_path
        self._first_phase_path = first_phase_path
        self._clock = clock
        self._log = log
        self._batches: DeviceBatches | None = None
        self._place = Place()
        self._history = History(seconds=schedule.seconds_already_spent)
        self._best_weights: dict[str, torch.Tensor] = {}
        self._never_finite = frozenset(self._weights_not_finite())
        self._last_lap = self._last_save = clock()
        self._last_rate: float | None = None

    def train(self, bar: ProgressBar) -> History:
        """Train from where the run is to the schedule's end."""
        self._learner.start()
        while self._place.stage < len(self._schedule.stages):
            self._train_stage(bar)
            if self._place.stage == 0 and self._first_phase_path is not None:
                self._write(self._first_phase_path, self._first_phase_identity)
            self._leave_stage()
        self._learner.finish(self._best_weights or None)
        return self._history

    def restore(self, stored: StoredRun) -> None:
        """Go back to where a checkpoint was written; ValueError if it is of another run."""
        assert self._checkpoint_path is not None
        require_same_settings(self._identity, stored.identity, self._checkpoint_path)
        self._load(stored, self._checkpoint_path)

    def continue_first_phase(self, stored: StoredRun) -> None:
        """Continue the first phase of a training that differs only in what came after it.

        Raises ValueError if it differs in more, or its first phase was longer than this one.
        """
        path = self._first_phase_path
        assert path is not None
        require_same_settings(self._first_phase_identity, stored.identity, path)
        n_steps = self._schedule.stages[0].n_steps
        assert n_steps is not None
        if stored.place.steps > n_steps:
            raise ValueError(
                f"{path} is of a first phase of {stored.place.steps} steps; this one must be at "
                f"least as long, got {n_steps}"
            )
        self._load(stored, path)

    def _load(self, stored: StoredRun, path: Path) -> None:
        try:
            self._learner.load(stored.learner, path)
        except KeyError as error:
            name = type(self._learner).__name__
            raise ValueError(f"{path} lacks the tensor {error} of {name}") from error
        self._place = stored.place
        self._history = stored.history
        self._best_weights = stored.best
        self._batches = self._open_batches(self._schedule.stages[self._place.stage])
        self._batches.load_state_dict(stored.batches)
        set_layer_rng_state(self._learner.device, stored.layer_generator)

    def _train_stage(self, bar: ProgressBar) -> None:
        stage = self._schedule.stages[self._place.stage]
        if len(self._history.phases) == self._place.stage:
            name = str(getattr(stage.phase.dataset, "name", type(stage.phase.dataset).__name__))
            self._history.phases.append(PhaseTotals(stage.phase.name, name))
        batches = self._batches = self._batches or self._open_batches(stage)
        # At least one step, however little time there is: a run without steps has no result.
        while (done := self._done(stage)) < 1 or self._history.steps == 0:
            batches.progress = done
            if hasattr(self._learner, "set_progress"):
                cast("FollowingLearner", self._learner).set_progress(done)
            self._last_rate = _learning_rate(stage, done, self._settings)
            self._step(batches, self._last_rate, is_stored=stage.phase.replays)
            progress = self._schedule.progress(self._place.stage, self._done(stage))
            bar.update_to(self._history.steps if self._schedule.n_steps else 100 * progress)
            # The small term keeps 0.3 * 10 = 2.9999999999999996 from being reached a step late.
            n_due = math.floor(progress * self._settings.evaluations + 1e-9)
            if n_due > self._place.n_evaluations:
                self._place.n_evaluations = n_due
                self._report(bar)
                self._save()
            elif self._clock() - self._last_save >= self._settings.checkpoint_seconds:
                self._save()
        # Where an earlier stage used up all of the time, its last steps are not evaluated yet.
        if stage is self._schedule.stages[-1] and self._place.n_unreported > 0:
            self._report(bar)
            self._save()

    def _leave_stage(self) -> None:
        stage = self._schedule.stages[self._place.stage]
        self._batches = None
        self._place.stage += 1
        self._place.steps = 0
        # A stage limited by time that overran takes the excess from the next, not from the budget.
        if stage.seconds is not None:
            self._place.began += stage.seconds
        elif not stage.phase.replays:  # stored steps are part of the next stage's time
            self._place.began = self._elapsed

    def _open_batches(self, stage: Stage) -> DeviceBatches:
        settings = self._settings
        dataset, order = stage.phase.dataset, stage.phase.order
        return DeviceBatches(
            dataset,
            device=self._learner.device,
            # Each pass of a replay is one step, of the rows that are stored for it.
            batch_size=None if stage.phase.replays else settings.batch_size,
            generator=generator_for(settings.seed, f"order of phase {self._place.stage}"),
            passes=None if order is None else order.over(dataset),
            channels_last=True,
            resident=settings.resident,
        )

    @property
    def _elapsed(self) -> float:
        return self._history.seconds - self._schedule.seconds_already_spent

    def _lap(self) -> float:
        now = self._clock()
        seconds = now - self._last_lap
        self._last_lap = now
        self._history.seconds += seconds
        return seconds

    def _done(self, stage: Stage) -> float:
        return stage.done(self._place.steps, self._elapsed - self._place.began)

    def _step(self, batches: DeviceBatches, learning_rate: float, *, is_stored: bool) -> None:
        totals = self._history.phases[-1]
        batch = next(batches)
        waited = self._lap()
        self._history.data_wait_seconds += waited
        if is_stored:
            learner = cast("ReplayingLearner", self._learner)  # `train` has made sure
            returned = learner.replay_step(batch, step_size=learning_rate)
        else:
            returned = self._taken_step(batch, learning_rate)
        losses = as_losses(self._learner, returned, len(batch.images))
        batches.observe(batch, losses)
        totals.seconds += waited + self._lap()
        totals.steps += 1
        self._history.steps += 1
        self._history.samples += len(batch.images)
        self._place.steps += 1
        self._place.n_unreported += 1

    def _taken_step(self, batch: Batch, learning_rate: float) -> torch.Tensor:
        try:
            return self._learner.step(
                batch, learning_rate=learning_rate, n_before=self._history.steps
            )
        except RuntimeError as error:
            # What torch says of a rate, or a multiple of one, that float32 cannot hold.
            if "without overflow" not in str(error):
                raise
            raise TrainingDivergedError(
                f"training diverged: a number in step {self._history.steps + 1} is too large for "
                f"the weights; use a lower learning rate than {learning_rate:g}"
            ) from error

    def _report(self, bar: ProgressBar) -> None:
        # Reading the loss waits for the device: that time still belongs to the steps.
        loss_sum = as_loss_sum(self._learner, self._learner.take_loss_sum())
        train_loss = loss_sum / self._place.n_unreported
        self._history.phases[-1].seconds += self._lap()
        if not math.isfinite(train_loss):
            what = f"the training loss is {train_loss}"
            raise self._divergence(what, "a lower learning rate may help")
        validation_scores = self._scores("validation", self._validation_data)
        scores = self._scores("test", self._test_data)
        self._history.evaluation_seconds += self._lap()
        self._place.n_unreported = 0
        evaluation = self._evaluation(train_loss, scores, validation_scores)
        self._history.curve.append(evaluation)
        if self._settings.keep == "best":
            self._keep_if_best(evaluation)
        if self._log is not None:
            self._log(self._figures(evaluation), evaluation.step)
        bar.update(0, **{**(scores or validation_scores), "loss": train_loss})

    def _divergence(self, what: str, remedy: str) -> TrainingDivergedError:
        """`what` went wrong, and its cause: images that hold no numbers, or else what to do."""
        phase = self._schedule.stages[self._place.stage].phase
        if phase.replays:
            remedy = "the stored steps do not suit this network, or are damaged"
        fault = not_finite_image(phase.dataset)
        cause = remedy if fault is None else f"{self._history.phases[-1].dataset}: {fault}"
        return TrainingDivergedError(f"{what} after step {self._history.steps}; {cause}")

    def _scores(self, name: str, data: ImageRows | None) -> dict[str, float]:
        if data is None:
            return {}
        scores = as_scores(self._learner, self._learner.score(data))
        self._require_finite(name, scores)
        return scores

    def _require_finite(self, name: str, scores: Mapping[str, float]) -> None:
        for metric, score in scores.items():
            if not math.isfinite(score):
                what = f"the {name} {metric} is {score}"
                raise self._divergence(what, "a lower learning rate may help")

    def _keep_if_best(self, evaluation: Evaluation) -> None:
        scores = evaluation.validation_scores
        goal = as_goal(self._learner, self._learner.goal(scores))
        if goal.metric not in scores:
            raise ValueError(
                f"the learner's goal must be one of its scores {', '.join(scores) or 'none'}, "
                f"got {goal.metric!r}"
            )
        score, best = scores[goal.metric], self._history.best
        if best is None or goal.is_better(score, best.score):
            self._history.best = Best(goal.metric, score, evaluation.step)
            self._best_weights = {
                name: weight.detach().to("cpu", copy=True)
                for name, weight in self._weights().items()
            }

    def _figures(self, evaluation: Evaluation) -> dict[str, float]:
        figures = {"train_loss": evaluation.train_loss}
        for prefix in ("validation", "test"):
            scores = evaluation.scores if prefix == "test" else evaluation.validation_scores
            figures.update({f"{prefix}_{metric}": score for metric, score in scores.items()})
        if self._last_rate is not None:
            figures["learning_rate"] = self._last_rate
        return {**figures, "epoch": evaluation.epoch, "seconds": evaluation.seconds}

    def _evaluation(
        self, train_loss: float, scores: dict[str, float], validation_scores: dict[str, float]
    ) -> Evaluation:
        assert self._batches is not None
        return Evaluation(
            step=self._history.steps,
            samples=self._history.samples,
            epoch=self._batches.samples_drawn / self._batches.n_samples,
            seconds=self._history.seconds,
            phase=self._history.phases[-1].name,
            train_loss=train_loss,
            scores=scores,
            validation_scores=validation_scores,
        )

    def _save(self) -> None:
        if self._checkpoint_path is not None:
            self._write(self._checkpoint_path, self._identity)
        self._last_save = self._clock()

    def _write(self, path: Path, identity: dict[str, Any]) -> None:
        assert self._batches is not None
        self._require_finite_weights()
        StoredRun(
            identity=identity,
            seconds_already_spent=self._schedule.seconds_already_spent,
            place=self._place,
            history=self._history,
            batches=self._batches.state_dict(),
            layer_generator=layer_rng_state(self._learner.device),
            learner=as_tensors(self._learner, "tensors", self._learner.tensors()),
            best=self._best_weights,
        ).write(path)
        # Part of the run's time, since the user waits for it, but of no step's.
        self._lap()

    def _require_finite_weights(self) -> None:
        """Keep the last good checkpoint; the loss would show the fault at the next evaluation."""
        for name in self._weights_not_finite():
            if name not in self._never_finite:
                what = f"training diverged: {name} is not finite"
                raise self._divergence(what, "use a lower learning rate")

    def _weights(self) -> Mapping[str, torch.Tensor]:
        return as_tensors(self._learner, "weights", self._learner.weights())

    def _weights_not_finite(self) -> list[str]:
        # Before the first step, these are buffers such as an attention mask with -inf.
        return [
            name
            for name, weight in self._weights().items()
            if weight.is_floating_point() and not bool(weight.isfinite().all())
        ]

    @functools.cached_property
    def _identity(self) -> dict[str, Any]:
        # Computed once: digests of datasets in memory take time.
        return run_identity(
            self._learner,
            self._schedule,
            self._settings,
            test_data=self._test_data,
            validation_data=self._validation_data,
        )

    @functools.cached_property
    def _first_phase_identity(self) -> dict[str, Any]:
        return first_phase_identity(self._identity, self._schedule)


def _learning_rate(stage: Stage, done: float, settings: LoopSettings) -> float:
    rate = stage.phase.learning_rate
    if rate is None:
        rate = settings.learning_rate
    value = rate_at(rate, done)
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(
            f"the learning rate of phase {stage.phase.name!r} must be a finite number, but the "
            f"function gives {shown(value)} at the progress {done:g}"
        )
    return value
