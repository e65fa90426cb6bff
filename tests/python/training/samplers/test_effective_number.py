from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from thinset.data.batches import DeviceBatches
from thinset.training import EffectiveNumber, effective_number_weights

LABELS = np.repeat([0, 1, 3], [6, 3, 1])  # class 2 has no samples


def dataset(labels: Any = LABELS, **others: Any) -> Any:
    return SimpleNamespace(images=np.zeros((10, 2, 2, 1), np.uint8), labels=labels, **others)


def stream(order: EffectiveNumber, seed: int = 0) -> DeviceBatches:
    data = dataset()
    generator = torch.Generator().manual_seed(seed)
    return DeviceBatches(
        data, device="cpu", batch_size=4, generator=generator, passes=order.over(data)
    )


def test_weights_of_classes_are_those_of_the_paper() -> None:
    # Effective numbers at 0.5: 1, 1.5, 1.75, so 1 : 2/3 : 4/7, whose sum is 47/21.
    expected = np.array([1, 2 / 3, 4 / 7]) * 3 / (47 / 21)
    np.testing.assert_allclose(effective_number_weights(np.array([1, 2, 3]), 0.5), expected)
    assert effective_number_weights(np.array([1, 2, 3]), 0.5).sum() == pytest.approx(3)
    sizes = np.array([5000, 500, 50])
    effective = (1 - 0.9999**sizes) / (1 - 0.9999)
    expected = (1 / effective) * 3 / (1 / effective).sum()
    np.testing.assert_allclose(effective_number_weights(sizes), expected, rtol=1e-9)


def test_weights_reach_from_equal_to_inverse_sizes() -> None:
    sizes = np.array([1000, 10, 0, 1])
    np.testing.assert_allclose(effective_number_weights(sizes, 1e-300), [1, 1, 0, 1])
    inverse = np.array([1e-3, 1e-1, 0, 1]) * 3 / 1.101
    closest = float(np.nextafter(1, 0))
    np.testing.assert_allclose(effective_number_weights(sizes, closest), inverse, rtol=1e-9)


def test_samples_weigh_what_their_class_weighs() -> None:
    weights = effective_number_weights(np.array([6, 3, 0, 1]), 0.9)
    batches = stream(EffectiveNumber(0.9))
    seen = {}
    for _ in range(5):  # two passes
        batch = next(batches)
        assert batch.weights is not None
        np.testing.assert_allclose(batch.weights, weights[LABELS[batch.indices]], rtol=1e-6)
        seen.update(zip(batch.indices.tolist(), batch.weights.tolist(), strict=True))
    assert sorted(seen) == list(range(10))
    # Not scaled to a mean of 1: the weights of classes sum to their number.
    assert np.mean(list(seen.values())) < 0.8


@pytest.mark.parametrize("n_before", [0, 1, 3, 8])
def test_weighted_passes_resume_anywhere(n_before: int) -> None:
    batches = stream(EffectiveNumber())
    for _ in range(n_before):
        next(batches)
    state = batches.state_dict()

    def drawn(source: DeviceBatches) -> list[Any]:
        return [(b.indices.tolist(), b.weights.tolist()) for b in (next(source) for _ in range(9))]

    expected = drawn(batches)
    resumed = stream(EffectiveNumber(), seed=99)
    resumed.load_state_dict(state)
    assert drawn(resumed) == expected


@pytest.mark.parametrize("beta", [0, 1, -0.5, float("nan"), True, "0.9"])
def test_beta_is_checked(beta: Any) -> None:
    with pytest.raises(ValueError, match="beta must be above 0 and below 1, got "):
        EffectiveNumber(beta)
    with pytest.raises(ValueError, match="beta must be above 0 and below 1, got "):
        effective_number_weights(np.array([1, 2]), beta)


@pytest.mark.parametrize("sizes", [[], [0, 0], [1, -1], [1.5, 2], [[1, 2]]])
def test_sizes_are_checked(sizes: Any) -> None:
    with pytest.raises(ValueError, match="class_sizes must be one row of whole numbers"):
        effective_number_weights(np.array(sizes))


def test_class_labels_alone_are_needed() -> None:
    with pytest.raises(ValueError, match="the dataset has no labels"):
        EffectiveNumber().over(dataset(None))
    soft = dataset(soft_labels=np.full((10, 4), 0.25, np.float32))
    with pytest.raises(ValueError, match="the dataset has soft labels"):
        EffectiveNumber().over(soft)
    with pytest.raises(ValueError, match="labels must be 0 or more, got -1 at position 0"):
        EffectiveNumber().over(dataset(LABELS - 1))
