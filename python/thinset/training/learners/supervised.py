"""What learns: the model with its optimiser, its average and its random generators."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

import torch

from thinset.training.learners.averaging import WeightAverage
from thinset.training.learners.evaluate import Score, evaluate
from thinset.training.learners.optimiser import load_momentum, momentum_tensors, sgd
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.precision import autocast
from thinset.training.randomness import generator_for, layer_rng_state, set_layer_rng_state
from thinset.training.weights import require_same_shapes

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from thinset.data.batches import Batch, ImageRows
    from thinset.training.loop.settings import RunSettings

_STEPS_IN_FLIGHT = 2


class Learner:
    """Takes steps, is tested, and can be written down and restored exactly.

    The model is trained in place, on the settings' device and in channels_last memory format.
    """

    def __init__(self, model: nn.Module, settings: RunSettings) -> None:
        self._settings = settings
        device = settings.device
        self.model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = sgd(model, settings.momentum, settings.weight_decay)
        self._average = (
            None if settings.ema_decay is None else WeightAverage(model, settings.ema_decay)
        )
        self._augmentation_generator = generator_for(settings.seed, "augmentation", device)
        self._loss_sum = torch.zeros((), device=device)
        self._events: deque[torch.cuda.Event] = deque()

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Take one step and return the loss of each sample; `n_before` steps were taken before."""
        settings = self._settings
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        images = settings.train_transform(batch.images, self._augmentation_generator)
        with autocast(settings.dtype, settings.device):
            outcome = settings.loss(self.model, images, batch.labels)
        loss = outcome.weighted_loss(batch.weights)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._average is not None:
            self._average.update(n_before)
        self._loss_sum += loss.detach()
        self._wait_for_earlier_steps()
        return outcome.losses.detach()

    def take_loss_sum(self) -> float:
        """Return the sum of the losses of all steps since the last call."""
        loss_sum = float(self._loss_sum)
        self._loss_sum.zero_()
        return loss_sum

    def score(self, test_data: ImageRows) -> Score:
        """Score the averaged weights, where there is an average, on `test_data`."""
        settings = self._settings
        assert settings.test_transform is not None
        averaged = contextlib.nullcontext() if self._average is None else self._average.applied()
        with averaged:
            return evaluate(
                self.model,
                test_data,
                loss=settings.loss,
                transform=settings.test_transform,
                batch_size=settings.batch_size,
                device=settings.device,
                dtype=settings.dtype,
            )

    def finish(self) -> None:
        """Leave the weights that were tested in the model, in evaluation mode."""
        if self._average is not None:
            self._average.apply()
        self.model.eval()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that the next steps depend on, by name."""
        return {
            "loss_sum": self._loss_sum,
            "augmentation_generator": self._augmentation_generator.get_state(),
            "layer_generator": layer_rng_state(self._settings.device),
            **prefixed("model", self.model.state_dict()),
            **prefixed("average", {} if self._average is None else self._average.state),
            **prefixed("momentum", momentum_tensors(self._optimizer)),
        }

    def load(self, tensors: dict[str, torch.Tensor], path: Path) -> None:
        """Go back to what `tensors` gave; ValueError, naming `path`, where the model is another."""
        weights = unprefixed("model", tensors)
        require_same_shapes(self.model.state_dict(), weights, path)
        self.model.load_state_dict(weights)
        if self._average is not None:
            for name, value in unprefixed("average", tensors).items():
                self._average.state[name].copy_(value)
        load_momentum(self._optimizer, unprefixed("momentum", tensors))
        self._augmentation_generator.set_state(tensors["augmentation_generator"])
        set_layer_rng_state(self._settings.device, tensors["layer_generator"])
        self._loss_sum.copy_(tensors["loss_sum"])

    def _wait_for_earlier_steps(self) -> None:
        # CUDA takes orders far ahead of its work: without this a time limit would be noticed late.
        if self._settings.device.type == "cuda":
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            self._events.append(event)
            if len(self._events) > _STEPS_IN_FLIGHT:
                self._events.popleft().synchronize()
