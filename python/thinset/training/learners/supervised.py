"""One model trained by gradient descent on a loss of images and labels."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from thinset.losses import reconstruction
from thinset.models.batch_statistics import require_no_batch_statistics
from thinset.training.arguments import require_number, require_whole
from thinset.training.learners.averaging import WeightAverage
from thinset.training.learners.evaluate import evaluate
from thinset.training.learners.learner import Goal
from thinset.training.learners.optimiser import new_optimizer
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.learners.steps_in_flight import StepsInFlight
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.precision import autocast, resolve_device, resolve_precision
from thinset.training.randomness import generator_for
from thinset.training.weights import (
    copy_tensors,
    named_tensors,
    restore_tensors,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from thinset.data.batches import Batch, ImageRows
    from thinset.losses import Objective
    from thinset.training.learners.evaluate import ImageTransform
    from thinset.training.learners.optimiser import OptimizerName
    from thinset.transforms import ProgressiveResizing

RandomTransform = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""Turns stored images (B, C, H, W) and a generator into what the model is trained on."""


class SupervisedLearner:
    """A Learner of one model; `fit` documents the arguments.

    The model is trained in place, on `device` and in channels_last memory format. `batch_size`:
    samples per batch in scoring. Raises ValueError for settings out of range and for a model
    without trainable parameters.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        loss: Objective,
        train_transform: RandomTransform,
        test_transform: ImageTransform | None = None,
        batch_size: int = 1024,
        optimizer: OptimizerName = "sgd",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        ema_decay: float | None = 0.9999,
        seed: int = 0,
        device: torch.device | str = "auto",
        precision: str = "auto",
        resizing: ProgressiveResizing | None = None,
    ) -> None:
        require_number("momentum", momentum)
        require_number("weight_decay", weight_decay)
        require_whole("batch_size", batch_size, least=1)
        require_whole("seed", seed)
        self._loss = loss
        self._train_transform = train_transform
        self._test_transform = test_transform
        self._resizing = resizing
        self._progress = 0.0
        self._batch_size = batch_size
        self._device = resolve_device(device)
        self._dtype = resolve_precision(precision, self._device)
        self._described = {
            "loss": loss,
            "train_transform": train_transform,
            "test_transform": test_transform,
            "optimizer": optimizer,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "ema_decay": ema_decay,
            "seed": seed,
            "dtype": self._dtype,
            "resizing": resizing,
        }
        self.model = model.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = new_optimizer(
            optimizer, model, momentum=momentum, weight_decay=weight_decay
        )
        self._average = None if ema_decay is None else WeightAverage(model, ema_decay)
        self._augmentation_generator = generator_for(seed, "augmentation", self._device)
        self._loss_sum = torch.zeros((), device=self._device)
        self._steps_in_flight = StepsInFlight(self._device)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._device

    @property
    def uses_labels(self) -> bool:
        """Whether the loss depends on labels; stored step sizes mean nothing to others."""
        return self._loss is not reconstruction

    def start(self) -> None:
        """Put the model into training mode."""
        self.model.train()

    def set_progress(self, progress: float) -> None:
        """Take note of the share of the phase that is done, for resizing; see FollowingLearner."""
        self._progress = progress

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Take one step and return the loss of each sample (B,); see Learner."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        images = self._train_transform(batch.images, self._augmentation_generator)
        if self._resizing is not None:
            images = self._resizing(images, self._progress)
        with autocast(self._dtype, self._device):
            outcome = self._loss(self.model, images, batch.labels)
        loss = outcome.weighted_loss(batch.weights)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._average is not None:
            self._average.update(n_before)
        self._loss_sum += loss.detach()
        self._steps_in_flight.wait()
        return outcome.losses.detach()

    def require_replayable(self) -> None:
        """Raise ValueError for networks with batch statistics; see Replay."""
        if self._test_transform is None:
            raise ValueError("a SupervisedLearner needs a test_transform to replay stored steps")
        require_no_batch_statistics(self.model)

    def replay_step(self, batch: Batch, *, step_size: float) -> torch.Tensor:
        """Take one step of plain gradient descent, on images as they are tested on; see Replay.

        Layers compute in float32, as they did where the step sizes were learned.
        """
        assert self._test_transform is not None
        parameters = [value for value in self.model.parameters() if value.requires_grad]
        # Step sizes are learned for the loss of scores.
        loss = getattr(self._loss, "scores_by", self._loss)
        outcome = loss(self.model, self._test_transform(batch.images), batch.labels)
        gradients = torch.autograd.grad(outcome.loss, parameters, materialize_grads=True)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradients, alpha=-step_size)
        if self._average is not None:
            self._average.follow()
        self._loss_sum += outcome.loss.detach()
        self._steps_in_flight.wait()
        return outcome.losses.detach()

    def take_loss_sum(self) -> float:
        """Return the sum of the losses of all steps since the last call."""
        loss_sum = float(self._loss_sum)
        self._loss_sum.zero_()
        return loss_sum

    def score(self, data: ImageRows) -> dict[str, float]:
        """Score the averaged weights, or the model's own where there is no average, on `data`.

        "loss": mean over the samples. "accuracy": share of correct predictions, 0..1; absent where
        the loss has no predictions to count, as that of an autoencoder. Further metrics are those
        that the loss sums up; see Outcome.
        """
        if self._test_transform is None:
            raise ValueError("a SupervisedLearner needs a test_transform to be scored")
        averaged = contextlib.nullcontext() if self._average is None else self._average.applied()
        with averaged:
            return evaluate(
                self.model,
                data,
                loss=self._loss,
                transform=self._test_transform,
                batch_size=self._batch_size,
                device=self._device,
                dtype=self._dtype,
            )

    def goal(self, scores: Mapping[str, float]) -> Goal:
        """Return the highest accuracy, or the lowest loss where there is no accuracy."""
        if "accuracy" in scores:
            return Goal("accuracy", higher_is_better=True)
        return Goal("loss", higher_is_better=False)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the averaged parameters and buffers, or the model's own without an average."""
        return named_tensors(self.model) if self._average is None else self._average.state

    def finish(self, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        """Leave `weights`, or those that `weights()` returns now, in the model for evaluation."""
        copy_tensors(self.model, self.weights() if weights is None else weights)
        self.model.eval()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        return {
            "loss_sum": self._loss_sum,
            "augmentation_generator": self._augmentation_generator.get_state(),
            **prefixed("model", named_tensors(self.model)),
            **prefixed("average", {} if self._average is None else self._average.state),
            **prefixed("optimizer", optimizer_tensors(self._optimizer)),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for that of another model."""
        restore_tensors(self.model, unprefixed("model", tensors), path)
        if self._average is not None:
            self._average.load(unprefixed("average", tensors), path)
        load_optimizer(self._optimizer, unprefixed("optimizer", tensors), path)
        self._augmentation_generator.set_state(tensors["augmentation_generator"])
        self._loss_sum.copy_(tensors["loss_sum"])

    def describe(self) -> dict[str, Any]:
        """Return the settings that the weights and scores depend on."""
        return self._described
