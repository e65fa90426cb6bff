"""What learners of generative networks share: optimizers, averages, sums and checkpoints."""

from __future__ import annotations

import abc
import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from thinset.training.learners.averaging import WeightAverage
from thinset.training.learners.learner import Goal
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.learners.steps_in_flight import StepsInFlight
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.precision import autocast, resolve_device, resolve_precision
from thinset.training.randomness import generator_for
from thinset.training.weights import copy_tensors, named_tensors, restore_tensors
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import nn

    from thinset.data.batches import Batch, ImageRows
    from thinset.models.generators import ImageGenerator

Observer: TypeAlias = "Callable[[ImageGenerator], Mapping[str, float]]"
"""Looks at the generator at each evaluation, in evaluation mode; returns further metrics.

If it has a `name`, its metrics depend on what the name says: a checkpoint of another is refused.
"""

_PER_CLASS = 16
_MOST_SHOWN = 512  # images drawn for the diversity


class GenerativeLearner(abc.ABC):
    """A Learner of an ImageGenerator and, usually, a network beside it.

    Subclasses compute losses and take steps; see `_step`. `networks` by name, the generator first;
    `optimizers` by name, with the factor by which each learning rate differs from the loop's.
    `ema_decay`: of the averaged weights (see WeightAverage), which are scored and kept; None for no
    averaging. `seed`: of all noise. `observe`: see Observer. `device`, `precision`: see
    `fit`.

    Scores: the means of the losses since the last evaluation, by name, except of losses that no
    step had; "diversity", the mean deviation of pixels among generated images of one class as a
    share of that among the data's (1: as varied as the data; near 0: collapsed), over the classes
    that have at least two samples in the data; what `observe` returns.
    """

    goal_metric = "generator_loss"
    averaged: tuple[str, ...] = ("generator",)
    """The networks whose weights are averaged, if any are"""

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        optimizers: Mapping[str, tuple[torch.optim.Optimizer, float]],
        *,
        losses: tuple[str, ...],
        ema_decay: float | None,
        seed: int,
        device: torch.device | str,
        precision: str,
        observe: Observer | None,
        described: Mapping[str, Any],
    ) -> None:
        self._device = resolve_device(device)
        self._dtype = resolve_precision(precision, self._device)
        for network in networks.values():
            network.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._networks = dict(networks)
        self._optimizers = dict(optimizers)
        # What is trained with the generator and kept beside it is averaged with it.
        self._averages = (
            {}
            if ema_decay is None
            else {name: WeightAverage(self._networks[name], ema_decay) for name in self.averaged}
        )
        self._noise = generator_for(seed, "noise", self._device)
        self._seed = seed
        # The sum and the number of the losses since the last evaluation.
        self._sums = {
            name: torch.zeros(2, dtype=torch.float64, device=self._device) for name in losses
        }
        self._means: dict[str, float] = {}
        self._observe = observe
        self._steps_in_flight = StepsInFlight(self._device)
        self._described = {
            **described, "ema_decay": ema_decay, "seed": seed, "dtype": self._dtype,
        }  # fmt: skip
        if (name := getattr(observe, "name", None)) is not None:
            self._described["scored by"] = name

    @property
    def _generator(self) -> ImageGenerator:
        generator: ImageGenerator = next(iter(self._networks.values()))  # type: ignore[assignment]
        return generator

    @abc.abstractmethod
    def _step(self, images: torch.Tensor, labels: torch.Tensor, n_before: int) -> torch.Tensor:
        """Train on float images (B, C, H, W) in [0, 1]; return the loss of each sample (B,).

        The learning rates are set. Losses are added to the sums by `_count`.
        """

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self._device

    def start(self) -> None:
        """Put the networks into training mode."""
        for network in self._networks.values():
            network.train()

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Take one step and return the loss of each sample (B,); see Learner.

        The data must have labels. Raises ValueError for samples with weights, which these losses
        do not have.
        """
        if batch.weights is not None:
            raise ValueError("generators are trained on samples without weights; use another order")
        for optimizer, factor in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * factor
        images = to_unit_range(batch.images)
        losses = self._step(images, batch.labels, n_before)
        for average in self._averages.values():
            average.update(n_before)
        self._steps_in_flight.wait()
        return losses.detach()

    def _autocast(self) -> torch.autocast:
        return autocast(self._dtype, self._device)

    def _count(self, **losses: torch.Tensor) -> None:
        """Add the mean losses of a step to the sums."""
        for name, value in losses.items():
            self._sums[name][0] += value.detach().double().mean()
            self._sums[name][1] += 1

    def take_loss_sum(self) -> float:
        """Return the sum of the first loss over all steps since the last call."""
        sums = {name: value.tolist() for name, value in self._sums.items()}
        self._means = {name: total / n for name, (total, n) in sums.items() if n > 0}
        for value in self._sums.values():
            value.zero_()
        first: float = next(iter(sums.values()))[0]
        return first

    def score(self, data: ImageRows) -> dict[str, float]:
        """Return the scores that the class describes; `data` is what diversity is compared with."""
        scores = dict(self._means)
        with self._as_kept() as generator:
            real = self._rows_by_class(data)
            deviation = self._deviation(real)
            if deviation > 0:
                scores["diversity"] = self._deviation(self._shown(generator, real)) / deviation
            scores |= self._scores_of(data)
            if self._observe is not None:
                scores |= self._observe(generator)
        return scores

    def _scores_of(self, data: ImageRows) -> dict[str, float]:  # noqa: ARG002 - for subclasses
        """Further scores on `data`; called with the kept weights in evaluation mode."""
        return {}

    @contextlib.contextmanager
    def _as_kept(self) -> Iterator[ImageGenerator]:
        """The generator with the weights that are kept, in evaluation mode, without gradients."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for average in self._averages.values():
                stack.enter_context(average.applied())
            for network in self._networks.values():
                network.eval()
            try:
                yield self._generator
            finally:
                self.start()

    def _shown(
        self, generator: ImageGenerator, real: Mapping[int, torch.Tensor]
    ) -> dict[int, torch.Tensor]:
        """As many images of each class as `real` has, the same latents at each evaluation."""
        noise = generator_for(self._seed, "evaluation", self._device)
        return {
            number: generator(
                generator.latents(len(images), noise),
                torch.full((len(images),), number, device=self._device),
            )
            for number, images in real.items()
        }

    def _rows_by_class(self, data: ImageRows) -> dict[int, torch.Tensor]:
        """The first images of each class that has at least two."""
        n_classes = self._generator.n_classes
        n_each = max(2, min(_PER_CLASS, _MOST_SHOWN // n_classes))
        chosen: dict[int, torch.Tensor] = {}
        for number in () if data.labels is None else range(min(n_classes, _MOST_SHOWN // 2)):
            rows = np.flatnonzero(data.labels == number)[:n_each]
            if len(rows) > 1:
                images = torch.from_numpy(np.asarray(data.images.take(rows, axis=0)))
                chosen[number] = to_unit_range(images.permute(0, 3, 1, 2))
        return chosen

    @staticmethod
    def _deviation(by_class: Mapping[int, torch.Tensor]) -> float:
        """Standard deviation over the images of one class, mean over pixels and classes."""
        deviations = [float(images.std(dim=0).mean()) for images in by_class.values()]
        return sum(deviations) / max(len(deviations), 1)

    def goal(self, scores: Mapping[str, float]) -> Goal:  # noqa: ARG002 - the same for all
        """Return the lowest value of the learner's own metric."""
        return Goal(self.goal_metric, higher_is_better=False)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the networks' parameters and buffers, averaged where they are."""
        weights: dict[str, torch.Tensor] = {}
        for name, network in self._networks.items():
            average = self._averages.get(name)
            state = named_tensors(network) if average is None else average.state
            weights |= prefixed(name, state)
        return weights

    def finish(self, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        """Leave `weights`, or those that `weights()` returns now, in the networks."""
        weights = self.weights() if weights is None else weights
        for name, network in self._networks.items():
            copy_tensors(network, unprefixed(name, weights))
            network.eval()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        tensors = {"noise": self._noise.get_state(), **prefixed("sums", self._sums)}
        for name, average in self._averages.items():
            tensors |= prefixed(f"averages/{name}", average.state)
        for name, network in self._networks.items():
            tensors |= prefixed(f"networks/{name}", named_tensors(network))
        for name, (optimizer, _) in self._optimizers.items():
            tensors |= prefixed(f"optimizers/{name}", optimizer_tensors(optimizer))
        return tensors

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for other networks."""
        for name, network in self._networks.items():
            restore_tensors(network, unprefixed(f"networks/{name}", tensors), path)
        for name, (optimizer, _) in self._optimizers.items():
            load_optimizer(optimizer, unprefixed(f"optimizers/{name}", tensors), path)
        for name, average in self._averages.items():
            average.load(unprefixed(f"averages/{name}", tensors), path)
        for name, value in self._sums.items():
            value.copy_(tensors[f"sums/{name}"])
        self._noise.set_state(tensors["noise"])

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that the weights and scores depend on."""
        return self._described
