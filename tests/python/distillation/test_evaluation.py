"""Ordinary training on small sets: equal for all, with a learning rate chosen for each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from thinset.distillation import evaluation
from thinset.distillation.evaluation import (
    choose_rate,
    predictions,
    scores_of,
    train_teacher,
    transform_of,
)
from thinset.distillation.networks import NetworkKind
from thinset.distillation.set_training import SetTraining
from thinset.distillation.small_set import SmallSet
from thinset.duration import Duration

KIND = NetworkKind("small_networks:small", 1.0, (8, 8, 1), 10, (0.3,), (0.4,))
TRAINING = SetTraining(Duration(20, "st"), learning_rates=(0.01, 0.1)).resolved_for((8, 8, 1), 10)


@pytest.fixture
def small(one_per_class):
    return SmallSet(*one_per_class)


def scores(small, digits, **options):
    arguments = {
        "learning_rate": 0.1,
        "is_augmented": False,
        "n_networks": 2,
        "scored_on": digits["test"],
        "seed": 0,
        "device": "cpu",
    }
    return scores_of(small, KIND, TRAINING, **{**arguments, **options})


def chosen(small, digits, training=TRAINING, **options):
    arguments = {
        "is_augmented": False,
        "validation_data": digits["test"],
        "seed": 0,
        "n_networks": 1,
        "device": "cpu",
    }
    return choose_rate(small, KIND, training, **{**arguments, **options})


def test_networks_learn_from_a_few_images(small, digits):
    found = scores(small, digits)
    assert found.n == 2
    assert found.mean > 0.35
    assert scores(small, digits) == found
    assert scores(small, digits, seed=1) != found
    assert scores(small, digits, n_networks=1).accuracies == found.accuracies[:1]
    assert scores(small, digits, is_augmented=True) != found


def test_soft_labels_are_trained_on(small, digits):
    soft = np.roll(np.eye(10, dtype=np.float32), 1, axis=1)
    misled = dataclasses.replace(small, soft_labels=soft)
    assert scores(misled, digits).mean < 0.15
    assert scores(misled.with_hard_labels(), digits) == scores(small, digits)


def test_networks_that_diverge_count_as_guessing(small, digits):
    found = scores(small, digits, learning_rate=1e30)
    assert (found.accuracies, found.n_diverged) == ((0.1, 0.1), 2)


@pytest.fixture
def accuracies(monkeypatch):
    """Replaces trainings by given accuracies, by learning rate."""

    def use(by_rate):
        tried = []

        def fake(*_args, learning_rate, **_options):
            tried.append(learning_rate)
            return evaluation.NetworkScores((by_rate(learning_rate),))

        monkeypatch.setattr(evaluation, "scores_of", fake)
        return tried

    return use


def test_the_most_accurate_rate_is_chosen(small, digits, accuracies):
    tried = accuracies({0.01: 0.2, 0.03: 0.5, 0.1: 0.5, 0.3: 0.4}.get)
    training = dataclasses.replace(TRAINING, learning_rates=(0.01, 0.03, 0.1, 0.3))
    found = chosen(small, digits, training)
    assert found.learning_rate == 0.03  # the lower of equal ones
    assert not found.is_edge
    assert found.tried == ((0.01, 0.2), (0.03, 0.5), (0.1, 0.5), (0.3, 0.4))
    assert tried == [0.01, 0.03, 0.1, 0.3]


def test_a_rate_with_which_only_some_networks_learn_is_not_chosen(small, digits, monkeypatch):
    by_rate = {0.01: (0.5, 0.5, 0.5), 0.03: (0.6, 0.6, 0.6), 0.1: (0.9, 0.1, 0.1)}

    def fake(*_args, learning_rate, n_networks, **_options):
        return evaluation.NetworkScores(by_rate[learning_rate][:n_networks])

    monkeypatch.setattr(evaluation, "scores_of", fake)
    training = dataclasses.replace(TRAINING, learning_rates=(0.01, 0.03, 0.1))
    assert chosen(small, digits, training, n_networks=3).learning_rate == 0.03


@pytest.mark.parametrize(
    ("peak", "rates", "is_edge"),
    [(0.5, [0.1, 0.2, 0.4, 0.8], False), (0.01, [0.1, 0.2, 0.05, 0.025, 0.0125], True),
     (9.0, [0.1, 0.2, 0.4, 0.8, 1.6], True)],
)  # fmt: skip
def test_rates_beyond_the_edge_are_tried(small, digits, accuracies, peak, rates, is_edge):
    tried = accuracies(lambda rate: 1 / (1 + abs(np.log(rate / peak))))
    training = dataclasses.replace(TRAINING, learning_rates=(0.1, 0.2))
    found = chosen(small, digits, training)
    assert tried == pytest.approx(rates)
    assert found.is_edge is is_edge
    assert found.learning_rate == min(rates, key=lambda rate: abs(np.log(rate / peak)))


def test_a_single_rate_is_taken_as_it_is(small, digits, accuracies):
    tried = accuracies(lambda _: 0.3)
    found = chosen(small, digits, dataclasses.replace(TRAINING, learning_rates=(0.1,)))
    assert (found.learning_rate, found.is_edge, tried) == (0.1, False, [0.1])


def test_a_rate_is_really_chosen_by_training(small, digits):
    training = dataclasses.replace(TRAINING, learning_rates=(1e-5, 0.05, 1e9))
    found = chosen(small, digits, training)
    assert found.learning_rate == 0.05
    assert dict(found.tried)[1e9] == 0.1


class TestTransforms:
    images = torch.rand(4, 1, 8, 8)

    def augmented(self, training, images, *, is_augmented):
        generator = torch.Generator().manual_seed(0)
        return transform_of(training, is_augmented=is_augmented)(images, generator)

    def test_none_is_none(self):
        assert torch.equal(self.augmented(TRAINING, self.images, is_augmented=False), self.images)
        grey = (self.images * 255).to(torch.uint8)
        unit = self.augmented(TRAINING, grey, is_augmented=False)
        assert unit.dtype == torch.float32
        assert unit.max() <= 1

    def test_grey_images_are_not_flipped_or_coloured(self):
        assert (TRAINING.strategy, TRAINING.flips) == ("translation,cutout", False)
        assert not torch.equal(
            self.augmented(TRAINING, self.images, is_augmented=True), self.images
        )

    def test_colour_images_are(self):
        colour = SetTraining().resolved_for((8, 8, 3), 10)
        assert (colour.strategy, colour.flips) == ("color,translation,cutout", True)
        flips = dataclasses.replace(colour, strategy="translation")
        plain = dataclasses.replace(flips, flips=False)
        images = torch.rand(64, 3, 8, 8)
        one, other = (self.augmented(t, images, is_augmented=True) for t in (flips, plain))
        assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("length", "n_images", "steps"), [("7st", 10, "7st"), ("3ep", 10, "3st"), ("3ep", 40, "8st")]
)
def test_epochs_are_those_of_the_audited_set(length, n_images, steps):
    training = SetTraining(Duration.parse(length), batch_size=16)
    assert str(training.resolved_for((8, 8, 1), n_images).length) == steps


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rates": ()}, "must have at least one value"),
        ({"learning_rates": (0.1, 0.1)}, "distinct and ascending"),
        ({"learning_rates": (0.2, 0.1)}, "distinct and ascending"),
        ({"length": Duration(1, "min")}, "length must be in steps, epochs or samples"),
        ({"length": Duration(0, "st")}, "more than 0; got 0st"),
        ({"strategy": "mirror"}, "strategy must be names among"),
    ],
)
def test_refuses_settings_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        SetTraining(**options)


def test_a_teacher_labels_images_softly(small, digits):
    teacher, accuracy = train_teacher(
        digits["train"], KIND, TRAINING, length=Duration(60, "st"), learning_rate=0.05,
        validation_data=digits["test"], seed=0, device="cpu",
    )  # fmt: skip
    soft = predictions(teacher, small, device="cpu")
    assert soft.shape == (10, 10)
    assert soft.dtype == np.float32
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    assert 0.4 < accuracy < 1
    assert (soft.argmax(axis=1) == small.labels).mean() >= 0.5
    assert ((soft > 0.001) & (soft < 0.999)).any(axis=1).all()
