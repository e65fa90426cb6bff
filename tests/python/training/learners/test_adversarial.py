from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from thinset.data.batches import Batch
from thinset.models.generators import Decoder, Discriminator
from thinset.training import generator_for
from thinset.training.learners.adversarial import AdversarialLearner

SHAPE, N_CLASSES = (4, 4, 1), 2


class Pair:
    """A learner, its two networks and batches."""

    def __init__(self, *, batch_norm: bool = True, **options: Any) -> None:
        weights = generator_for(0, "weights")
        self.generator = Decoder(SHAPE, N_CLASSES, latent_size=3, prior="uniform",
                                 generator=weights)  # fmt: skip
        self.discriminator = Discriminator(
            SHAPE, N_CLASSES, batch_norm=batch_norm, generator=weights
        )
        self.learner = AdversarialLearner(
            self.generator, self.discriminator, device="cpu", precision="float32", **options
        )
        self.learner.start()
        self.n_before = 0

    def step(self, learning_rate: float = 1e-3) -> torch.Tensor:
        random = np.random.default_rng(self.n_before)
        images = torch.from_numpy(random.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8))
        batch = Batch(images, torch.arange(6) % N_CLASSES, torch.arange(6), None)
        losses = self.learner.step(batch, learning_rate=learning_rate, n_before=self.n_before)
        self.n_before += 1
        return losses


def values(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def changed(network: torch.nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(v, before[n]) for n, v in network.named_parameters())


def test_each_update_has_gradients_of_its_own_network_alone() -> None:
    pair = Pair()
    images, labels = torch.rand(6, 1, 4, 4), torch.arange(6) % N_CLASSES
    before = values(pair.generator)
    pair.learner._optimizers["discriminator"][0].param_groups[0]["lr"] = 1e-3
    pair.learner._train_discriminator(images, labels)
    assert all(weight.grad is None for weight in pair.generator.parameters())
    assert not changed(pair.generator, before)
    gradients = {n: p.grad.clone() for n, p in pair.discriminator.named_parameters()}
    before = values(pair.discriminator)
    pair.learner._train_generator(images, labels)
    for name, weight in pair.discriminator.named_parameters():
        assert torch.equal(weight.grad, gradients[name])
        assert weight.requires_grad
    assert not changed(pair.discriminator, before)
    assert all(weight.grad is not None for weight in pair.generator.parameters())


def test_a_failed_update_of_the_generator_leaves_the_discriminator_trainable() -> None:
    pair = Pair()
    pair.generator.forward = None
    with pytest.raises(TypeError):
        pair.learner._train_generator(torch.rand(2, 1, 4, 4), torch.tensor([0, 1]))
    assert all(weight.requires_grad for weight in pair.discriminator.parameters())


@pytest.mark.parametrize("n_discriminator", [1, 2, 3])
def test_the_generator_is_trained_every_few_steps(n_discriminator: int) -> None:
    pair = Pair(n_discriminator=n_discriminator)
    trained = []
    for _ in range(6):
        before, other = values(pair.generator), values(pair.discriminator)
        pair.step()
        assert changed(pair.discriminator, other)
        trained.append(changed(pair.generator, before))
    assert trained == [(step + 1) % n_discriminator == 0 for step in range(6)]


def test_the_generator_has_a_multiple_of_the_learning_rate() -> None:
    pair = Pair(generator_rate=4.0)
    before = {"generator": values(pair.generator), "discriminator": values(pair.discriminator)}
    pair.step(1e-3)
    for name, network, rate in (
        ("discriminator", pair.discriminator, 1e-3),
        ("generator", pair.generator, 4e-3),
    ):
        # The first step of Adam moves each weight by the learning rate.
        moves = [(v - before[name][n]).abs().max() for n, v in network.named_parameters()]
        assert float(max(moves).detach()) == pytest.approx(rate, rel=0.01)


def test_losses_are_those_of_the_networks_before_the_step() -> None:
    pair, other = Pair(), Pair()
    losses = pair.step()
    noise = generator_for(0, "noise")
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)) / 255
    labels = torch.arange(6) % N_CLASSES
    generated = other.generator(other.generator.latents(6, noise), labels)
    real, made = other.discriminator(images, labels), other.discriminator(generated, labels)
    softplus = torch.nn.functional.softplus
    assert torch.allclose(losses, softplus(-real) + softplus(made), atol=1e-6)


