"""Latents of a generator that move down a loss of the images that they stand for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from thinset.losses.input_gradients import input_gradients, norms
from thinset.training.learners.learner import Goal
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.learners.steps_in_flight import StepsInFlight
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.precision import resolve_device
from thinset.training.weights import weights_fingerprint
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from thinset.data.batches import Batch, ImageRows
    from thinset.distillation.through_gan.evaluation_networks import EvaluationNetworks
    from thinset.distillation.through_gan.settings import LatentSettings
    from thinset.models.generators import ImageGenerator

_SHORTEST = 1e-12  # so that a latent of length 0 can be projected


class LatentLearner:
    """A Learner of latents (M, d), each the image of one class, by Adam.

    Each step renews R, pairs every latent with a real image of its class, and moves it down
    alpha * ‖∇R(x) - ∇R(G(z))‖ + beta * ‖∇R(G(z))‖, with gradients of the cross-entropy with respect
    to the image ("Dataset distillation with deep learning", Eq. 4.6). Latents do not influence each
    other: the generator and R are in evaluation mode. The constraint: see LatentSettings; the
    radius of the sphere is √d times the deviation of the generator's latents.

    The first `settings.n_encoding` steps move latents towards `targets` instead, images (M, C, H,
    W) in [0, 1], down the mean squared distance of pixels. A batch must hold as many real images of
    each class as there are latents of it. The generator is copied.

    Scores, whatever the data: "norm", the mean length of the latents; the means since the last
    evaluation of "loss", that of the search, and of "distance", that of the encoding.
    """

    def __init__(
        self,
        generator: ImageGenerator,
        latents: torch.Tensor,
        labels: torch.Tensor,
        networks: EvaluationNetworks,
        settings: LatentSettings,
        *,
        targets: torch.Tensor | None,
        device: torch.device | str,
    ) -> None:
        self._device = resolve_device(device)
        self._generator = copy.deepcopy(generator).eval().requires_grad_(requires_grad=False)
        self._generator.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._networks = networks
        self._settings = settings
        self.labels = labels.to(self._device)
        self.latents = latents.clone().to(self._device).requires_grad_()
        self._targets = None if targets is None else targets.to(self._device)
        self._by_class = self.labels.argsort(stable=True)
        self._radius = latents.shape[1] ** 0.5 * generator.latent_deviation
        self._optimizer = torch.optim.Adam([self.latents])
        self._sums = {
            name: torch.zeros(2, dtype=torch.float64, device=self._device)
            for name in ("loss", "distance")
        }
        self._means: dict[str, float] = {}
        self._steps_in_flight = StepsInFlight(self._device)
        self._described = {
            "settings": settings,
            "networks": networks.describe(),
            "generator": weights_fingerprint(generator),
            "n_latents": len(latents),
        }

    @property
    def device(self) -> torch.device:
        """Where the latents are."""
        return self._device

    @property
    def norm(self) -> float:
        """The mean length of the latents."""
        return float(self.latents.detach().norm(dim=1).mean())

    def start(self) -> None:
        """Train R, if it is to be pretrained and no checkpoint held it."""
        self._networks.prepare(self._device)

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Move all latents once; return the loss of the latent that each real image is paired with.

        Raises ValueError for batches that the class does not allow.
        """
        order = self._order_of(batch)
        if n_before == self._settings.n_encoding:
            self._optimizer.state.clear()  # the moments of another loss
        if n_before < self._settings.n_encoding:
            losses = self._distances()
        else:
            losses = self._search_losses(batch.images[order])
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        if self._settings.constraint == "sphere":
            with torch.no_grad():
                lengths = self.latents.norm(dim=1, keepdim=True).clamp(min=_SHORTEST)
                self.latents.mul_(self._radius / lengths)
        self._steps_in_flight.wait()
        found = torch.empty_like(losses)
        found[order] = losses[self._by_class]
        return found

    def _order_of(self, batch: Batch) -> torch.Tensor:
        """The rows of a batch, class by class, as `_by_class` has the latents."""
        if batch.weights is not None or batch.labels.ndim != 1:
            raise ValueError("a latent search needs real images with labels, without weights")
        order = batch.labels.argsort(stable=True)
        if not torch.equal(batch.labels[order], self.labels[self._by_class]):
            raise ValueError(
                "a batch must hold as many real images of each class as there are latents of it; "
                "use the order ClassBalanced with n_samples equal to the number of latents"
            )
        return order

    def _distances(self) -> torch.Tensor:
        """The distance of each image from its target (M,); sets the gradients of the latents."""
        assert self._targets is not None
        losses = torch.empty(len(self.latents), device=self._device)
        self.latents.grad = torch.zeros_like(self.latents)
        for rows in self._chunks():
            part = self.latents.detach()[rows].requires_grad_()
            images = self._generator(part, self.labels[rows]).float()
            distances = (images - self._targets[rows]).square().flatten(1).mean(dim=1)
            (self.latents.grad[rows],) = torch.autograd.grad(distances.sum(), part)
            losses[rows] = distances.detach()
        self._count("distance", losses)
        return losses

    def _search_losses(self, real: torch.Tensor) -> torch.Tensor:
        """The loss of each latent (M,); sets the gradients. `real`: images class by class."""
        settings = self._settings
        self._networks.renew()
        network = self._networks.network(self._device)
        paired = torch.empty_like(real)
        paired[self._by_class] = real
        losses = torch.empty(len(self.latents), device=self._device)
        self.latents.grad = torch.zeros_like(self.latents)
        for rows in self._chunks():
            labels = self.labels[rows]
            part = self.latents.detach()[rows].requires_grad_()
            found = input_gradients(network, self._generator(part, labels).float(), labels)
            values = torch.zeros(len(part), device=self._device)
            if settings.alpha != 0:
                wanted = input_gradients(network, to_unit_range(paired[rows]), labels)
                values = values + settings.alpha * norms(found - wanted)
            if settings.beta != 0:
                values = values + settings.beta * norms(found)
            if settings.constraint == "l2":
                values = values + settings.penalty * part.square().sum(dim=1)
            # A sum: how a latent moves does not depend on how many there are.
            (self.latents.grad[rows],) = torch.autograd.grad(values.sum(), part)
            losses[rows] = values.detach()
        self._count("loss", losses)
        return losses

    def _chunks(self) -> Iterator[slice]:
        size = self._settings.batch_size
        return (slice(start, start + size) for start in range(0, len(self.latents), size))

    def _count(self, name: str, losses: torch.Tensor) -> None:
        self._sums[name][0] += losses.double().mean()
        self._sums[name][1] += 1

    def images(self) -> Iterator[torch.Tensor]:
        """The images of the latents, (B, C, H, W) in [0, 1], `batch_size` at once."""
        for rows in self._chunks():
            with torch.no_grad():
                yield self._generator(self.latents.detach()[rows], self.labels[rows]).float()

    def take_loss_sum(self) -> float:
        """Return the sum of the mean losses of all steps since the last call."""
        sums = {name: value.tolist() for name, value in self._sums.items()}
        self._means = {name: total / n for name, (total, n) in sums.items() if n > 0}
        for value in self._sums.values():
            value.zero_()
        return float(sum(total for total, _ in sums.values()))

    def score(self, data: ImageRows) -> dict[str, float]:  # noqa: ARG002 - the same for all
        """Return the scores that the class describes."""
        return {**self._means, "norm": self.norm}

    def goal(self, scores: Mapping[str, float]) -> Goal:  # noqa: ARG002 - the same for all
        """Return the lowest loss."""
        return Goal("loss", higher_is_better=False)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the latents."""
        return {"latents": self.latents.detach()}

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        return {
            "latents": self.latents.detach(),
            **prefixed("sums", self._sums),
            **prefixed("networks", self._networks.tensors()),
            **prefixed("optimizer", optimizer_tensors(self._optimizer)),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned."""
        with torch.no_grad():
            self.latents.copy_(tensors["latents"])
        load_optimizer(self._optimizer, unprefixed("optimizer", tensors), path)
        for name, value in self._sums.items():
            value.copy_(tensors[f"sums/{name}"])
        self._networks.load(unprefixed("networks", tensors))

    def describe(self) -> dict[str, Any]:
        """Return the settings that the latents depend on."""
        return self._described

    def finish(self, weights: Mapping[str, torch.Tensor] | None) -> None:
        """Leave `weights`, or those of now, in the latents."""
        if weights is not None:
            with torch.no_grad():
                self.latents.copy_(weights["latents"])
        self.latents.grad = None
