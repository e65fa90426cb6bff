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


def test_adam_is_torchs_at_its_defaults(digits) -> None:
    """One step of one batch that is the whole dataset, against torch's own."""
    data = type(digits.train)(digits.train.images[:64], digits.train.labels[:64])
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2) / 255
    reference, model = (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(2))
    model.load_state_dict(reference.state_dict())
    adam = torch.optim.Adam(reference.parameters(), lr=0.01)
    for _ in range(3):
        adam.zero_grad()
        nn.functional.cross_entropy(reference(images), torch.from_numpy(data.labels)).backward()
        adam.step()
    fit(
        model,
        [Phase("all", data, "3st")],
        loss=classification,
        train_transform=TrainTransform(standardise=False),
        batch_size=64,
        learning_rate=0.01,
        optimizer="adam",
        ema_decay=None,
        device="cpu",
        precision="float32",
    )
    for moved, expected in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)


def test_the_optimizer_is_part_of_what_a_checkpoint_is_compared_by(digits, tmp_path: Path) -> None:
    common = {"learning_rate": 0.01, "batch_size": 32, "checkpoint_path": tmp_path / "run"}
    train(learner(network()), [Phase("all", digits.train, "2st")], **common)
    adam = learner(network(), optimizer="adam")
    with pytest.raises(ValueError, match="learner optimizer is 'sgd' there and 'adam' here"):
        train(adam, [Phase("all", digits.train, "2st")], resume=True, **common)


def test_another_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match="optimizer must be sgd or adam, got 'lion'"):
        learner(network(), optimizer="lion")