class Marking:
    """Adds what it draws, so that each image that the discriminator sees can be told."""

    def __init__(self) -> None:
        self.n_images: list[int] = []

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(n, 1, generator=generator)

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        self.n_images.append(len(images))
        return images + 10 + parameters[:, :, None, None]


@pytest.mark.parametrize(
    ("options", "n_augmented"),
    [({}, 3), ({"matches_features": True}, 4), ({"penalty": 1.0, "batch_norm": False}, 3)],
)
def test_everything_that_the_discriminator_sees_is_augmented(options, n_augmented) -> None:
    augmentation = Marking()
    pair = Pair(augmentation=augmentation, **options)
    seen = []
    pair.discriminator.trunk.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach().clone())
    )
    before = values(pair.generator)
    pair.step()
    assert augmentation.n_images == [6] * n_augmented
    assert len(seen) == n_augmented + (1 if "penalty" in options else 0)
    assert all(float(images.min()) >= 10 for images in seen)
    shifts = {float(images.min()) for images in seen}
    assert len(shifts) == len(seen)  # each batch with values of its own
    assert changed(pair.generator, before)


def test_feature_matching_descends_on_the_distance_of_mean_features() -> None:
    pair = Pair(matches_features=True, batch_norm=False, generator_rate=1.0)
    images, labels = torch.rand(64, 1, 4, 4), torch.arange(64) % N_CLASSES
    pair.learner._optimizers["generator"][0].param_groups[0]["lr"] = 3e-3

    def distance() -> float:
        with torch.no_grad():
            latents = pair.generator.latents(64, generator_for(3, "test"))
            made = pair.discriminator.hidden(pair.generator(latents, labels), labels)
            real = pair.discriminator.hidden(images, labels)
        return float((made.mean(dim=0) - real.mean(dim=0)).square().sum())

    before = distance()
    for _ in range(15):
        pair.learner._train_generator(images, labels)
    assert distance() < before / 2


def test_the_penalty_brings_gradients_of_the_critic_near_one() -> None:
    """Small at first, as the initial weights are small."""
    pair = Pair(loss="wasserstein", penalty=1000.0, batch_norm=False)
    labels = torch.arange(16) % N_CLASSES

    def norm() -> float:
        images = torch.rand(16, 1, 4, 4, requires_grad=True)
        (gradients,) = torch.autograd.grad(pair.discriminator(images, labels).sum(), images)
        return float(gradients.flatten(1).norm(dim=1).mean())

    assert norm() < 0.02
    for _ in range(20):
        pair.step(1e-3)
    assert 0.3 < norm() < 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "least_squares"}, "loss must be one of non_saturating, hinge, wasserstein; got"),
        ({"loss": "wasserstein"}, "above 0 for wasserstein without spectral norm; got 0.0"),
        ({"penalty": -1.0}, "penalty must be finite and at least 0.*; got -1.0"),
        ({"penalty": float("nan")}, "penalty must be finite.*; got nan"),
        ({"penalty": 1.0}, "a gradient penalty needs a discriminator without batch norm"),
        ({"loss": "wasserstein", "penalty": 1.0}, "needs a discriminator without batch norm"),
        ({"n_discriminator": 0}, "n_discriminator must be at least 1, got 0"),
        ({"generator_rate": 0.0}, "generator_rate must be finite and above 0, got 0.0"),
        ({"generator_rate": float("inf")}, "generator_rate must be finite and above 0, got inf"),
        ({"ema_decay": 1.0}, "ema_decay must be at least 0 and less than 1, got 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pair(**options)
