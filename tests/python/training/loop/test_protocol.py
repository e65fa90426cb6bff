"""Learners that break the protocol: the error names the class and the method."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thinset.training import Goal, Phase, train


class Data:
    images = np.zeros((8, 4, 4, 1), np.uint8)
    labels = np.zeros(8, np.int64)


class Odd:
    """A learner that learns nothing; `results` replaces what its methods return."""

    def __init__(self, **results) -> None:
        self.device = torch.device("cpu")
        self.results = {
            "step": torch.zeros(4),
            "take_loss_sum": 1.0,
            "score": {"loss": torch.tensor(0.5)},
            "goal": Goal("loss", higher_is_better=False),
            "weights": {"w": torch.zeros(1)},
            "tensors": {"w": torch.zeros(1)},
            "describe": {"x": 1},
            **results,
        }

    def start(self) -> None:
        pass

    def load(self, tensors, path) -> None:
        pass

    def finish(self, weights) -> None:
        self.finished = True

    def step(self, batch, *, learning_rate, n_before):
        return self.results["step"]

    def take_loss_sum(self):
        return self.results["take_loss_sum"]

    def score(self, data):
        return self.results["score"]

    def goal(self, scores):
        return self.results["goal"]

    def weights(self):
        return self.results["weights"]

    def tensors(self):
        return self.results["tensors"]

    def describe(self):
        return self.results["describe"]


def train_odd(learner, folder, **options):
    return train(
        learner,
        [Phase("all", Data(), "2st")],
        **{
            "learning_rate": 0.1,
            "validation_data": Data(),
            "test_data": Data(),
            "keep": "best",
            "batch_size": 4,
            "evaluations": 1,
            "checkpoint_path": folder / "checkpoint",
            **options,
        },
    )


def test_a_learner_that_keeps_to_the_protocol_is_trained(tmp_path):
    learner = Odd()
    history = train_odd(learner, tmp_path)
    assert history.final.scores == {"loss": 0.5}
    assert learner.finished


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"step": None}, r"Odd\.step must return a tensor of shape \(4,\); got None"),
        ({"step": 0.5}, r"Odd\.step must return a tensor of shape \(4,\); got float 0.5"),
        ({"step": torch.zeros(())}, r"Odd\.step must return the loss of each sample, .*shape \(\)"),
        ({"step": torch.zeros(3)}, r"Odd\.step must return .* of shape \(4,\); got .*shape \(3,\)"),
        ({"step": torch.zeros(4, dtype=int)}, r"Odd\.step must return .*; got torch.int64"),
        ({"take_loss_sum": None}, r"Odd\.take_loss_sum must return a number; got None"),
        ({"take_loss_sum": "1"}, r"Odd\.take_loss_sum must return a number; got str '1'"),
        ({"score": 0.5}, r"Odd\.score must return a dict of numbers .*; got float 0.5"),
        ({"score": None}, r"Odd\.score must return a dict of numbers .*; got None"),
        (
            {"score": {"loss": "x"}},
            r"Odd\.score must .*'loss' is not a number; got str",
        ),
        (
            {"score": {"loss": torch.zeros(2)}},
            r"Odd\.score must .* is not a number; got Tensor",
        ),
        ({"score": {1: 0.5}}, r"Odd\.score must return .* by the name .*; got the name 1"),
        ({"goal": "loss"}, r"Odd\.goal must return a Goal; got str 'loss'"),
        ({"weights": [1]}, r"Odd\.weights must return a dict of tensors by name; got list"),
        ({"weights": {"w": 1}}, r"Odd\.weights must return .*; 'w' is not a tensor; got int 1"),
        ({"tensors": None}, r"Odd\.tensors must return a dict of tensors by name; got None"),
        (
            {"tensors": {"w": np.zeros(1)}},
            r"Odd\.tensors must .* is not a tensor; got ndarray",
        ),
        ({"describe": 3}, r"Odd\.describe must return a dict of settings by name; got int 3"),
    ],
)
def test_a_result_of_another_kind_names_the_method(tmp_path, results, message):
    with pytest.raises(ValueError, match=message):
        train_odd(Odd(**results), tmp_path)


def test_what_is_no_learner_is_refused(tmp_path):
    with pytest.raises(ValueError, match="learner must be a Learner, but Linear lacks start, step"):
        train_odd(torch.nn.Linear(2, 2), tmp_path)
    with pytest.raises(ValueError, match="learner must be an object, got the class itself"):
        train_odd(Odd, tmp_path)
    odd = Odd()
    odd.device = "cpu"
    with pytest.raises(ValueError, match=r"Odd\.device must be a torch.device, got 'cpu'"):
        train_odd(odd, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "x"}, "seed must be a whole number, got 'x'"),
        ({"batch_size": 1.5}, "batch_size must be a whole number, got 1.5"),
        ({"evaluations": 0}, "evaluations must be at least 1, got 0"),
        ({"learning_rate": float("inf")}, "learning_rate must be finite and >= 0, got inf"),
    ],
)
def test_arguments_of_the_loop_are_checked(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train_odd(Odd(), tmp_path, **options)
