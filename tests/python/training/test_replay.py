"""A Replay phase trains by the steps that are stored with a distilled dataset."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thinset.data import write_subset
from thinset.losses import LogitAdjusted, classification, reconstruction
from thinset.models import Classifier
from thinset.training import (
    LossPruning,
    OneCycleRate,
    Phase,
    Replay,
    StepSizesUnusedWarning,
    TwoPhase,
    fit,
)
from thinset.transforms import TestTransform, TrainTransform
from thinset.transforms.images import to_unit_range

# Of 10 images: steps of several sizes, rows that overlap, and an image that is never shown.
STEPS = (((0, 4), 0.5), ((4, 9), 0.25), ((2, 3), 1.0), ((0, 9), 0.125))


@pytest.fixture
def distilled(tmp_path, write_distilled, digits):
    images = digits.train.images[:10].astype(np.float32) / 255 * 1.5 - 0.2  # beyond [0, 1]
    soft = np.random.default_rng(0).dirichlet(np.ones(10), 10).astype(np.float32)
    return write_distilled(
        tmp_path / "distilled",
        images,
        digits.train.labels[:10],
        steps=STEPS,
        repeats=2,
        soft_labels=soft,
    )


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


def train(model, phases, *, test_data=None, **options):
    settings = {
        "loss": classification,
        "train_transform": TrainTransform(flip=True, brightness=0.3),
        "test_data": test_data,
        "test_transform": None if test_data is None else TestTransform(standardise=False),
        "batch_size": 32,
        "learning_rate": 0.05,
        "weight_decay": 0.01,
        "device": "cpu",
        "evaluations": 4,
        **options,
    }
    return fit(model, phases, **settings)


def test_a_loss_for_training_alone_does_not_apply_to_stored_steps(distilled):
    plain, adjusted = network(), network()
    train(plain, [Replay("replay", distilled)], test_data=distilled)
    adjusted_loss = LogitAdjusted([9, *[1] * 9])
    train(adjusted, [Replay("replay", distilled)], test_data=distilled, loss=adjusted_loss)
    for expected, weights in zip(plain.parameters(), adjusted.parameters(), strict=True):
        assert torch.equal(weights, expected)


def by_hand(model, dataset):
    """The weights after plain gradient descent by the schedule."""
    model = copy.deepcopy(model)
    parameters = list(model.parameters())
    images = torch.from_numpy(np.array(dataset.images)).permute(0, 3, 1, 2)
    targets = torch.from_numpy(np.array(dataset.soft_labels))
    for (start, stop), size in 2 * STEPS:
        loss = F.cross_entropy(model(images[start:stop]), targets[start:stop])
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= size * gradient
    return [parameter.detach() for parameter in parameters]


def test_takes_the_stored_steps_by_plain_gradient_descent(distilled, digits):
    model = network()
    expected = by_hand(model, distilled)
    # Momentum, weight decay, augmentation, averaging and the batch size apply to other phases.
    history = train(model, [Replay("replay", distilled)], test_data=digits.test, momentum=0.9)
    for ours, theirs in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert history.steps == 8
    assert history.samples == 2 * (4 + 5 + 1 + 9)
    assert [(phase.name, phase.steps) for phase in history.phases] == [("replay", 8)]
    assert [point.step for point in history.curve] == [2, 4, 6, 8]
    assert history.curve[-1].epoch == pytest.approx(3.8)


def test_the_seed_changes_nothing(distilled, digits):
    first, second = network(), network()
    train(first, [Replay("replay", distilled)], test_data=digits.test, seed=1)
    train(second, [Replay("replay", distilled)], test_data=digits.test, seed=2)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_fine_tuning_continues_from_the_replayed_weights(distilled, digits):
    replayed, model = network(), network()
    train(
        replayed, TwoPhase(digits.train, distilled, 1, "20st", replay=True), test_data=digits.test
    )
    for ours, theirs in zip(replayed.parameters(), by_hand(network(), distilled), strict=True):
        torch.testing.assert_close(ours, theirs)
    # A rate of 0 shows where fine-tuning starts; momentum and decay have nothing to multiply.
    phases = TwoPhase(
        digits.train, distilled, 0.5, "20st", replay=True, fine_tuning_learning_rate=0.0
    )
    history = train(model, phases, test_data=digits.test)
    assert [(phase.name, phase.steps) for phase in history.phases] == [
        ("replay", 8),
        ("fine-tuning", 12),
    ]
    assert history.samples == 38 + 12 * 32
    for ours, theirs in zip(model.parameters(), replayed.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    before = history.curve[-1].scores["accuracy"]
    moved = train(
        network(),
        TwoPhase(digits.train, distilled, 0.5, "60st", replay=True),
        test_data=digits.test,
        ema_decay=None,
    )
    assert moved.curve[-1].scores["accuracy"] > before + 0.1


def test_the_average_starts_at_the_replayed_weights(distilled, digits):
    averaged, plain = (
        train(
            network(),
            [Replay("replay", distilled)],
            test_data=digits.test,
            ema_decay=decay,
        )
        .curve[-1]
        .scores
        for decay in (0.9999, None)
    )
    assert averaged == plain


@pytest.mark.parametrize(
    ("total", "length"),
    [("20st", "12st"), ("1000sa", "962sa"), ("2ep", f"{2 - 38 / 1438!r}ep"), ("90s", "90s")],
)
def test_stored_steps_are_part_of_the_total(distilled, digits, total, length):
    first, second = TwoPhase(digits.train, distilled, 0.3, total, replay=True).phases
    assert (first.name, str(first.length)) == ("replay", "8st")
    assert (second.name, str(second.length)) == ("fine-tuning", length)


def test_a_share_of_all_or_nothing(distilled, digits):
    alone = TwoPhase(digits.train, distilled, 1, "1st", replay=True).phases
    assert [phase.name for phase in alone] == ["replay"]
    without = TwoPhase(digits.train, distilled, 0, "5st", replay=True).phases
    assert [(phase.name, str(phase.length)) for phase in without] == [("fine-tuning", "5st")]


def test_the_rate_of_the_whole_is_that_of_fine_tuning(distilled, digits):
    rate, order = OneCycleRate(0.1), LossPruning()
    first, second = TwoPhase(
        digits.train,
        distilled,
        0.5,
        "20st",
        learning_rate=rate,
        fine_tuning_order=order,
        replay=True,
    ).phases
    assert second.learning_rate is rate
    assert second.order is order
    sizes = [first.learning_rate(number / 8) for number in range(8)]
    assert sizes == [size for _, size in 2 * STEPS]


@pytest.mark.parametrize(
    ("total", "message"),
    [
        (
            "8st",
            r"longer than the 8 stored steps of distilled, which are 8st; got 8st\. A split of",
        ),
        ("38sa", "which are 38sa; got 38sa"),
        ("0.02ep", "got 0.02ep"),
    ],
)
def test_refuses_totals_that_leave_nothing(distilled, digits, total, message):
    with pytest.raises(ValueError, match=message):
        TwoPhase(digits.train, distilled, 0.5, total, replay=True)


@pytest.mark.parametrize("options", [{"fast_learning_rate": 0.1}, {"fast_order": LossPruning()}])
def test_refuses_other_rates_and_orders_of_stored_steps(distilled, digits, options):
    with pytest.raises(ValueError, match="do not apply to a replay"):
        TwoPhase(digits.train, distilled, 0.5, "20st", replay=True, **options)


def test_refuses_datasets_without_stored_steps(digits):
    with pytest.raises(ValueError, match="the dataset has no stored step sizes to replay"):
        Replay("replay", digits.train)
    with pytest.raises(ValueError, match="the dataset has no stored step sizes to replay"):
        TwoPhase(digits.train, digits.subset, 0.5, "20st", replay=True)


def test_refuses_steps_on_rows_that_are_not_there(distilled, digits):
    fewer = SimpleNamespace(
        images=distilled.images[:8], labels=distilled.labels[:8], schedule=distilled.schedule
    )
    with pytest.raises(ValueError, match=r"schedule\.steps\[1\]\.rows must be in 0\.\.8"):
        train(network(), [Replay("replay", fewer)], test_data=digits.test)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (Classifier((8, 8, 1), 10), r"Classifier: its layer 'features\.3' \(BatchNorm2d\)"),
        (
            nn.Sequential(
                nn.InstanceNorm2d(1, track_running_stats=True), nn.Flatten(), nn.Linear(64, 10)
            ),
            r"its layer '0' \(InstanceNorm2d\)",
        ),
    ],
)
def test_refuses_networks_with_batch_statistics(distilled, digits, model, layer):
    with pytest.raises(ValueError, match=f"cannot be replayed on .*{layer}.* the ordinary way"):
        train(model, [Replay("replay", distilled)], test_data=digits.test)


def test_takes_networks_with_instance_norm(distilled, digits):
    model = nn.Sequential(nn.InstanceNorm2d(1, affine=True), nn.Flatten(), nn.Linear(64, 10))
    assert train(model, [Replay("replay", distilled)], test_data=digits.test).steps == 8


def test_refuses_learners_that_cannot_replay(distilled, digits):
    with pytest.raises(ValueError, match="needs a test_transform to replay"):
        train(network(), [Replay("replay", distilled)])


def test_a_divergence_is_named(tmp_path, write_distilled, digits, monkeypatch):
    monkeypatch.setattr("thinset.data.schedule.LARGEST_STEP_SIZE", 1e30)
    wild = write_distilled(
        tmp_path / "wild", digits.train.images[:4], digits.train.labels[:4],
        steps=(((0, 4), 1e30), ((0, 4), 1e30), ((0, 4), 1e30)),
    )  # fmt: skip
    with pytest.raises(ValueError, match="the training loss is nan"):
        train(network(), [Replay("replay", wild)], test_data=digits.test, evaluations=1)


@pytest.mark.parametrize("stop_at", [2, 7, 8, 9, 14])
def test_resumes_bit_for_bit(tmp_path, distilled, digits, stop_at):
    def attempt(path, stop_at=None):
        n_calls = 0

        def loss(model, images, labels):
            nonlocal n_calls
            if model.training:
                n_calls += 1
                if n_calls == stop_at:
                    raise KeyboardInterrupt
            return classification(model, images, labels)

        model = nn.Sequential(network(), nn.Dropout(0.1))
        phases = TwoPhase(digits.train, distilled, 0.5, "20st", replay=True)
        train(
            model, phases, test_data=digits.test, loss=loss, checkpoint_path=path,
            checkpoint_seconds=0.0, resume=True,
        )  # fmt: skip
        return model

    whole = attempt(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        attempt(tmp_path / "parts", stop_at)
    resumed = attempt(tmp_path / "parts")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_other_steps_is_refused(tmp_path, distilled, digits, write_distilled):
    arguments = (np.array(distilled.images), np.array(distilled.labels))
    other = write_distilled(tmp_path / "other", *arguments, steps=(((0, 4), 0.4),), repeats=8)
    options = {"test_data": digits.test, "checkpoint_path": tmp_path / "checkpoint"}
    train(network(), [Replay("replay", distilled)], **options)
    with pytest.raises(ValueError, match="other settings: phase 0"):
        train(network(), [Replay("replay", other)], resume=True, **options)


def test_the_time_of_stored_steps_is_part_of_a_budget(distilled, digits):
    seconds = iter(range(1000))
    phases = TwoPhase(digits.train, distilled, 0.5, "60s", replay=True)
    history = train(
        network(), phases, test_data=digits.test, evaluations=1, clock=lambda: next(seconds)
    )
    assert (history.phases[0].name, history.phases[0].steps) == ("replay", 8)
    # Every reading of the clock is a second later.
    assert 60 <= history.seconds <= 66
    assert len(history.curve) == 1


class TestOrdinaryTraining:
    def test_works_and_says_that_step_sizes_are_not_used(self, distilled, digits):
        with pytest.warns(StepSizesUnusedWarning, match="step sizes of distilled are not") as said:
            history = train(network(), [Phase("all", distilled, "3st")], test_data=digits.test)
        assert history.steps == 3
        assert history.samples == 96
        assert "use thinset.training.Replay" in str(said[0].message)
        assert len(said) == 1

    def test_says_it_once_for_two_phases_on_one_dataset(self, distilled, digits):
        phases = [Phase("one", distilled, "1st"), Phase("two", distilled, "1st")]
        with pytest.warns(StepSizesUnusedWarning) as said:
            train(network(), phases, test_data=digits.test)
        assert len(said) == 1

    def test_says_nothing_where_it_does_not_matter(self, tmp_path, distilled, digits):
        # Warnings are errors here.
        replayed = [Replay("replay", distilled), Phase("more", distilled, "2st")]
        assert train(network(), replayed, test_data=digits.test).steps == 10
        part = write_subset(range(5), distilled, tmp_path / "part")
        assert train(network(), [Phase("part", part, "1st")], test_data=digits.test).steps == 1
        decoder = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
        history = train(
            decoder, [Phase("images", distilled, "1st")], loss=reconstruction,
            train_transform=lambda images, _: to_unit_range(images),
        )  # fmt: skip
        assert history.steps == 1
