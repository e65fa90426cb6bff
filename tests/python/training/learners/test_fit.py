from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from thinset.losses import Outcome, classification, reconstruction
from thinset.models import Autoencoder, Classifier
from thinset.training import (
    History,
    LinearRate,
    Phase,
    TrainingDivergedError,
    TwoPhase,
    fit,
    generator_for,
)
from thinset.transforms import ProgressiveResizing, TestTransform, TrainTransform


def classifier(seed: int = 0) -> Classifier:
    return Classifier(
        (8, 8, 1),
        10,
        convolution_widths=(8, 8),
        hidden_widths=(32, 16),
        generator=generator_for(seed, "weights"),
    )


def fit_digits(digits, phases=None, model=None, **options) -> tuple[nn.Module, History]:
    model = model or classifier()
    settings = {
        "loss": classification,
        "train_transform": TrainTransform(),
        "test_data": digits.test,
        "test_transform": TestTransform(),
        "batch_size": 64,
        "device": "cpu",
        "precision": "float32",
        "evaluations": 2,
        **options,
    }
    phases = phases or [Phase("all", digits.train, "20st")]
    return model, fit(model, phases, **settings)


class Clock:
    """A clock that stands still unless the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ticking(clock: Clock, seconds: float = 1.0):
    def loss(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Outcome:
        if model.training:
            clock.now += seconds
        return classification(model, images, labels)

    return loss


def test_learns_to_read_digits(digits) -> None:
    phases = TwoPhase(digits.train, digits.subset, "50%", "100st")
    model, history = fit_digits(digits, phases, weight_decay=0.004)
    accuracy = history.curve[-1].test_accuracy
    assert accuracy is not None
    assert accuracy > 0.9
    assert not model.training


def test_trains_an_autoencoder_with_the_same_loop(digits) -> None:
    model = Autoencoder((8, 8, 1), widths=(8, 8, 8), generator=generator_for(0, "weights"))
    _, history = fit_digits(
        digits,
        [Phase("all", digits.train, "40st")],
        model,
        loss=reconstruction,
        train_transform=TrainTransform(standardise=False),
        test_transform=TestTransform(standardise=False),
        ema_decay=None,
    )
    first, last = history.curve
    assert last.test_accuracy is None
    assert last.test_loss < first.test_loss < float(np.var(digits.test.images / 255))


def test_first_step_is_plain_gradient_descent(digits) -> None:
    """One step of one batch that is the whole dataset, against the rule written out."""
    data = type(digits.train)(digits.train.images[:64], digits.train.labels[:64])
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2) / 255
    reference = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model.load_state_dict(reference.state_dict())
    nn.functional.cross_entropy(reference(images), torch.from_numpy(data.labels)).backward()
    fit_digits(
        digits,
        [Phase("one", data, "1st")],
        model,
        train_transform=TrainTransform(standardise=False),
        learning_rate=0.5,
        weight_decay=0.1,
        ema_decay=None,
        evaluations=1,
    )
    for moved, start in zip(model.parameters(), reference.parameters(), strict=True):
        expected = start - 0.5 * (start.grad + 0.1 * start)
        torch.testing.assert_close(moved.detach(), expected.detach(), rtol=1e-5, atol=1e-6)


def test_images_grow_in_each_phase_and_are_scored_at_full_size(digits) -> None:
    sides: dict[bool, list[int]] = {True: [], False: []}

    def loss(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Outcome:
        sides[model.training].append(images.shape[3])
        return classification(model, images, labels)

    torch.manual_seed(0)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 10))
    phases = [Phase("one", digits.train, "4st"), Phase("two", digits.subset, "320sa")]
    resizing = ProgressiveResizing(0.5, grows_from=0.0, full_from=0.7, multiple=1)
    fit_digits(digits, phases, model, loss=loss, resizing=resizing)
    # Progress 0, 1/4, 1/2 and 3/4; 0, 1/5, ...
    assert sides[True] == [4, 5, 7, 8, 4, 5, 6, 7, 8]
    assert set(sides[False]) == {8}


def test_history_counts_steps_samples_and_epochs(digits) -> None:
    phases = TwoPhase(digits.train, digits.subset, 0.5, "20st")
    _, history = fit_digits(digits, phases, evaluations=4)
    assert [point.step for point in history.curve] == [5, 10, 15, 20]
    assert [point.samples for point in history.curve] == [320, 640, 960, 1280]
    assert [point.phase for point in history.curve] == ["fast"] * 2 + ["fine-tuning"] * 2
    sizes = [len(digits.subset.images)] * 2 + [len(digits.train.images)] * 2
    epochs = [320 / sizes[0], 640 / sizes[1], 320 / sizes[2], 640 / sizes[3]]
    assert [point.epoch for point in history.curve] == pytest.approx(epochs)
    assert [(phase.name, phase.steps) for phase in history.phases] == [
        ("fast", 10),
        ("fine-tuning", 10),
    ]
    assert (history.steps, history.samples) == (20, 1280)


@pytest.mark.parametrize("n_steps", [1, 7, 30, 31])
@pytest.mark.parametrize("evaluations", [1, 3, 10])
def test_evaluations_are_evenly_spaced(digits, n_steps: int, evaluations: int) -> None:
    phases = [Phase("all", digits.subset, f"{n_steps}st")]
    _, history = fit_digits(
        digits, phases, nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), evaluations=evaluations
    )
    expected = sorted({math.ceil(n_steps * i / evaluations) for i in range(1, evaluations + 1)})
    assert [point.step for point in history.curve] == expected


def test_all_seconds_are_accounted_for(digits) -> None:
    _, history = fit_digits(digits, seconds_already_spent=5.0)
    assert history.seconds >= 5.0 + history.training_seconds + history.evaluation_seconds
    assert history.data_wait_seconds <= history.training_seconds
    assert history.curve[-1].seconds <= history.seconds


def test_time_limit_is_overrun_by_one_step_at_most(digits) -> None:
    clock = Clock()
    phases = TwoPhase(digits.train, digits.subset, 0.5, "21s")
    _, history = fit_digits(digits, phases, loss=ticking(clock, 2.0), clock=clock)
    assert 21 <= clock.now < 23
    assert history.seconds == clock.now
    # The fast phase ends with its sixth step, 1.5 s late; fine-tuning gets what is left.
    assert [phase.steps for phase in history.phases] == [6, 5]
    assert [phase.seconds for phase in history.phases] == [12, 10]


def test_time_budget_counts_evaluation_and_what_was_spent_before(digits) -> None:
    clock = Clock()
    step = ticking(clock)

    def loss(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Outcome:
        clock.now += 0.0 if model.training else 5.0
        return step(model, images, labels)

    one_batch = type(digits.test)(digits.test.images[:64], digits.test.labels[:64])
    phases = [Phase("all", digits.train, "20s")]
    _, history = fit_digits(
        digits, phases, loss=loss, clock=clock, test_data=one_batch, seconds_already_spent=4.0
    )
    # 16 s are left: 8 steps to half of them, 5 s of evaluation, 3 steps, the last evaluation.
    assert history.steps == 11
    assert [point.seconds for point in history.curve] == [17.0, 25.0]
    assert history.evaluation_seconds == 10.0
    assert history.seconds == 25.0


def test_however_little_time_there_is_one_step_is_made(digits) -> None:
    clock = Clock()
    phases = [Phase("all", digits.train, "0.001s")]
    _, history = fit_digits(digits, phases, loss=ticking(clock), clock=clock, evaluations=5)
    assert history.steps == 1
    assert len(history.curve) == 1


@pytest.mark.parametrize("evaluations", [1, 2])
def test_a_first_phase_that_uses_up_all_time_is_still_evaluated(digits, evaluations: int) -> None:
    clock = Clock()
    phases = TwoPhase(digits.train, digits.subset, 0.5, "20s")
    _, history = fit_digits(
        digits, phases, loss=ticking(clock, 30.0), clock=clock, evaluations=evaluations
    )
    assert [phase.steps for phase in history.phases] == [1, 0]
    assert [point.step for point in history.curve] == [1]


def test_learning_rates_of_phases_come_before_that_of_the_run(
    digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    original = torch.optim.SGD.step

    def step(self, *args) -> object:
        rates.append(self.param_groups[0]["lr"])
        return original(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    phases = [
        Phase("constant", digits.subset, "2st"),
        Phase("falling", digits.subset, "4st", LinearRate(0.4, 0.0)),
    ]
    fit_digits(digits, phases, learning_rate=0.05)
    assert rates == pytest.approx([0.05, 0.05, 0.4, 0.3, 0.2, 0.1])


def test_weights_depend_on_the_seed_alone(digits) -> None:
    def weights(seed: int, global_seed: int) -> torch.Tensor:
        torch.manual_seed(global_seed)
        model, _ = fit_digits(digits, seed=seed, train_transform=TrainTransform(brightness=0.3))
        return model.head[1].weight

    assert torch.equal(weights(0, 1), weights(0, 2))
    assert not torch.equal(weights(0, 1), weights(1, 1))


def test_dropout_depends_on_the_seed_alone_and_leaves_the_global_generator(digits) -> None:
    def weights(seed: int, global_seed: int) -> torch.Tensor:
        model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
        nn.init.zeros_(model[2].weight)
        nn.init.zeros_(model[2].bias)
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        fit_digits(digits, model=model, seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        return model[2].weight

    assert torch.equal(weights(0, 1), weights(0, 2))
    assert not torch.equal(weights(0, 1), weights(1, 1))


def test_how_often_it_is_tested_changes_no_weight(digits) -> None:
    one, _ = fit_digits(digits, evaluations=1)
    many, _ = fit_digits(digits, evaluations=20)
    none, _ = fit_digits(digits, test_data=None, test_transform=None)
    for name, value in one.state_dict().items():
        assert torch.equal(value, many.state_dict()[name])
        assert torch.equal(value, none.state_dict()[name])


def test_returns_the_averaged_weights_that_were_tested(digits) -> None:
    averaged, history = fit_digits(digits)
    raw, _ = fit_digits(digits, ema_decay=None)
    assert not torch.equal(averaged.head[1].weight, raw.head[1].weight)
    images = torch.from_numpy(digits.test.images).permute(0, 3, 1, 2)
    predicted = averaged(TestTransform()(images)).argmax(dim=1).numpy()
    accuracy = float((predicted == digits.test.labels).mean())
    assert history.curve[-1].test_accuracy == pytest.approx(accuracy)


def test_bfloat16_trains_float32_weights(digits) -> None:
    model, history = fit_digits(digits, precision="bfloat16")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history.curve[-1].train_loss < history.curve[0].train_loss


def test_weights_come_back_contiguous(digits) -> None:
    model, _ = fit_digits(digits)
    assert all(value.is_contiguous() for value in model.state_dict().values())


def test_frozen_parameters_stay(digits) -> None:
    model = classifier()
    model.features.requires_grad_(False)
    before = model.features[0].weight.clone()
    fit_digits(digits, model=model)
    assert torch.equal(model.features[0].weight, before)


def test_history_is_strict_json_and_round_trips(digits) -> None:
    _, history = fit_digits(digits, test_data=None, test_transform=None)
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert History.from_dict(json.loads(text)) == history
    with pytest.raises(ValueError, match="not the content of a training history"):
        History.from_dict({**history.to_dict(), "extra": 1})


def test_divergence_is_an_error_that_says_where(digits) -> None:
    with pytest.raises(TrainingDivergedError, match=r"loss is (nan|inf) after step \d+"):
        fit_digits(digits, learning_rate=1e12)


def test_a_rate_that_the_weights_cannot_hold_is_a_divergence(digits) -> None:
    with pytest.raises(
        TrainingDivergedError, match=r"in step 1 is too large.* lower .* than 1e\+300"
    ):
        fit_digits(digits, learning_rate=1e300)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"evaluations": 0}, "evaluations must be at least 1, got 0"),
        ({"momentum": -0.5}, "momentum must be finite and >= 0, got -0.5"),
        ({"weight_decay": math.nan}, "weight_decay must be finite"),
        ({"ema_decay": 1.0}, "ema_decay must be at least 0 and less than 1"),
        ({"precision": "float16"}, "precision must be one of auto, float32, bfloat16"),
        ({"test_transform": None}, "must be given together"),
        ({"seconds_already_spent": -1.0}, "seconds_already_spent must be >= 0"),
        ({"seconds_already_spent": "x"}, "seconds_already_spent must be >= 0, got 'x'"),
        ({"learning_rate": math.nan}, "learning_rate must be finite and >= 0, got nan"),
        ({"learning_rate": math.inf}, "learning_rate must be finite and >= 0, got inf"),
        ({"learning_rate": -0.1}, "learning_rate must be finite and >= 0, got -0.1"),
        ({"learning_rate": "0.1"}, "learning_rate must be a number, or a function .*, got '0.1'"),
        ({"learning_rate": None}, "learning_rate must be a number, or a function .*, got None"),
        ({"learning_rate": lambda _: math.nan}, "rate of phase .* the function gives nan at .* 0"),
        ({"learning_rate": lambda _: "x"}, "rate of phase .* the function gives 'x' at .* 0"),
        ({"batch_size": 1.5}, "batch_size must be a whole number, got 1.5"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
        ({"batch_size": "64"}, "batch_size must be a whole number, got '64'"),
        ({"evaluations": 2.0}, "evaluations must be a whole number, got 2.0"),
        ({"evaluations": None}, "evaluations must be a whole number, got None"),
        ({"seed": "x"}, "seed must be a whole number, got 'x'"),
        ({"seed": 0.5}, "seed must be a whole number, got 0.5"),
        ({"checkpoint_seconds": "x"}, "checkpoint_seconds must be a number, got 'x'"),
        ({"momentum": "x"}, "momentum must be a number, got 'x'"),
        ({"ema_decay": "x"}, "ema_decay must be at least 0 and less than 1, got 'x'"),
    ],
)
def test_settings_are_checked(digits, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_digits(digits, **options)


@pytest.mark.parametrize("rate", [math.nan, -1.0, "x"])
def test_the_learning_rate_of_a_phase_is_checked(digits, rate) -> None:
    with pytest.raises(ValueError, match="learning_rate of phase 'all' must be"):
        Phase("all", digits.train, "2st", learning_rate=rate)
    with pytest.raises(ValueError, match="learning_rate of phase 'fast' must be"):
        TwoPhase(digits.train, digits.train, 0.5, "4st", fast_learning_rate=rate)
    with pytest.raises(ValueError, match="learning_rate of TwoPhase must be a function"):
        TwoPhase(digits.train, digits.train, 0.5, "4st", learning_rate=rate)


def test_something_else_than_phases_is_refused(digits) -> None:
    with pytest.raises(ValueError, match="phases must be a TwoPhase or Phases, got '4st'"):
        fit_digits(digits, ["4st"])


def test_a_model_without_trainable_parameters_is_refused(digits) -> None:
    with pytest.raises(ValueError, match="Flatten has no parameters that require gradients"):
        fit_digits(digits, model=nn.Flatten())


def test_every_evaluation_is_logged(digits):
    told = []
    _, history = fit_digits(
        digits,
        [Phase("all", digits.train, "8st", learning_rate=LinearRate(0.08, 0.0))],
        evaluations=4,
        log=lambda values, step: told.append((step, values)),
    )
    assert [step for step, _ in told] == [point.step for point in history.curve] == [2, 4, 6, 8]
    for (_, values), point in zip(told, history.curve, strict=True):
        assert values == {
            "train_loss": point.train_loss,
            "test_loss": point.test_loss,
            "test_accuracy": point.test_accuracy,
            "learning_rate": pytest.approx(0.08 * (1 - (point.step - 1) / 8)),
            "epoch": point.epoch,
            "seconds": point.seconds,
        }
