"""A generator and a discriminator trained against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from thinset.losses.adversarial import (
    ADVERSARIAL_LOSSES,
    AdversarialLoss,
    feature_matching,
    gradient_penalty,
)
from thinset.models.generators.spectral_norm import has_bounded_weights
from thinset.training.learners.generative import GenerativeLearner
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.loop.run import TrainingDivergedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from thinset.models.generators import ImageGenerator
    from thinset.training.learners.generative import Observer
    from thinset.training.learners.image_term import WeightedTerm


class Augmentation(Protocol):
    """A differentiable augmentation; see thinset.transforms.differentiable."""

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor: ...

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor: ...


class AdversarialLearner(GenerativeLearner):
    """Alternates updates of the discriminator and the generator (Goodfellow et al., 2014).

    `discriminator(images, labels)` returns logits (B,). Both are trained by Adam; the loop's
    learning rate is the discriminator's, and the generator's is `generator_rate` times that. One
    step trains the discriminator on one batch; every `n_discriminator` steps the generator is
    trained once. Real and generated images pass through the discriminator as separate batches.

    `loss`: see thinset.losses.adversarial. `penalty`: factor of the gradient penalty, which
    "wasserstein" needs unless all weights of the discriminator have spectral norm.
    `matches_features`: the generator matches the discriminator's mean hidden features instead of
    fooling it. `augmentation`: applied to every image that the discriminator sees (Zhao et al.,
    "Differentiable Augmentation for Data-Efficient GAN Training", 2020).
    `betas`, `amsgrad`: see torch.optim.Adam.

    `term`: an addition to the losses of one or both networks. The generator is moved by it. The
    discriminator is not: the term holds none of its parameters, so that a term on its side changes
    nothing but the score "term", the mean since the last evaluation. A term with the weight 0 is
    measured all the same.

    Other arguments: see GenerativeLearner.

    Raises ValueError for settings out of range.
    """

    def __init__(
        self,
        generator: ImageGenerator,
        discriminator: nn.Module,
        *,
        loss: AdversarialLoss = "non_saturating",
        penalty: float = 0.0,
        matches_features: bool = False,
        n_discriminator: int = 1,
        generator_rate: float = 5.0,
        betas: tuple[float, float] = (0.5, 0.999),
        amsgrad: bool = False,
        augmentation: Augmentation | None = None,
        term: WeightedTerm | None = None,
        ema_decay: float | None = None,
        seed: int = 0,
        device: torch.device | str = "auto",
        precision: str = "auto",
        observe: Observer | None = None,
    ) -> None:
        if loss not in ADVERSARIAL_LOSSES:
            names = ", ".join(ADVERSARIAL_LOSSES)
            raise ValueError(f"loss must be one of {names}; got {loss!r}")
        needs_penalty = loss == "wasserstein" and not has_bounded_weights(discriminator)
        if not 0 <= penalty < float("inf") or (needs_penalty and penalty == 0):
            raise ValueError(
                "penalty must be finite and at least 0, and above 0 for wasserstein without "
                f"spectral norm; got {penalty}"
            )
        if penalty > 0 and any(isinstance(part, _BATCH_NORMS) for part in discriminator.modules()):
            raise ValueError(
                "a gradient penalty needs a discriminator without batch norm, which makes scores "
                "depend on the rest of the batch"
            )
        if n_discriminator < 1:
            raise ValueError(f"n_discriminator must be at least 1, got {n_discriminator}")
        if not 0 < generator_rate < float("inf"):
            raise ValueError(f"generator_rate must be finite and above 0, got {generator_rate}")
        networks = {"generator": generator, "discriminator": discriminator}
        factors = {"generator": generator_rate, "discriminator": 1.0}
        super().__init__(
            networks,
            {
                name: (
                    torch.optim.Adam(network.parameters(), betas=betas, amsgrad=amsgrad),
                    factors[name],
                )
                for name, network in networks.items()
            },
            losses=("discriminator_loss", "generator_loss", *(() if term is None else ("term",))),
            ema_decay=ema_decay,
            seed=seed,
            device=device,
            precision=precision,
            observe=observe,
            described={
                "loss": loss,
                "penalty": penalty,
                "matches_features": matches_features,
                "n_discriminator": n_discriminator,
                "generator_rate": generator_rate,
                "betas": betas,
                "amsgrad": amsgrad,
                "augmentation": augmentation,
                # Checkpoints of trainings without a term do not name it.
                **({} if term is None else term.describe()),
            },
        )
        self._discriminator = discriminator
        self._losses = ADVERSARIAL_LOSSES[loss]
        self._penalty = penalty
        self._matches_features = matches_features
        self._n_discriminator = n_discriminator
        self._augmentation = augmentation
        self._term = term

    def start(self) -> None:
        """Put the networks into training mode; prepare the term of a new training."""
        super().start()
        if self._term is not None:
            self._term.prepare(self.device)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name.

        Raises TrainingDivergedError for a term that is not finite: on the discriminator's side, no
        weight would show it.
        """
        tensors = super().tensors()
        if self._term is not None:
            if not bool(self._sums["term"].isfinite().all()):
                raise TrainingDivergedError(
                    "training diverged: the term of the loss is not finite; use a lower weight of "
                    "the term or a lower learning rate"
                )
            tensors |= prefixed("term", self._term.tensors())
        return tensors

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for other networks."""
        super().load(tensors, path)
        if self._term is not None:
            self._term.load(unprefixed("term", tensors))

    def _step(self, images: torch.Tensor, labels: torch.Tensor, n_before: int) -> torch.Tensor:
        trains_generator = (n_before + 1) % self._n_discriminator == 0
        if self._term is not None:
            self._term.renew(trains_generator=trains_generator)
        losses = self._train_discriminator(images, labels)
        if trains_generator:
            self._train_generator(images, labels)
        return losses

    def _with_term(
        self,
        network: str,
        loss: torch.Tensor,
        drawn: torch.Tensor,
        images: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """What `network` minimises, from its other losses and images that are not augmented."""
        if self._term is None or not self._term.is_on(network):
            return loss
        values = self._term.values(drawn, images, labels)
        self._count(term=values)
        return self._term.total(loss, values)

    def _draw(self, labels: torch.Tensor) -> torch.Tensor:
        with self._autocast():
            drawn: torch.Tensor = self._generator(
                self._generator.latents(len(labels), self._noise), labels
            )
        return drawn

    def _augmented(self, images: torch.Tensor) -> torch.Tensor:
        if self._augmentation is None:
            return images
        return self._augmentation.apply(images, self._augmentation.draw(len(images), self._noise))

    def _train_discriminator(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        optimizer, _ = self._optimizers["discriminator"]
        with torch.no_grad():
            drawn = self._draw(labels)
        real, generated = self._augmented(images), self._augmented(drawn)
        with self._autocast():
            losses = self._losses.discriminator(
                self._discriminator(real, labels), self._discriminator(generated, labels)
            )
        total = losses.mean()
        if self._penalty > 0:
            penalties = gradient_penalty(
                lambda points: self._discriminator(points, labels), real, generated, self._noise
            )
            total = total + self._penalty * penalties.mean()
        total = self._with_term("discriminator", total, drawn, images, labels)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        self._count(discriminator_loss=losses)
        return losses

    def _train_generator(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer, _ = self._optimizers["generator"]
        self._discriminator.requires_grad_(requires_grad=False)
        try:
            drawn = self._draw(labels)
            generated = self._augmented(drawn)
            with self._autocast():
                if self._matches_features:
                    real = self._discriminator.hidden(self._augmented(images), labels)  # type: ignore[operator]
                    loss = feature_matching(real, self._discriminator.hidden(generated, labels))  # type: ignore[operator]
                else:
                    loss = self._losses.generator(self._discriminator(generated, labels)).mean()
            total = self._with_term("generator", loss, drawn, images, labels)
            optimizer.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
        finally:
            self._discriminator.requires_grad_(requires_grad=True)
        optimizer.step()
        self._count(generator_loss=loss)


_BATCH_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
