"""A dataset with soft labels trains through the same loop as any other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from thinset.data import DatasetWriter, open_dataset
from thinset.losses import classification
from thinset.models import Classifier
from thinset.training import Phase, TwoPhase, fit, generator_for
from thinset.training.loop.settings import dataset_fingerprint
from thinset.transforms import TestTransform, TrainTransform

N_CLASSES = 10


def classifier():
    return Classifier(
        (8, 8, 1),
        N_CLASSES,
        convolution_widths=(8, 8),
        hidden_widths=(32, 16),
        generator=generator_for(0, "weights"),
    )


def write(out, data, labels, soft_labels):
    with DatasetWriter(
        out,
        name=out.name,
        image_shape=data.images.shape[1:],
        image_dtype="uint8",
        n_samples=len(data.images),
    ) as writer:
        writer.append(data.images, labels, soft_labels)
    return open_dataset(out)


def trained(phases, test_data, **options):
    model = classifier()
    history = fit(
        model,
        phases,
        loss=classification,
        train_transform=TrainTransform(),
        test_data=test_data,
        test_transform=TestTransform(),
        batch_size=64,
        device="cpu",
        precision="float32",
        evaluations=1,
        ema_decay=None,
        **options,
    )
    return model, history


def parameters(model: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(N_CLASSES, dtype=np.float32)[labels]


@pytest.mark.parametrize("resident", [True, False])
def test_one_hot_soft_labels_train_as_labels_do(digits, tmp_path, resident):
    hard = write(tmp_path / "hard", digits.train, digits.train.labels, None)
    soft = write(tmp_path / "soft", digits.train, None, one_hot(digits.train.labels))
    expected, first = trained([Phase("all", hard, "5st")], digits.test, resident=resident)
    actual, second = trained([Phase("all", soft, "5st")], digits.test, resident=resident)
    np.testing.assert_allclose(parameters(actual), parameters(expected), rtol=1e-4, atol=1e-5)
    assert second.curve[-1].test_accuracy == pytest.approx(first.curve[-1].test_accuracy, abs=0.01)


def test_soft_labels_are_what_is_learned(digits, tmp_path):
    """They say the opposite of the labels beside them; tests are against the labels."""
    shifted = (digits.train.labels + 1) % N_CLASSES
    smooth = (0.9 * one_hot(shifted) + 0.1 / N_CLASSES).astype(np.float32)
    train = write(tmp_path / "train", digits.train, digits.train.labels, smooth)
    part = write(tmp_path / "part", digits.subset, digits.subset.labels, smooth[::5])
    expected = write(tmp_path / "test", digits.test, None, one_hot((digits.test.labels + 1) % 10))
    _, history = trained(TwoPhase(train, part, "50%", "100st"), expected)
    assert history.curve[-1].test_accuracy > 0.85
    both = write(tmp_path / "both", digits.test, digits.test.labels, expected.soft_labels)
    _, history = trained(TwoPhase(train, part, "50%", "100st"), both)
    assert history.curve[-1].test_accuracy < 0.1


def test_arrays_in_memory_with_other_soft_labels_are_other_data(digits):
    """A checkpoint of the one is not resumed with the other."""
    images, labels = digits.test
    soft_labels = one_hot(labels)
    datasets = [
        digits.test,
        SimpleNamespace(images=images, labels=labels, soft_labels=None),
        SimpleNamespace(images=images, labels=labels, soft_labels=soft_labels),
        SimpleNamespace(images=images, labels=labels, soft_labels=soft_labels[::-1]),
    ]
    first, same, soft, other = map(dataset_fingerprint, datasets)
    assert first == same
    assert len({same, soft, other}) == 3
