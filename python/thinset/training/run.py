"""The state of one training run and what moves it on: steps, evaluations, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from thinset.data.batches import DeviceBatches, ImageArrays
from thinset.training.averaging import WeightAverage
from thinset.training.checkpoint import write_tensors
from thinset.training.evaluate import Score, evaluate
from thinset.training.history import CurvePoint, History, PhaseTotals
from thinset.training.optimiser import load_momentum, momentum_tensors, sgd
from thinset.training.precision import autocast
from thinset.training.randomness import generator_for
from thinset.training.settings import dataset_fingerprint, describe, require_same_settings
from thinset.training.weights import require_same_shapes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from thinset.progress import ProgressBar
    from thinset.training.schedule import Schedule, Stage
    from thinset.training.settings import RunSettings

StoredState = tuple[dict[str, torch.Tensor], dict[str, Any]]
"""What a checkpoint file holds: tensors, and JSON-able content."""

_STEPS_IN_FLIGHT = 2


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
        model: nn.Module,
        schedule: Schedule,
        settings: RunSettings,
        *,
        test_data: ImageArrays | None,
        checkpoint_path: Path | None,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._schedule = schedule
        self._test_data = test_data
        self._checkpoint_path = checkpoint_path
        self._clock = clock
        device = settings.device
        self._model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = sgd(model, settings.momentum, settings.weight_decay)
        self._average = (
            None if settings.ema_decay is None else WeightAverage(model, settings.ema_decay)
        )
        self._augmentation_generator = generator_for(settings.seed, "augmentation", device)
        self._batches: DeviceBatches | None = None
        self._place = _Place()
        self._history = History(seconds=schedule.seconds_already_spent)
        self._loss_sum = torch.zeros((), device=device)
        self._events: deque[torch.cuda.Event] = deque()
        self._last_lap = self._last_save = clock()

    def train(self, bar: ProgressBar) -> History:
        """Train from where the run is to the schedule's end."""
        self._model.train()
        while self._place.stage < len(self._schedule.stages):
            self._train_stage(bar)
            self._leave_stage()
        if self._place.n_unreported > 0:
            self._report(bar)
        self._save()
        if self._average is not None:
            self._average.apply()
        self._model.eval()
        return self._history

    def _train_stage(self, bar: ProgressBar) -> None:
        stage = self._schedule.stages[self._place.stage]
        if len(self._history.phases) == self._place.stage:
            self._history.phases.append(PhaseTotals(stage.phase.name, _name(stage.phase.dataset)))
        batches = self._batches or self._open_batches(stage)
        self._batches = batches
        # However little time there is, a run of no steps at all would have nothing to report.
        while (done := self._done(stage)) < 1 or self._history.steps == 0:
            self._set_learning_rate(stage, done)
            self._step(batches)
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
        return DeviceBatches(
            stage.phase.dataset,
            device=settings.device,
            batch_size=settings.batch_size,
            generator=generator_for(settings.seed, f"order of phase {self._place.stage}"),
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

    def _set_learning_rate(self, stage: Stage, done: float) -> None:
        rate = stage.phase.learning_rate
        if rate is None:
            rate = self._settings.learning_rate
        for group in self._optimizer.param_groups:
            group["lr"] = rate(done) if callable(rate) else rate

    def _step(self, batches: DeviceBatches) -> None:
        totals = self._history.phases[-1]
        images, labels = next(batches)
        waited = self._lap()
        self._history.data_wait_seconds += waited
        totals.seconds += waited
        self._learn(images, labels)
        self._wait_for_earlier_steps()
        totals.seconds += self._lap()
        totals.steps += 1
        self._history.steps += 1
        self._history.samples += self._settings.batch_size
        self._place.steps += 1
        self._place.n_unreported += 1

    def _learn(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        settings = self._settings
        images = settings.train_transform(images, self._augmentation_generator)
        with autocast(settings.dtype, settings.device):
            outcome = settings.loss(self._model, images, labels)
        self._optimizer.zero_grad()
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._average is not None:
            self._average.update(self._history.steps)
        self._loss_sum += outcome.loss.detach()

    def _wait_for_earlier_steps(self) -> None:
        # CUDA takes orders far ahead of its work: without this a time limit would be noticed late.
        if self._settings.device.type == "cuda":
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            self._events.append(event)
            if len(self._events) > _STEPS_IN_FLIGHT:
                self._events.popleft().synchronize()

    def _report(self, bar: ProgressBar) -> None:
        train_loss = float(self._loss_sum) / self._place.n_unreported
        self._history.phases[-1].seconds += self._lap()
        score = self._score()
        self._history.evaluation_seconds += self._lap()
        for name, value in (("training", train_loss), ("test", score and score.loss)):
            if value is not None and not math.isfinite(value):
                raise TrainingDivergedError(
                    f"the {name} loss is {value} after step {self._history.steps}; "
                    "a lower learning rate may help"
                )
        self._loss_sum.zero_()
        self._place.n_unreported = 0
        point = self._curve_point(train_loss, score)
        self._history.curve.append(point)
        facts = {"loss": train_loss, "accuracy": point.test_accuracy}
        bar.update(0, **{name: value for name, value in facts.items() if value is not None})

    def _score(self) -> Score | None:
        settings = self._settings
        if self._test_data is None or settings.test_transform is None:
            return None
        averaged = contextlib.nullcontext() if self._average is None else self._average.applied()
        with averaged:
            return evaluate(
                self._model,
                self._test_data,
                loss=settings.loss,
                transform=settings.test_transform,
                batch_size=settings.batch_size,
                device=settings.device,
                dtype=settings.dtype,
            )

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
        self._last_save = self._clock()
        if self._checkpoint_path is None:
            return
        tensors = {
            "loss_sum": self._loss_sum,
            "augmentation_generator": self._augmentation_generator.get_state(),
            **_prefixed("model", self._model.state_dict()),
            **_prefixed("average", {} if self._average is None else self._average.state),
            **_prefixed("momentum", momentum_tensors(self._optimizer)),
        }
        content: dict[str, Any] = {
            "settings": self._identity,
            "seconds_already_spent": self._schedule.seconds_already_spent,
            "place": dataclasses.asdict(self._place),
            "history": self._history.to_dict(),
            "batches": None,
        }
        if self._batches is not None:
            state = self._batches.state_dict()
            tensors["order_generator"] = state.pop("generator_state")
            content["batches"] = state
        write_tensors(self._checkpoint_path, tensors, content)

    def restore(self, tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> None:
        """Go back to where a checkpoint was written; ValueError where it is of another run."""
        assert self._checkpoint_path is not None
        require_same_settings(self._identity, content["settings"], self._checkpoint_path)
        weights = _unprefixed("model", tensors)
        require_same_shapes(self._model.state_dict(), weights, self._checkpoint_path)
        self._model.load_state_dict(weights)
        if self._average is not None:
            for name, value in _unprefixed("average", tensors).items():
                self._average.state[name].copy_(value)
        load_momentum(self._optimizer, _unprefixed("momentum", tensors))
        self._augmentation_generator.set_state(tensors["augmentation_generator"])
        self._loss_sum.copy_(tensors["loss_sum"])
        self._place = _Place(**content["place"])
        self._history = History.from_dict(content["history"])
        if content["batches"] is not None:
            self._batches = self._open_batches(self._schedule.stages[self._place.stage])
            self._batches.load_state_dict(
                {**content["batches"], "generator_state": tensors["order_generator"]}
            )

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
            }
        identity["test_data"] = (
            None if self._test_data is None else dataset_fingerprint(self._test_data)
        )
        return identity


def _name(dataset: ImageArrays) -> str:
    return str(getattr(dataset, "name", type(dataset).__name__))


def _prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _unprefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(f"{prefix}/"): value
        for name, value in tensors.items()
        if name.startswith(f"{prefix}/")
    }
