from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from thinset.losses import classification, reconstruction
from thinset.training import Goal, Phase, SupervisedLearner, fit, train
from thinset.transforms import TestTransform, TrainTransform

if TYPE_CHECKING:
    from pathlib import Path


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(144, 10))


def learner(model: nn.Module, **options) -> SupervisedLearner:
    settings = {
        "loss": classification,
        "train_transform": TrainTransform(brightness=0.2),
        "test_transform": TestTransform(),
        "device": "cpu",
        **options,
    }
    return SupervisedLearner(model, **settings)


def test_fit_trains_a_supervised_learner(digits) -> None:
    phases = [Phase("all", digits.train, "8st")]
    common = {"test_data": digits.test, "batch_size": 32, "learning_rate": 0.05, "seed": 3}
    models = [network(), network()]
    history = train(learner(models[0], seed=3, momentum=0.5, batch_size=32), phases, **common)
    fitted = fit(
        models[1],
        phases,
        loss=classification,
        train_transform=TrainTransform(brightness=0.2),
        test_transform=TestTransform(),
        momentum=0.5,
        device="cpu",
        **common,
    )
    for name, value in models[0].state_dict().items():
        assert torch.equal(value, models[1].state_dict()[name]), name
    assert [p.scores for p in history.curve] == [p.scores for p in fitted.curve]


def test_scores_are_loss_and_accuracy_or_loss_alone(digits) -> None:
    assert learner(network()).score(digits.test).keys() == {"loss", "accuracy"}
    autoencoder = nn.Conv2d(1, 1, 3, padding=1)
    transform = TestTransform(standardise=False)
    options = {"loss": reconstruction, "test_transform": transform}
    assert learner(autoencoder, **options).score(digits.test).keys() == {"loss"}


def test_the_goal_is_accuracy_where_there_is_one() -> None:
    supervised = learner(network())
    assert supervised.goal({"loss": 1.0, "accuracy": 0.5}) == Goal("accuracy", True)
    assert supervised.goal({"loss": 1.0}) == Goal("loss", False)


def test_scoring_needs_a_transform(digits) -> None:
    with pytest.raises(ValueError, match="needs a test_transform to be scored"):
        learner(network(), test_transform=None).score(digits.test)


@pytest.mark.parametrize(
    ("options", "other"),
    [
        ({}, nn.Sequential(nn.Flatten(), nn.Linear(64, 10))),
        ({"ema_decay": None}, nn.Sequential(nn.Flatten(), nn.Linear(64, 10))),
    ],
)
def test_the_state_of_another_model_is_refused(tmp_path: Path, options, other) -> None:
    tensors = learner(network(), **options).tensors()
    with pytest.raises(ValueError, match=r"run is of another model: tensor '1\.weight' must have"):
        learner(other, **options).load(tensors, tmp_path / "run")
