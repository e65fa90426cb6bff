"""Images, step sizes and labels that are learned through an unrolled training."""

from __future__ import annotations

import dataclasses
import statistics
from collections import deque
from typing import TYPE_CHECKING, Any

import torch

from thinset.distillation.available_memory import available_memory
from thinset.distillation.initial_weights import StartingNetworks
from thinset.distillation.synthetic_learner import SyntheticLearner
from thinset.distillation.unrollable import require_unrollable
from thinset.distillation.unrolled import (
    InnerSteps,
    trained_weights,
    unrolled_gradients,
    weights_of,
)
from thinset.distillation.unrolled_memory import choose_segment, predicted_memory
from thinset.losses import classification
from thinset.models.batch_statistics import freeze_statistics
from thinset.training.learners.evaluate import evaluate
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.loop.run import TrainingDivergedError
from thinset.training.precision import resolve_device
from thinset.training.randomness import generator_for
from thinset.training.weights import named_tensors, restore_tensors
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from thinset.data.batches import Batch, ImageRows
    from thinset.distillation.methods.dd import Settings
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.distillation.unrolled import Weights

_BETAS = (0.5, 0.999)
_N_SCORED = 4


class UnrolledLearner(SyntheticLearner):
    """A Learner of a SyntheticSet by dataset distillation.

    A step draws `n_networks` networks, trains each by the T inner steps of the set, and moves the
    images, the step sizes and the labels, if they are learned, by Adam down the gradient of the
    mean loss that the trained networks have on a batch of real images. Wang et al., "Dataset
    Distillation", 2018; labels: Sucholutsky and Schonlau, "Soft-Label Dataset Distillation and Text
    Dataset Distillation", 2021, here kept on the simplex.

    Scores: "accuracy", the mean over four networks, drawn from a stream of their own and always the
    same, that are trained by the inner steps; one if all networks start alike.

    networks: makes the networks; see StartingNetworks for fixed weights. seed: of all drawn
    networks. precision: "auto" or "float32", which it is in both cases.

    Raises ValueError for networks that cannot be unrolled (see require_unrollable) and for more
    inner steps than fit into memory.
    """

    def __init__(
        self,
        synthetic: SyntheticSet,
        networks: NetworkKind | StartingNetworks,
        settings: Settings,
        *,
        seed: int,
        device: torch.device | str,
        precision: str,
    ) -> None:
        if precision not in ("auto", "float32"):
            raise ValueError(
                "precision must be float32 for dd and soft, whose gradients go through many steps; "
                f"got {precision!r}"
            )
        if synthetic.step_sizes is None:
            raise ValueError("dataset distillation learns step sizes: n_epochs must be at least 1")
        super().__init__(synthetic, resolve_device(device))
        self._networks = networks
        self._settings = settings
        self._seed = seed
        self._network = self._new_network(generator_for(seed, "tried network"))
        self._segment = self._chosen_segment(synthetic)
        self._network.to(self._device)
        synthetic.to(self._device)
        self._optimizer = torch.optim.Adam(synthetic.parameters(), betas=_BETAS)
        self._draws = generator_for(seed, "networks")

    def _chosen_segment(self, synthetic: SyntheticSet) -> int | None:
        n_images, channels, height, width = synthetic.images.shape
        assert synthetic.step_sizes is not None
        shape = (height, width, channels)
        require_unrollable(self._network, shape, synthetic.n_classes)
        memory = predicted_memory(
            self._network,
            shape,
            synthetic.n_classes,
            n_images=n_images // synthetic.n_steps,
            batch_size=self._settings.batch_size,
        )
        return choose_segment(
            self._settings.checkpointed,
            memory,
            len(synthetic.step_sizes),
            available_memory(self._device),
        )

    def start(self) -> None:
        """Train the initial weights, if they are to be pretrained and no checkpoint held them."""
        if isinstance(self._networks, StartingNetworks):
            self._networks.prepare(self._device)

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Take one step; the losses (B,) are means over the networks. See Learner.

        Raises TrainingDivergedError for an inner training that diverges, naming its step, for
        gradients that are not finite, and for a step size that runs away.
        """
        if batch.weights is not None:
            raise ValueError("images are distilled from samples without weights; use another order")
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.zero_grad()
        images = to_unit_range(batch.images)
        steps = self._inner_steps()
        n_networks = self._settings.n_networks
        learned = [value for value in steps if value.requires_grad]
        sums = [torch.zeros_like(value) for value in learned]
        mean_losses = torch.zeros(len(images), device=self._device)
        for _ in range(n_networks):
            start = weights_of(self._new_network(self._draws).to(self._device))
            losses, gradients = unrolled_gradients(
                self._network, start, steps, images, batch.labels, segment=self._segment
            )
            found = [gradient for gradient in gradients if gradient is not None]
            if not all(bool(value.isfinite().all()) for value in (losses, *found)):
                raise TrainingDivergedError(self._divergence(start, steps, n_before))
            sums = [total + part / n_networks for total, part in zip(sums, found, strict=True)]
            mean_losses += losses / n_networks
        torch.autograd.backward(learned, sums)
        limit = self._settings.max_gradient_norm
        if limit is not None:
            # One training that nearly diverges would slow Adam down for a thousand steps.
            torch.nn.utils.clip_grad_norm_(self._synthetic.parameters(), limit)
        self._optimizer.step()
        self._synthetic.project_labels()
        runaway = self._synthetic.runaway()
        if runaway is not None:
            raise TrainingDivergedError(
                f"distillation diverged at step {n_before + 1}: {runaway}; use a lower "
                "learning_rate or another initial step_size"
            )
        self._loss_sum += mean_losses.double().mean()
        return mean_losses

    def _inner_steps(self) -> InnerSteps:
        """The steps of the set, to be differentiated to its parameters."""
        synthetic = self._synthetic
        sizes = synthetic.step_sizes
        assert sizes is not None
        images, targets = (
            values.reshape(synthetic.n_steps, -1, *values.shape[1:])
            for values in (synthetic.pixels(), synthetic.targets)
        )
        return InnerSteps(images, targets, sizes)

    def _new_network(self, generator: torch.Generator) -> nn.Module:
        network = self._networks.new(generator)
        if self._settings.freeze_statistics:
            freeze_statistics(network)
        return network

    def _divergence(self, start: Weights, steps: InnerSteps, n_before: int) -> str:
        """What went wrong at a step after `n_before` others."""
        n_steps = len(steps.step_sizes)
        what = f"the gradients through all {n_steps} inner steps are not finite"
        for number, weights in enumerate(trained_weights(self._network, start, steps)):
            if not all(bool(value.isfinite().all()) for value in weights.values()):
                size = float(steps.step_sizes[number].detach())
                what = f"inner step {number + 1} of {n_steps}, of size {size:.3g}, gives weights "
                what += "that are not finite"
                break
        return (
            f"distillation diverged at step {n_before + 1}: {what}; use a smaller step_size or "
            "learning_rate"
        )

    def score(self, data: ImageRows) -> dict[str, float]:
        """Return the scores that the class describes."""
        alike = isinstance(self._networks, StartingNetworks) and self._networks.are_alike
        generator = generator_for(self._seed, "scored networks")
        accuracies = [self._accuracy(generator, data) for _ in range(1 if alike else _N_SCORED)]
        return {"accuracy": statistics.fmean(accuracies)}

    def _accuracy(self, generator: torch.Generator, data: ImageRows) -> float:
        network = self._new_network(generator).to(self._device)
        trained = deque(
            trained_weights(network, weights_of(network), self._inner_steps()), maxlen=1
        ).pop()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(trained[name])
        scores = evaluate(
            network, data, loss=classification, transform=to_unit_range, device=self._device
        )
        return scores["accuracy"]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        fixed = self._networks.tensors() if isinstance(self._networks, StartingNetworks) else {}
        return {
            "loss_sum": self._loss_sum,
            "draws": self._draws.get_state(),
            **prefixed("initial", fixed),
            **prefixed("synthetic", named_tensors(self._synthetic)),
            **prefixed("optimizer", optimizer_tensors(self._optimizer)),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for another set."""
        restore_tensors(self._synthetic, unprefixed("synthetic", tensors), path)
        load_optimizer(self._optimizer, unprefixed("optimizer", tensors), path)
        if isinstance(self._networks, StartingNetworks):
            self._networks.load(unprefixed("initial", tensors))
        self._draws.set_state(tensors["draws"])
        self._loss_sum.copy_(tensors["loss_sum"])

    def describe(self) -> dict[str, Any]:
        """Return the settings that the images depend on."""
        # Both ways of computing give the same gradients.
        settings = dataclasses.replace(self._settings, checkpointed="auto")
        return {"settings": settings, "seed": self._seed}
