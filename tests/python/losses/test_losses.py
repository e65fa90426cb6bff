from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thinset import losses
from thinset.losses import (
    Outcome,
    classification,
    cross_entropy,
    reconstruction,
    reconstruction_error,
)


def test_cross_entropy_is_minus_log_probability() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(7, 4)), rng.integers(0, 4, 7)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(probabilities[np.arange(7), labels])
    actual = cross_entropy(torch.from_numpy(logits).float(), torch.from_numpy(labels))
    assert actual.numpy() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("label", [3, -1])
def test_labels_that_the_model_has_no_logit_for_are_refused(label: int) -> None:
    message = rf"labels must be class numbers in \[0, 3\), .* {label} is out of bounds. Samples"
    with pytest.raises(ValueError, match=message):
        cross_entropy(torch.zeros(2, 3), torch.tensor([0, label]))


def test_cross_entropy_with_probabilities_weighs_all_classes() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(7, 4)), rng.dirichlet(np.ones(4), 7)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(targets * np.log(probabilities)).sum(axis=1)
    actual = cross_entropy(torch.from_numpy(logits).float(), torch.from_numpy(targets).float())
    assert actual.numpy() == pytest.approx(expected, rel=1e-5)
    one_hot = torch.eye(4)[[0, 2, 1, 3, 3, 0, 1]]
    hard = cross_entropy(torch.from_numpy(logits).float(), one_hot.argmax(dim=1))
    soft = cross_entropy(torch.from_numpy(logits).float(), one_hot)
    assert soft.numpy() == pytest.approx(hard.numpy(), rel=1e-6)


def test_cross_entropy_of_coarse_logits_is_computed_in_float32() -> None:
    logits = torch.tensor([[0.0, 6.0]], dtype=torch.bfloat16)
    loss = cross_entropy(logits, torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(np.log1p(np.exp(-6.0)), rel=1e-4)


def test_reconstruction_error_is_the_mean_squared_difference() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 4, 5), dtype=np.float32), rng.random((2, 3, 4, 5), dtype=np.float32)
    actual = reconstruction_error(torch.from_numpy(a), torch.from_numpy(b))
    assert actual.numpy() == pytest.approx(((a - b) ** 2).mean(axis=(1, 2, 3)), rel=1e-6)


def test_reconstruction_error_refuses_to_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 4\) and \(2, 3, 4, 4\)"):
        reconstruction_error(torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4))


def test_classification_counts_right_answers() -> None:
    images = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0]])
    outcome = classification(nn.Identity(), images, torch.tensor([0, 0, 0]))
    assert outcome.n_correct is not None
    assert int(outcome.n_correct) == 2


def test_classification_counts_the_most_probable_class() -> None:
    images = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0]])
    soft_labels = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9]])
    outcome = classification(nn.Identity(), images, soft_labels)
    assert outcome.n_correct is not None
    assert int(outcome.n_correct) == 1
    assert outcome.losses.shape == (3,)


def test_reconstruction_has_nothing_to_be_right_about() -> None:
    images = torch.rand(2, 1, 4, 4)
    outcome = reconstruction(nn.Identity(), images, torch.tensor([-1, -1]))
    assert outcome.n_correct is None
    assert float(outcome.loss) == 0


def test_weights_multiply_the_losses_of_their_samples() -> None:
    outcome = Outcome(torch.tensor([1.0, 2.0, 6.0]), None)
    assert float(outcome.loss) == 3
    assert float(outcome.weighted_loss(None)) == 3
    assert float(outcome.weighted_loss(torch.tensor([2.0, 0.0, 0.5]))) == pytest.approx(5 / 3)


def test_former_names_still_import() -> None:
    assert losses.reproduction is reconstruction
    assert losses.reproduction_error is reconstruction_error
