"""Which weights are kept: those of the best score on validation data, where that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from thinset.losses import classification, reconstruction
from thinset.training import Goal, TwoPhase, evaluate, fit, train
from thinset.transforms import TestTransform, TrainTransform

if TYPE_CHECKING:
    from pathlib import Path


class Scripted:
    """A learner whose weight is the number of its steps, with scores from a table by steps."""

    def __init__(self, scores, *, higher_is_better: bool = True, stop_at: int | None = None):
        self.device = torch.device("cpu")
        self.weight = torch.zeros((), dtype=torch.int64)
        self._scores = scores
        self._goal = Goal("skill", higher_is_better)
        self._stop_at = stop_at

    def start(self) -> None:
        pass

    def step(self, batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        if n_before == self._stop_at:
            raise KeyboardInterrupt
        self.weight += 1
        return torch.zeros(len(batch.images))

    def take_loss_sum(self) -> float:
        return 0.0

    def score(self, data) -> dict[str, float]:
        kind = "validation" if len(data.images) == 2 else "test"
        return {"skill": self._scores[kind][int(self.weight) - 1]}

    def goal(self, scores) -> Goal:
        return self._goal

    def weights(self) -> dict[str, torch.Tensor]:
        return {"weight": self.weight}

    def tensors(self) -> dict[str, torch.Tensor]:
        return self.weights()

    def load(self, tensors, path: Path) -> None:
        self.weight.copy_(tensors["weight"])

    def describe(self) -> dict[str, object]:
        return {}

    def finish(self, weights) -> None:
        if weights is not None:
            self.weight.copy_(weights["weight"])


def rows(digits, n_rows: int):
    return type(digits.test)(digits.test.images[:n_rows], digits.test.labels[:n_rows])


def train_scripted(digits, validation, test=(0.0,) * 6, *, keep: str = "best", **options):
    names = {"higher_is_better", "stop_at"} & options.keys()
    learner = Scripted(
        {"validation": validation, "test": test}, **{name: options.pop(name) for name in names}
    )
    history = train(
        learner,
        TwoPhase(rows(digits, 9), rows(digits, 5), 0.5, "6st"),
        learning_rate=0.1,
        validation_data=rows(digits, 2),
        test_data=rows(digits, 3),
        batch_size=2,
        evaluations=6,
        keep=keep,
        **options,
    )
    return int(learner.weight), history


@pytest.mark.parametrize(
    ("validation", "higher_is_better", "best"),
    [
        ((1, 2, 3, 4, 5, 6), True, 6),
        ((1, 2, 9, 4, 5, 6), True, 3),
        ((1, 9, 3, 9, 9, 6), True, 2),
        ((4, 4, 4, 4, 4, 4), True, 1),
        ((1, 2, 3, 4, 5, 6), False, 1),
        ((3, 2, 1, 4, 1, 6), False, 3),
    ],
)
def test_the_best_weights_are_left_and_of_equal_ones_the_earlier(
    digits, validation, higher_is_better: bool, best: int
) -> None:
    test = (60.0, 50.0, 40.0, 30.0, 20.0, 10.0)
    weight, history = train_scripted(digits, validation, test, higher_is_better=higher_is_better)
    assert weight == best
    assert (history.best.step, history.best.score) == (best, validation[best - 1])
    assert history.final.step == best
    assert history.final.scores == {"skill": test[best - 1]}
    assert [point.step for point in history.curve] == [1, 2, 3, 4, 5, 6]


def test_the_last_weights_are_left_otherwise(digits) -> None:
    weight, history = train_scripted(digits, (1, 9, 3, 4, 5, 6), keep="last")
    assert weight == 6
    assert history.best is None
    assert history.final is history.curve[-1]
    assert history.final.validation_scores == {"skill": 6}


def test_test_data_never_chooses(digits) -> None:
    validation = (1, 2, 9, 4, 5, 6)
    for test in ((9, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 9)):
        assert train_scripted(digits, validation, test)[0] == 3


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 5])
def test_a_resumed_run_keeps_the_same(digits, tmp_path: Path, stop_at: int) -> None:
    validation = (1, 9, 3, 9, 5, 6)
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_scripted(digits, validation, checkpoint_path=path, stop_at=stop_at)
    weight, history = train_scripted(digits, validation, checkpoint_path=path, resume=True)
    again, again_history = train_scripted(digits, validation, checkpoint_path=path, resume=True)
    assert weight == again == 2
    assert history.best == again_history.best
    assert (history.best.metric, history.best.score, history.best.step) == ("skill", 9, 2)


def test_trainings_that_share_their_first_phase_keep_the_same(digits, tmp_path: Path) -> None:
    path = tmp_path / "first-phase"
    for validation, best in (((1, 9, 3, 4, 5, 6), 2), ((0, 0, 0, 0, 5, 6), 2)):
        # The second one reads the first three scores from the file.
        assert train_scripted(digits, validation, first_phase_path=path)[0] == best


def test_the_best_needs_validation_data(digits) -> None:
    message = 'keep="best" needs validation_data: test data must not choose the weights'
    with pytest.raises(ValueError, match=message):
        fit_digits(digits, validation_data=None)
    with pytest.raises(ValueError, match=message):
        train(Scripted({}), [], learning_rate=0.1, keep="best", test_data=digits.test)


@pytest.mark.parametrize(
    "options",
    [
        {"test_transform": None},
        {"test_transform": None, "test_data": None},
        {"test_transform": None, "validation_data": None, "keep": "last"},
        {"test_data": None, "validation_data": None, "keep": "last"},
    ],
)
def test_data_to_score_and_its_transform_are_given_together(digits, options) -> None:
    with pytest.raises(ValueError, match="test_transform and data to score .* given together"):
        fit_digits(digits, **options)


@pytest.mark.parametrize("name", ["step", "self", "done", "nearest neighbour", "loss"])
def test_a_metric_may_have_any_name(digits, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    learner = Scripted({})
    learner.score = lambda _: {name: 0.5}
    logged = []
    history = train(
        learner,
        TwoPhase(rows(digits, 9), rows(digits, 5), 0.5, "6st"),
        learning_rate=0.1,
        test_data=rows(digits, 3),
        batch_size=2,
        evaluations=2,
        log=lambda values, step: logged.append((step, values[f"test_{name}"])),
        show_progress=True,
    )
    assert logged == [(3, 0.5), (6, 0.5)]
    assert history.final.scores == {name: 0.5}
    assert "done" in capsys.readouterr().err


def test_keep_has_two_values(digits) -> None:
    with pytest.raises(ValueError, match="keep must be last or best, got 'first'"):
        train_scripted(digits, (1, 2, 3, 4, 5, 6), keep="first")


def fit_digits(digits, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10))
    settings = {
        "loss": classification,
        "train_transform": TrainTransform(),
        "test_transform": TestTransform(),
        "test_data": digits.test,
        "validation_data": rows(digits, 90),
        "keep": "best",
        "batch_size": 32,
        "learning_rate": 0.5,
        "device": "cpu",
        "precision": "float32",
        "evaluations": 12,
        **options,
    }
    return model, fit(model, TwoPhase(digits.train, digits.subset, 0.5, "24st"), **settings)


@pytest.mark.parametrize("ema_decay", [None, 0.5])
def test_fit_keeps_the_highest_accuracy_on_validation_data(digits, ema_decay) -> None:
    model, history = fit_digits(digits, ema_decay=ema_decay)
    accuracies = [point.validation_scores["accuracy"] for point in history.curve]
    best = int(np.argmax(accuracies))
    assert best < len(accuracies) - 1  # or the test would pass without keeping anything
    assert history.best.metric == "accuracy"
    assert history.final == history.curve[best]
    assert not model.training
    for data, scores in (
        (rows(digits, 90), history.final.validation_scores),
        (digits.test, history.final.scores),
    ):
        score = evaluate(
            model, data, loss=classification, transform=TestTransform(), batch_size=32, device="cpu"
        )
        assert score == scores


def test_fit_keeps_the_lowest_loss_where_there_is_no_accuracy(digits) -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    history = fit(
        model,
        TwoPhase(digits.train, digits.subset, 0.5, "8st"),
        loss=reconstruction,
        train_transform=TrainTransform(standardise=False),
        test_transform=TestTransform(standardise=False),
        validation_data=rows(digits, 50),
        keep="best",
        learning_rate=0.02,
        batch_size=16,
        evaluations=8,
        device="cpu",
    )
    losses = [point.validation_scores["loss"] for point in history.curve]
    assert (history.best.metric, history.best.score) == ("loss", min(losses))
    assert history.final.scores == {}


def test_looking_at_validation_data_changes_no_weight(digits) -> None:
    one, _ = fit_digits(digits, keep="last", test_data=None)
    other, _ = fit_digits(digits, keep="last", validation_data=None)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
