"""Searches for an architecture: the shared weights and the controller learn in turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from thinset.duration import Duration
from thinset.experiments.architecture_search.controller import Controller, Reinforce
from thinset.experiments.architecture_search.shared_weights import SharedChild, SharedWeights
from thinset.files.decoding import (  # noqa: TC001 - decode looks them up
    AboveZero,
    Count,
    Positive,
    Share,
)
from thinset.losses import classification
from thinset.training import (
    CosineRate,
    Goal,
    Phase,
    copy_tensors,
    evaluate,
    generator_for,
    load_optimizer,
    named_tensors,
    optimizer_tensors,
    prefixed,
    restore_tensors,
    train,
    unprefixed,
)
from thinset.training.learners.optimiser import new_optimizer
from thinset.training.precision import resolve_device
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from thinset.data import Dataset
    from thinset.data.batches import Batch, ImageRows
    from thinset.models.architecture import Architecture
    from thinset.training import History, Log


@dataclass(frozen=True)
class SearchSettings:
    """Those of Pham et al. (2018), section 3.2, where they fit a space as small as this.

    length, batch_size, learning_rate: of the shared weights. Adam trains them, not SGD as in the
    paper, which learned more slowly in short searches on the digits. The rate falls to 0 with the
    cosine. warm_up: steps before the controller learns. n_rewarded: validation images
    that a reward is the accuracy on. controller_rate, entropy_weight, baseline_decay: see
    Reinforce. n_scored: architectures that are drawn and scored at each evaluation.
    """

    length: Duration = Duration(30, "ep")
    batch_size: Positive = 128
    learning_rate: AboveZero = 0.002
    warm_up: Count = 0
    n_rewarded: Positive = 128
    controller_rate: AboveZero = 0.00035
    entropy_weight: float = 1e-4
    baseline_decay: Share = 0.99
    n_scored: Positive = 10

    def __post_init__(self) -> None:
        if self.length.amount == 0:
            raise ValueError(f"search.length must be longer than {self.length}")


class Found(NamedTuple):
    """The likeliest architecture of the controller, and the course of the search."""

    architecture: Architecture
    history: History


def search_architecture(
    data: Dataset,
    validation: Dataset,
    settings: SearchSettings,
    *,
    seed: int,
    device: torch.device | str = "auto",
    evaluations: int = 10,
    checkpoint_path: str | os.PathLike[str] | None = None,
    resume: bool = False,
    log: Log | None = None,
    show_progress: bool = False,
) -> Found:
    """Search for an architecture on `data` whose children do well on `validation`.

    Each step trains the shared weights of one child that the controller draws, then the controller
    by the accuracy of another on some validation images. Test data have no part in it; train the
    architecture that is found from new weights. A search that is resumed from `checkpoint_path`
    gives the same, bit for bit on the CPU.
    """
    shared = SharedWeights(
        data.image_shape, data.n_classes, generator=generator_for(seed, "shared weights")
    )
    shared.standardise_by(data.images)
    learner = SearchLearner(
        shared,
        Controller(generator=generator_for(seed, "controller weights")),
        validation,
        settings,
        seed=seed,
        device=device,
    )
    history = train(
        learner,
        [Phase("search", data, settings.length)],
        learning_rate=CosineRate(settings.learning_rate),
        validation_data=validation,
        batch_size=settings.batch_size,
        seed=seed,
        evaluations=evaluations,
        checkpoint_path=checkpoint_path,
        resume=resume,
        log=log,
        show_progress=show_progress,
        label="search",
    )
    return Found(learner.controller.likeliest(), history)


class SearchLearner:
    """A Learner of shared weights and the controller that draws from them.

    `validation`: where rewards come from. The shared weights are trained in place, on `device`.
    """

    def __init__(
        self,
        shared: SharedWeights,
        controller: Controller,
        validation: Dataset,
        settings: SearchSettings,
        *,
        seed: int,
        device: torch.device | str = "auto",
    ) -> None:
        self.controller = controller
        self._device = resolve_device(device)
        self._shared = shared.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._validation = validation
        self._settings = settings
        self._seed = seed
        self._optimizer = new_optimizer("adam", shared, momentum=0.0, weight_decay=0.0)
        self._reinforce = Reinforce(
            controller,
            learning_rate=settings.controller_rate,
            entropy_weight=settings.entropy_weight,
            baseline_decay=settings.baseline_decay,
        )
        self._generator = generator_for(seed, "drawn architectures")
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=self._device)

    @property
    def device(self) -> torch.device:
        """Where the shared weights are."""
        return self._device

    def start(self) -> None:
        """Put the networks into training mode."""
        self._shared.train()

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Train one child, then the controller; return the child's loss of each sample (B,)."""
        with torch.no_grad():
            architecture = self.controller.sample(self._generator).architecture
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        child = SharedChild(self._shared, architecture)
        outcome = classification(child, to_unit_range(batch.images), batch.labels)
        loss = outcome.weighted_loss(batch.weights)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._loss_sum += loss.detach()
        if n_before >= self._settings.warm_up:
            self._reinforce.update(self._reward, self._generator)
        return outcome.losses.detach()

    @torch.no_grad()
    def _reward(self, architecture: Architecture) -> float:
        """The accuracy of the child on validation images that are drawn anew."""
        n_images = len(self._validation.images)
        drawn = torch.randint(n_images, (self._settings.n_rewarded,), generator=self._generator)
        rows = np.sort(drawn.numpy())
        images = torch.from_numpy(np.asarray(self._validation.images[rows])).to(self._device)
        labels = torch.from_numpy(np.asarray(self._validation.labels)[rows]).to(self._device)
        images = images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        logits = self._shared(to_unit_range(images), architecture)
        return float((logits.argmax(dim=1) == labels).double().mean())

    def take_loss_sum(self) -> float:
        """Return the sum of the losses of all steps since the last call."""
        loss_sum = float(self._loss_sum)
        self._loss_sum.zero_()
        return loss_sum

    def score(self, data: ImageRows) -> dict[str, float]:
        """Accuracies on `data` by shared weights: the mean of drawn children, and the likeliest.

        "accuracy" is the mean reward of the controller as it is, over the same draws each time.
        """
        generator = generator_for(self._seed, "scored architectures")
        with torch.no_grad():
            drawn = [
                self.controller.sample(generator).architecture
                for _ in range(self._settings.n_scored)
            ]
        accuracies = [self._accuracy(architecture, data) for architecture in drawn]
        return {
            "accuracy": sum(accuracies) / len(accuracies),
            "likeliest_accuracy": self._accuracy(self.controller.likeliest(), data),
        }

    def _accuracy(self, architecture: Architecture, data: ImageRows) -> float:
        scores = evaluate(
            SharedChild(self._shared, architecture),
            data,
            loss=classification,
            transform=to_unit_range,
            device=self._device,
        )
        return scores["accuracy"]

    def goal(self, scores: Mapping[str, float]) -> Goal:  # noqa: ARG002
        """Return the mean reward."""
        return Goal("accuracy", higher_is_better=True)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the shared weights and those of the controller."""
        return {
            **prefixed("shared", named_tensors(self._shared)),
            **prefixed("controller", named_tensors(self.controller)),
        }

    def finish(self, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        """Leave `weights`, or those of now, in the networks."""
        weights = self.weights() if weights is None else weights
        copy_tensors(self._shared, unprefixed("shared", weights))
        copy_tensors(self.controller, unprefixed("controller", weights))
        self._shared.eval()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        return {
            "loss_sum": self._loss_sum,
            "generator": self._generator.get_state(),
            **prefixed("shared", named_tensors(self._shared)),
            **prefixed("optimizer", optimizer_tensors(self._optimizer)),
            **self._reinforce.tensors(),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for another search."""
        restore_tensors(self._shared, unprefixed("shared", tensors), path)
        load_optimizer(self._optimizer, unprefixed("optimizer", tensors), path)
        self._reinforce.load(tensors, path)
        self._generator.set_state(tensors["generator"])
        self._loss_sum.copy_(tensors["loss_sum"])

    def describe(self) -> dict[str, Any]:
        """Return the settings that the search depends on."""
        return {"settings": self._settings, "seed": self._seed}
