from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from thinset.losses.variational import bernoulli_reconstruction
from thinset.models.generators import Decoder, Encoder
from thinset.training import Goal, Phase, generator_for, train
from thinset.training.learners.variational import VariationalLearner

SHAPE, N_CLASSES = (4, 4, 1), 2


class Images(NamedTuple):
    images: np.ndarray
    labels: np.ndarray


def make_images(n: int = 40) -> Images:
    """Bright images of class 1 and dark ones of class 0, with noise."""
    labels = np.arange(n) % N_CLASSES
    noise = np.random.default_rng(0).integers(0, 60, (n, *SHAPE))
    return Images((noise + 190 * labels[:, None, None, None]).astype(np.uint8), labels)


def learner(**options: Any) -> VariationalLearner:
    sizes = {"latent_size": 3, "generator": generator_for(0, "weights")}
    decoder, encoder = Decoder(SHAPE, N_CLASSES, **sizes), Encoder(SHAPE, N_CLASSES, **sizes)
    return VariationalLearner(decoder, encoder, device="cpu", **options)


def trained(length: str = "20st", **options: Any):
    made, data = learner(**options), make_images()
    history = train(
        made, [Phase("all", data, length)], learning_rate=1e-3, batch_size=20, test_data=data
    )
    return made, history


def test_the_lower_bound_rises_and_is_the_goal() -> None:
    made, history = trained()
    scores = [point.scores["negative_elbo"] for point in history.curve]
    assert scores[-1] < scores[0] - 1
    assert made.goal(history.curve[-1].scores) == Goal("negative_elbo", higher_is_better=False)


def test_the_bound_is_that_of_the_networks() -> None:
    """By other means: many latents for each image, and torch.distributions."""
    made, _ = trained("5st")
    data = make_images()
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2) / 255
    labels = torch.from_numpy(data.labels)
    with torch.no_grad():
        mean, variance = made._encoder(images, labels)
        posterior = torch.distributions.Normal(mean, variance.sqrt())
        torch.manual_seed(0)
        bounds = [
            bernoulli_reconstruction(made._decoder.logits(posterior.sample(), labels), images)
            for _ in range(30)
        ]
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1))
    expected = torch.stack(bounds).mean() + divergence.sum(dim=1).mean()
    # score() leaves the networks in training mode; finish() put them into evaluation mode before.
    assert made.score(data)["negative_elbo"] == pytest.approx(float(expected), rel=0.01)


def test_the_loss_is_reconstruction_plus_weighted_divergence() -> None:
    for beta in (0.0, 1.0, 4.0):
        _, history = trained("3st", beta=beta)
        scores = history.curve[-1].scores
        expected = scores["reconstruction"] + beta * scores["divergence"]
        assert scores["loss"] == pytest.approx(expected, rel=1e-5)
        assert scores["loss"] == pytest.approx(history.curve[-1].train_loss)


def test_beta_presses_latents_towards_the_prior() -> None:
    divergences = [
        trained("25st", beta=beta)[1].curve[-1].scores["divergence"] for beta in (0.01, 20.0)
    ]
    assert divergences[1] < divergences[0] / 3


def test_free_bits_keep_the_divergence_from_vanishing() -> None:
    free, pressed = (
        trained("25st", beta=20.0, free_nats=nats)[1].curve[-1].scores for nats in (0.5, 0.0)
    )
    assert free["divergence"] > pressed["divergence"]
    # Three elements of the latent, each of which counts half a nat at least.
    assert free["loss"] >= free["reconstruction"] + 20 * 3 * 0.5 - 1e-3


def test_the_reconstruction_of_chance_is_ln_2_a_pixel() -> None:
    made = learner()
    with torch.no_grad():
        for weight in made._decoder.parameters():
            weight.zero_()
    made.start()
    reconstruction, _ = made._parts(
        torch.rand(2, 1, 4, 4), torch.tensor([0, 1]), generator_for(0, "noise")
    )
    assert reconstruction.tolist() == pytest.approx([16 * math.log(2)] * 2)


@pytest.mark.parametrize("name", ["beta", "free_nats"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be finite and at least 0, got {value}"):
        learner(**{name: value})
