"""Terms of the losses of adversarial networks that depend on images alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thinset.data.batches import Batch
from thinset.losses.adversarial import ADVERSARIAL_LOSSES
from thinset.models.generators import ProjectionDiscriminator, ResidualGenerator
from thinset.training import TrainingDivergedError, generator_for
from thinset.training.learners.adversarial import AdversarialLearner
from weighted_terms import take_term

N_CLASSES = 2
NOWHERE = Path("nowhere")


class Distance:
    """Squared distances of images, pixels weighted at random: as a new evaluation network would."""

    def __init__(self, seed: int = 5) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.weights = torch.zeros(1, 4, 4)
        self.calls: list[str] = []
        self.seen: list[tuple[torch.Tensor, ...]] = []
        self.factor = 1.0

    def prepare(self, device: torch.device) -> None:
        assert device.type == "cpu"
        self.calls.append("prepare")

    def renew(self) -> None:
        self.calls.append("renew")
        self.weights = torch.rand(1, 4, 4, generator=self.random)

    def __call__(self, generated, images, labels):
        self.calls.append("moves" if generated.requires_grad else "measures")
        self.seen.append((generated.detach().clone(), images.clone(), labels.clone()))
        difference = self.weights * (generated - images)
        return self.factor * difference.square().flatten(1).sum(dim=1)

    def tensors(self):
        return {"random": self.random.get_state(), "weights": self.weights}

    def load(self, tensors) -> None:
        self.calls.append("load")
        self.random.set_state(tensors["random"])
        self.weights = tensors["weights"].clone()

    def describe(self):
        return {"term": "distance"}


class Pair:
    """A small SNGAN with a term, and its learner."""

    def __init__(self, term: Any = None, *, started: bool = True, **options: Any) -> None:
        weights = generator_for(0, "weights")
        sizes: dict[str, Any] = {"n_channels": 4, "bottom_width": 2, "generator": weights}
        self.generator = ResidualGenerator((4, 4, 1), N_CLASSES, latent_size=3, **sizes)
        self.discriminator = ProjectionDiscriminator((4, 4, 1), N_CLASSES, **sizes)
        self.term = term
        weighted = take_term(options, term)
        settings = {"loss": "hinge", "betas": (0.0, 0.9), "n_discriminator": 2, **options}
        self.learner = AdversarialLearner(
            self.generator, self.discriminator, generator_rate=1.0, device="cpu", term=weighted,
            precision="float32", **settings,
        )  # fmt: skip
        self.n_before = 0
        if started:
            self.learner.start()

    def steps(self, n: int) -> Pair:
        for _ in range(n):
            random = np.random.default_rng(self.n_before)
            images = torch.from_numpy(random.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8))
            batch = Batch(images, torch.arange(6) % N_CLASSES, torch.arange(6), None)
            self.learner.step(batch, learning_rate=1e-2, n_before=self.n_before)
            self.n_before += 1
        return self

    def resumed(self, **options: Any) -> Pair:
        """Another pair that continues from here, as after a kill."""
        tensors = {name: value.clone() for name, value in self.learner.tensors().items()}
        other = Pair(Distance(seed=9), started=False, **options)
        other.learner.load(tensors, NOWHERE)
        other.learner.start()
        other.n_before = self.n_before
        return other


def parameters(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    assert first.keys() == second.keys()
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_on_the_discriminator_a_term_changes_no_tensor() -> None:
    """Bit for bit, as the term holds none of its parameters; with a resume between."""
    options: dict[str, Any] = {"term_on": "discriminator"}
    weighted = Pair(Distance(), term_weight=3.0, **options).steps(3)
    weighted = weighted.resumed(term_weight=3.0, **options).steps(4)
    zero = Pair(Distance(), term_weight=0.0, **options).steps(7)
    without = Pair().steps(7)
    found, expected = (dict(pair.learner.tensors()) for pair in (weighted, zero))
    assert same(found, expected)
    assert set(weighted.term.calls) == {"load", "renew", "measures"}
    plain = dict(without.learner.tensors())
    assert same({name: found[name] for name in plain}, plain)
    assert {name.split("/")[0] for name in found.keys() - plain.keys()} == {"sums", "term"}


@pytest.mark.parametrize("side", ["generator", "both"])
def test_on_the_generator_a_term_moves_the_generator_alone_at_first(side: str) -> None:
    """The discriminator is trained first in a step, and sees another generator in the next."""
    zero = Pair(Distance(), term_on=side, term_weight=0.0).steps(2)
    weighted = Pair(Distance(), term_on=side, term_weight=3.0).steps(2)
    assert not same(parameters(zero.generator), parameters(weighted.generator))
    assert same(parameters(zero.discriminator), parameters(weighted.discriminator))
    assert "moves" in weighted.term.calls
    assert "moves" not in zero.term.calls
    assert same(parameters(zero.generator), parameters(Pair().steps(2).generator))


@pytest.mark.parametrize("adversarial_weight", [1.0, 0.25, 0.0])
def test_the_generator_descends_on_the_weighted_sum(adversarial_weight: float) -> None:
    """Its gradient is that of all other losses and of the mean term, each times its weight."""
    options: dict[str, Any] = {"adversarial_weight": adversarial_weight, "term_weight": 2.0}
    pair, other = (Pair(Distance(), n_discriminator=1, **options) for _ in range(2))
    pair.steps(1)
    # The same step by hand: the discriminator's update first, then a new draw.
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
    ) / 255  # fmt: skip
    labels = torch.arange(6) % N_CLASSES
    other.term.renew()
    for optimizer, _ in other.learner._optimizers.values():
        optimizer.param_groups[0]["lr"] = 1e-2
    other.learner._train_discriminator(images, labels)
    other.discriminator.requires_grad_(requires_grad=False)
    generated = other.generator(other.generator.latents(6, other.learner._noise), labels)
    hinge = ADVERSARIAL_LOSSES["hinge"]
    adversarial = hinge.generator(other.discriminator(generated, labels)).mean()
    total = adversarial_weight * adversarial + 2 * other.term(generated, images, labels).mean()
    gradients = torch.autograd.grad(total, list(other.generator.parameters()))
    for weight, gradient in zip(pair.generator.parameters(), gradients, strict=True):
        assert weight.grad is not None
        assert torch.allclose(weight.grad, gradient, atol=1e-6)


def test_the_term_alone_on_the_discriminator_trains_no_discriminator() -> None:
    pair = Pair(Distance(), term_on="discriminator", term_weight=1.0, adversarial_weight=0.0)
    before, other = parameters(pair.discriminator), parameters(pair.generator)
    pair.steps(4)
    assert same(parameters(pair.discriminator), before)
    assert not same(parameters(pair.generator), other)  # it keeps its loss


def test_the_term_alone_on_the_generator_keeps_the_loss_of_the_discriminator() -> None:
    pair = Pair(Distance(), term_weight=1.0, adversarial_weight=0.0)
    before = parameters(pair.discriminator)
    pair.steps(1)
    assert not same(parameters(pair.discriminator), before)
    assert same(parameters(pair.discriminator), parameters(Pair().steps(1).discriminator))


def test_the_term_alone_on_both_sides_trains_the_generator_alone() -> None:
    pair = Pair(Distance(), term_on="both", term_weight=1.0, adversarial_weight=0.0)
    before, other = parameters(pair.discriminator), parameters(pair.generator)
    pair.steps(4)
    assert same(parameters(pair.discriminator), before)
    assert not same(parameters(pair.generator), other)


class Brightening:
    """An augmentation after which images are out of [0, 1]."""

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(n, 1, generator=generator)

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        return images + 10 + parameters[:, :, None, None]


@pytest.mark.parametrize("side", ["generator", "discriminator", "both"])
def test_a_term_sees_pairs_of_images_before_augmentation(side: str) -> None:
    pair = Pair(Distance(), term_on=side, augmentation=Brightening()).steps(4)
    assert len(pair.term.seen) == {"generator": 2, "discriminator": 4, "both": 6}[side]
    first = np.random.default_rng(1 if side == "generator" else 0)
    expected = torch.from_numpy(first.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)) / 255
    assert torch.equal(pair.term.seen[0][1], expected)
    for generated, images, labels in pair.term.seen:
        assert generated.shape == images.shape == (6, 1, 4, 4)
        assert generated.dtype == images.dtype == torch.float32
        assert 0 <= float(generated.min()) <= float(generated.max()) <= 1
        assert 0 <= float(images.min()) <= float(images.max()) <= 1
        assert labels.tolist() == [0, 1] * 3


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("generator", ["renew", "moves", "renew", "moves"]),
        ("discriminator", ["renew", "measures"] * 4),
        ("both", ["renew", "measures", "renew", "measures", "moves"] * 2),
    ],
)
def test_a_term_is_prepared_once_and_renewed_in_steps_that_compute_it(side, expected) -> None:
    pair = Pair(Distance(), term_on=side, term_weight=1.0)
    pair.learner.start()
    assert pair.steps(4).term.calls == ["prepare", *expected]
    resumed = pair.resumed(term_on=side, term_weight=1.0)
    resumed.learner.start()
    assert resumed.term.calls == ["load"]


def test_a_resumed_training_with_a_term_is_the_same() -> None:
    options: dict[str, Any] = {"term_on": "both", "term_weight": 0.5, "ema_decay": 0.9}
    whole = Pair(Distance(), **options).steps(6)
    resumed = Pair(Distance(), **options).steps(3).resumed(**options).steps(3)
    assert same(dict(whole.learner.tensors()), dict(resumed.learner.tensors()))


def test_the_mean_term_is_a_score() -> None:
    class Rows:
        images = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 1), dtype=np.uint8)
        labels = np.arange(8) % N_CLASSES

    pair = Pair(Distance(), term_on="both", term_weight=0.0).steps(4)
    values = [
        (weight * (generated - images)).square().flatten(1).sum(dim=1).mean()
        for weight, (generated, images, _) in zip(
            _weights_of_calls(pair.term), pair.term.seen, strict=True
        )
    ]
    pair.learner.take_loss_sum()
    assert pair.learner.score(Rows())["term"] == pytest.approx(float(sum(values)) / 6, rel=1e-5)
    pair.learner.take_loss_sum()
    assert "term" not in pair.learner.score(Rows())
    without = Pair().steps(2)
    without.learner.take_loss_sum()
    assert "term" not in without.learner.score(Rows())


def _weights_of_calls(term: Distance) -> list[torch.Tensor]:
    again, found = Distance(), []
    for call in term.calls:
        if call == "renew":
            again.renew()
        elif call != "prepare":
            found.append(again.weights)
    return found


@pytest.mark.parametrize("side", ["generator", "discriminator"])
def test_a_term_that_is_not_finite_leaves_no_checkpoint(side: str) -> None:
    pair = Pair(Distance(), term_on=side, term_weight=1.0).steps(2)
    pair.learner.tensors()
    pair.term.factor = float("nan")
    pair.steps(2)
    with pytest.raises(TrainingDivergedError, match="the term of the loss is not finite"):
        pair.learner.tensors()


def test_checkpoints_tell_terms_apart_and_do_not_name_what_is_absent() -> None:
    described = dict(Pair(Distance(), term_weight=2.0, term_on="both").learner.describe())
    assert described["term"] == {"term": "distance"}
    assert (described["term_weight"], described["term_on"]) == (2.0, "both")
    assert described["adversarial_weight"] == 1.0
    plain = Pair().learner.describe()
    assert not {"term", "term_weight", "term_on", "adversarial_weight"} & plain.keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"term_weight": -1.0}, "weight must be finite and at least 0, got -1.0"),
        ({"term_weight": float("nan")}, "weight must be finite and at least 0, got nan"),
        ({"term_weight": float("inf")}, "weight must be finite and at least 0, got inf"),
        ({"adversarial_weight": -0.5}, "adversarial_weight must be finite .*, got -0.5"),
        ({"adversarial_weight": float("nan")}, "adversarial_weight must be finite .*, got nan"),
        ({"term_on": "images"}, "on must be one of generator, discriminator, both; got 'images'"),
    ],
)
def test_weights_out_of_range_are_refused(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pair(Distance(), **options)
