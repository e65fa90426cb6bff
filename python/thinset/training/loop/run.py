"""One training run through its schedule: steps, evaluations, checkpoints and their times."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from thinset.data.batches import DeviceBatches, ImageRows
from thinset.training.loop.checkpoint import prefixed, unprefixed, write_tensors
from thinset.training.loop.history import CurvePoint, History, PhaseTotals
from thinset.training.loop.rates import rate_at
from thinset.training.loop.settings import dataset_fingerprint, describe, require_same_settings
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from thinset.progress import ProgressBar
    from thinset.training.learners.evaluate import Score
    from thinset.training.learners.supervised import Learner
    from thinset.training.loop.metrics_log import Log
    from thinset.training.loop.schedule import Schedule, Stage
    from thinset.training.loop.settings import RunSettings

StoredState = tuple[dict[str, torch.Tensor], dict[str, Any]]
"""What a checkpoint file holds: tensors, and JSON-able content."""


class TrainingDivergedError(ValueError):
    """The loss is no longer a finite number."""


@dataclass
class _Place:
    """Where in the schedule a run is."""

    stage: int = 0
    steps: int = 0  # done in this stage
    began: float = 0.0  # elapsed seconds from which the stage's time counts
    n_evaluations: int = 0
    n_unreported: int = 0  # steps since the last evaluation


class Run:
    """One training run; `fit` is its only user and documents the arguments."""

    def __init__(
        self,
        learner: Learner,
        schedule: Schedule,
        settings: RunSettings,
        *,
        test_data: ImageRows | None,
        checkpoint_path: Path | None,
        first_phase_path: Path | None,
        clock: Callable[[], float],
        log: Log | None,
    ) -> None:
        self._learner = learner
        self._schedule = schedule
        self._settings = settings
        self._test_data = test_data
        self._checkpoint_path = checkpoint_path
        self._first_phase_path = first_phase_path
        self._clock = clock
        self._log = log
        self._batches: DeviceBatches | None = None
        self._place = _Place()
        self._history = History(seconds=schedule.seconds_already_spent)
        self._last_lap = self._last_save = clock()
        self._last_rate: float | None = None

    def train(self, bar: ProgressBar) -> History:
        """Train from where the run is to the schedule's end."""
        self._learner.model.train()
        while self._place.stage < len(self._schedule.stages):
            self._train_stage(bar)
            if self._place.stage == 0 and self._first_phase_path is not None:
                self._write(self._first_phase_path, self._first_phase_identity)
            self._leave_stage()
        self._learner.finish()
        return self._history

    def restore(self, tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> None:
        """Go back to where a checkpoint was written; ValueError where it is of another run."""
        assert self._checkpoint_path is not None
        require_same_settings(self._identity, content["settings"], self._checkpoint_path)
        self._load(tensors, content, self._checkpoint_path)

    def continue_first_phase(
        self, tensors: dict[str, torch.Tensor], content: dict[str, Any]
    ) -> None:
        """Go on with the first phase of a training that differs only in what came after it.

        Raises ValueError where it differs in more, or its first phase was longer than this one.
        """
        path = self._first_phase_path
        assert path is not None
        require_same_settings(self._first_phase_identity, content["settings"], path)
        n_steps = self._schedule.stages[0].n_steps
        assert n_steps is not None
        if content["place"]["steps"] > n_steps:
            raise ValueError(
                f"{path} is of a first phase of {content['place']['steps']} steps; this one must "
                f"be at least as long, got {n_steps}"
            )
        self._load(tensors, content, path)

    def _load(self, tensors: dict[str, torch.Tensor], content: dict[str, Any], path: Path) -> None:
        self._learner.load(tensors, path)
        self._place = _Place(**content["place"])
        self._history = History.from_dict(content["history"])
        self._batches = self._open_batches(self._schedule.stages[self._place.stage])
        self._batches.load_state_dict(
            {
                **content["batches"],
                "generator_state": tensors["order_generator"],
                "passes": unprefixed("passes", tensors),
            }
        )

    def _train_stage(self, bar: ProgressBar) -> None:
        stage = self._schedule.stages[self._place.stage]
        if len(self._history.phases) == self._place.stage:
            name = str(getattr(stage.phase.dataset, "name", type(stage.phase.dataset).__name__))
            self._history.phases.append(PhaseTotals(stage.phase.name, name))
        batches = self._batches = self._batches or self._open_batches(stage)
        # However little time there is, a run of no steps at all would have nothing to report.
        while (done := self._done(stage)) < 1 or self._history.steps == 0:
            batches.progress = done
            self._last_rate = _learning_rate(stage, done, self._settings)
            self._step(batches, self._last_rate)
            progress = self._schedule.progress(self._place.stage, self._done(stage))
            bar.update_to(self._history.steps if self._schedule.n_steps else 100 * progress)
            # The small term keeps 0.3 * 10 = 2.9999999999999996 from coming a step late.
            n_due = math.floor(progress * self._settings.evaluations + 1e-9)
            if n_due > self._place.n_evaluations:
                self._place.n_evaluations = n_due
                self._report(bar)
                self._save()
            elif self._clock() - self._last_save >= self._settings.checkpoint_seconds:
                self._save()
        # Where an earlier stage used up all of the time, its last steps are still to be looked at.
        if stage is self._schedule.stages[-1] and self._place.n_unreported > 0:
            self._report(bar)
            self._save()

    def _leave_stage(self) -> None:
        stage = self._schedule.stages[self._place.stage]
        self._batches = None
        self._place.stage += 1
        self._place.steps = 0
        # A stage limited by time that overran takes the excess from the next, not from the budget.
        self._place.began = (
            self._elapsed if stage.seconds is None else self._place.began + stage.seconds
        )

    def _open_batches(self, stage: Stage) -> DeviceBatches:
        settings = self._settings
        dataset, order = stage.phase.dataset, stage.phase.order
        return DeviceBatches(
            dataset,
            device=settings.device,
            batch_size=settings.batch_size,
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

    def _step(self, batches: DeviceBatches, learning_rate: float) -> None:
        totals = self._history.phases[-1]
        batch = next(batches)
        waited = self._lap()
        self._history.data_wait_seconds += waited
        losses = self._learner.step(
            batch, learning_rate=learning_rate, n_before=self._history.steps
        )
        batches.observe(batch, losses)
        totals.seconds += waited + self._lap()
        totals.steps += 1
        self._history.steps += 1
        self._history.samples += self._settings.batch_size
        self._place.steps += 1
        self._place.n_unreported += 1

    def _report(self, bar: ProgressBar) -> None:
        # Reading the loss waits for the device: that time still belongs to the steps.
        train_loss = self._learner.take_loss_sum() / self._place.n_unreported
        self._history.phases[-1].seconds += self._lap()
        score = None if self._test_data is None else self._learner.score(self._test_data)
        self._history.evaluation_seconds += self._lap()
        for name, loss in (("training", train_loss), ("test", score and score.loss)):
            if loss is not None and not math.isfinite(loss):
                raise TrainingDivergedError(
                    f"the {name} loss is {loss} after step {self._history.steps}; "
                    "a lower learning rate may help"
                )
        self._place.n_unreported = 0
        point = self._curve_point(train_loss, score)
        self._history.curve.append(point)
        if self._log is not None:
            self._log(self._figures(point), point.step)
        facts = {"loss": train_loss, "accuracy": point.test_accuracy}
        bar.update(0, **{name: value for name, value in facts.items() if value is not None})

    def _figures(self, point: CurvePoint) -> dict[str, float]:
        figures = {
            "train_loss": point.train_loss,
            "test_loss": point.test_loss,
            "test_accuracy": point.test_accuracy,
            "learning_rate": self._last_rate,
            "epoch": point.epoch,
            "seconds": point.seconds,
        }
        return {name: value for name, value in figures.items() if value is not None}

    def _curve_point(self, train_loss: float, score: Score | None) -> CurvePoint:
        assert self._batches is not None
        return CurvePoint(
            step=self._history.steps,
            samples=self._history.samples,
            epoch=self._batches.samples_drawn / self._batches.n_samples,
            seconds=self._history.seconds,
            phase=self._history.phases[-1].name,
            train_loss=train_loss,
            test_loss=None if score is None else score.loss,
            test_accuracy=None if score is None else score.accuracy,
        )

    def _save(self) -> None:
        if self._checkpoint_path is not None:
            self._write(self._checkpoint_path, self._identity)
        self._last_save = self._clock()

    def _write(self, path: Path, identity: dict[str, Any]) -> None:
        assert self._batches is not None
        order = self._batches.state_dict()
        tensors = {
            "order_generator": order.pop("generator_state"),
            **prefixed("passes", order.pop("passes")),
            **self._learner.tensors(),
        }
        content = {
            "settings": identity,
            "seconds_already_spent": self._schedule.seconds_already_spent,
            "place": dataclasses.asdict(self._place),
            "history": self._history.to_dict(),
            "batches": order,
        }
        write_tensors(path, tensors, content)
        # On the run's clock, since the user waits for it, but on no step's account.
        self._lap()

    @functools.cached_property
    def _identity(self) -> dict[str, Any]:
        # Computed once: digests of datasets in memory take time.
        identity = self._settings.identity()
        for number, stage in enumerate(self._schedule.stages):
            phase = stage.phase
            identity[f"phase {number}"] = {
                "name": phase.name,
                "dataset": dataset_fingerprint(phase.dataset),
                "length": str(phase.length),
                "learning_rate": describe(phase.learning_rate),
                "order": describe(phase.order),
            }
        test_data = self._test_data
        identity["test_data"] = None if test_data is None else dataset_fingerprint(test_data)
        return identity

    @functools.cached_property
    def _first_phase_identity(self) -> dict[str, Any]:
        """What decides the first phase but for its length; evaluations depend on the total."""
        phase = {
            name: value for name, value in self._identity["phase 0"].items() if name != "length"
        }
        settings = {
            name: value for name, value in self._identity.items() if not name.startswith("phase ")
        }
        return {**settings, "total steps": self._schedule.n_steps, "first phase": phase}


def _learning_rate(stage: Stage, done: float, settings: RunSettings) -> float:
    rate = stage.phase.learning_rate
    if rate is None:
        rate = settings.learning_rate
    return rate_at(rate, done)
