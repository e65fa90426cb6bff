"""A variational autoencoder: an encoder, and a generator as its decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.data.batches import ordered_batches
from thinset.losses.variational import (
    bernoulli_reconstruction,
    gaussian_divergence,
    with_free_bits,
)
from thinset.training.learners.generative import GenerativeLearner
from thinset.training.randomness import generator_for
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from thinset.data.batches import ImageRows
    from thinset.models.generators import Decoder, Encoder
    from thinset.training.learners.generative import Observer

_SCORED_BATCH = 1000


class VariationalLearner(GenerativeLearner):
    """Maximises the evidence lower bound of images given their class (Kingma and Welling, 2014).

    The loss per image, in nats: Bernoulli reconstruction plus `beta` times the divergence of the
    latent from the prior, of which `free_nats` per latent element are free (see
    thinset.losses.variational). Both networks share one Adam. Other arguments: see
    GenerativeLearner.

    Scores: "loss", "reconstruction" and "divergence" in training, and "negative_elbo", the negative
    lower bound on the data that are scored, in nats per image, with `beta` 1.
    """

    goal_metric = "negative_elbo"
    averaged = ("generator", "encoder")

    def __init__(
        self,
        decoder: Decoder,
        encoder: Encoder,
        *,
        beta: float = 1.0,
        free_nats: float = 0.0,
        betas: tuple[float, float] = (0.5, 0.999),
        amsgrad: bool = False,
        ema_decay: float | None = None,
        seed: int = 0,
        device: torch.device | str = "auto",
        precision: str = "auto",
        observe: Observer | None = None,
    ) -> None:
        for name, value in (("beta", beta), ("free_nats", free_nats)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be finite and at least 0, got {value}")
        networks = {"generator": decoder, "encoder": encoder}
        parameters = [*decoder.parameters(), *encoder.parameters()]
        super().__init__(
            networks,
            {"both": (torch.optim.Adam(parameters, betas=betas, amsgrad=amsgrad), 1.0)},
            losses=("loss", "reconstruction", "divergence"),
            ema_decay=ema_decay,
            seed=seed,
            device=device,
            precision=precision,
            observe=observe,
            described={"beta": beta, "free_nats": free_nats, "betas": betas, "amsgrad": amsgrad},
        )
        self._decoder = decoder
        self._encoder = encoder
        self._beta = beta
        self._free_nats = free_nats

    def _step(self, images: torch.Tensor, labels: torch.Tensor, n_before: int) -> torch.Tensor:  # noqa: ARG002
        optimizer, _ = self._optimizers["both"]
        reconstruction, divergence = self._parts(images, labels, self._noise)
        limited = with_free_bits(divergence, self._free_nats)
        losses = reconstruction + self._beta * limited
        optimizer.zero_grad()
        losses.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        self._count(
            loss=losses, reconstruction=reconstruction, divergence=divergence.detach().sum(dim=1)
        )
        return losses

    def _parts(
        self, images: torch.Tensor, labels: torch.Tensor, noise: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstruction (B,) and divergence (B, D) of images with one latent each."""
        with self._autocast():
            mean, variance = self._encoder(images, labels)
            drawn = torch.randn(mean.shape, generator=noise, device=noise.device)
            logits = self._decoder.logits(mean + variance.sqrt() * drawn, labels)
        return bernoulli_reconstruction(logits, images), gaussian_divergence(mean, variance)

    def _scores_of(self, data: ImageRows) -> dict[str, float]:
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        noise = generator_for(self._seed, "scored latents", self.device)
        for images, labels in ordered_batches(
            data, device=self.device, batch_size=_SCORED_BATCH, channels_last=True
        ):
            reconstruction, divergence = self._parts(to_unit_range(images), labels, noise)
            total += (reconstruction.double() + divergence.double().sum(dim=1)).sum()
        return {"negative_elbo": float(total) / len(data.images)}
