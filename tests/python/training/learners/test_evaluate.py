from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thinset.losses import LogitAdjusted, classification, reconstruction
from thinset.training.learners.evaluate import evaluate
from thinset.transforms import TestTransform


@pytest.mark.parametrize("batch_size", [1, 7, 64, 10_000])
def test_score_is_the_mean_over_samples_for_any_batch_size(digits, batch_size: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    data = type(digits.test)(digits.test.images[:50], digits.test.labels[:50])
    score = evaluate(
        model,
        data,
        loss=classification,
        transform=TestTransform(),
        batch_size=batch_size,
        device="cpu",
    )
    logits = model(TestTransform()(torch.from_numpy(data.images).permute(0, 3, 1, 2))).detach()
    labels = torch.from_numpy(data.labels)
    assert score["loss"] == pytest.approx(float(nn.functional.cross_entropy(logits, labels)))
    assert score["accuracy"] == float((logits.argmax(1) == labels).double().mean())


@pytest.mark.parametrize("training", [True, False])
def test_model_is_in_evaluation_mode_meanwhile_only(digits, training: bool) -> None:
    model = nn.BatchNorm2d(1).train(training)
    options = {"loss": reconstruction, "transform": TestTransform(standardise=False)}
    score = evaluate(model, digits.test, device="cpu", **options)
    assert model.training is training
    assert int(model.num_batches_tracked) == 0
    assert list(score) == ["loss"]


def test_a_loss_for_training_alone_is_not_what_is_scored(digits) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    adjusted = LogitAdjusted([1000, *[1] * 9])
    plain, scored = (
        evaluate(model, digits.test, loss=loss, transform=TestTransform(), device="cpu")
        for loss in (classification, adjusted)
    )
    assert plain == scored


def test_a_loss_may_sum_up_further_metrics(digits) -> None:
    def with_top_two(model, images, labels):
        outcome = classification(model, images, labels)
        is_found = (model(images).topk(2, dim=1).indices == labels[:, None]).any(dim=1)
        return outcome._replace(sums={"top2": is_found.sum()})

    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    scores = evaluate(
        model,
        digits.test,
        loss=with_top_two,
        transform=TestTransform(),
        batch_size=17,
        device="cpu",
    )
    assert list(scores) == ["loss", "accuracy", "top2"]
    assert scores["accuracy"] < scores["top2"] < 1
    images = torch.from_numpy(np.array(digits.test.images)).permute(0, 3, 1, 2)
    ranked = model(TestTransform()(images)).topk(2, dim=1).indices.numpy()
    expected = (ranked == np.asarray(digits.test.labels)[:, None]).any(axis=1).mean()
    assert scores["top2"] == pytest.approx(expected)
