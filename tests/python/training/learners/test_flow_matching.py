from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from thinset.models.generators import FlowGenerator
from thinset.training import Goal, Phase, generator_for, train
from thinset.training.learners.flow_matching import FlowLearner


class Images(NamedTuple):
    images: np.ndarray
    labels: np.ndarray


def make_images(n: int = 40) -> Images:
    """Bright images of class 1 and dark ones of class 0."""
    labels = np.arange(n) % 2
    return Images(np.where(labels, 230, 25).astype(np.uint8).repeat(16).reshape(n, 4, 4, 1), labels)


def network(**options) -> FlowGenerator:
    weights = generator_for(0, "weights")
    return FlowGenerator((4, 4, 1), 2, widths=(16, 8), n_steps=3, generator=weights, **options)


def test_pixels_are_doubled_for_the_field_and_halved_for_images() -> None:
    """The velocity leads to 2 x - 1, so that images keep their brightness."""
    generator, data = network(), make_images()
    learner = FlowLearner(generator, device="cpu", ema_decay=None)
    history = train(
        learner,
        [Phase("all", data, "80st")],
        learning_rate=5e-3,
        batch_size=20,
        test_data=data,
    )
    assert history.curve[-1].train_loss < history.curve[0].train_loss / 2
    assert learner.goal(history.curve[-1].scores) == Goal("loss", higher_is_better=False)
    noise = generator.latents(20, generator_for(1, "test"))
    with torch.no_grad():
        dark = generator(noise, torch.zeros(20, dtype=torch.int64))
        bright = generator(noise, torch.ones(20, dtype=torch.int64))
    assert float(dark.mean()) == pytest.approx(25 / 255, abs=0.1)
    assert float(bright.mean()) == pytest.approx(230 / 255, abs=0.1)


def test_the_first_loss_is_the_distance_of_noise_and_images() -> None:
    """Of a field that is still 0: E (x - n)^2 = E x^2 + 1 with pixels x in [-1, 1]."""
    data = make_images()
    history = train(
        FlowLearner(network(), device="cpu"),
        [Phase("all", data, "1st")],
        learning_rate=1e-3,
        batch_size=2000,
        evaluations=1,
    )
    expected = np.square(data.images / 255 * 2 - 1).mean() + 1
    assert history.curve[-1].train_loss == pytest.approx(expected, rel=0.02)
