from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from thinset.data.batches import DeviceBatches
from thinset.training import ClassBalanced, LossPruning, RepeatedRandom, SampleWeights

N = 40


def dataset(n: int = N) -> Any:
    images = np.zeros((n, 2, 2, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(n)
    return SimpleNamespace(images=images, labels=np.arange(n) % 4)


def stream(order: Any, batch_size: int = 8, seed: int = 0) -> DeviceBatches:
    data = dataset()
    return DeviceBatches(
        data,
        device="cpu",
        batch_size=batch_size,
        generator=torch.Generator().manual_seed(seed),
        passes=order.over(data),
    )


def test_repeated_random_shows_another_subset_in_each_pass() -> None:
    batches = stream(RepeatedRandom(10), batch_size=10)
    passes = [next(batches).indices.tolist() for _ in range(12)]
    assert all(len(set(rows)) == 10 for rows in passes)
    assert len({tuple(sorted(rows)) for rows in passes}) == 12
    # With replacement between passes: all samples have their turn, none by plan.
    assert len({row for rows in passes for row in rows}) > 30


def test_repeated_random_refuses_more_than_there_is() -> None:
    with pytest.raises(ValueError, match=r"n_samples must be in \[1, 40\], got 41"):
        RepeatedRandom(41).over(dataset())


LOPSIDED = np.repeat([0, 1, 2, 3], [31, 5, 3, 1])


def test_every_class_is_shown_equally_often() -> None:
    batches = stream(ClassBalanced(LOPSIDED), batch_size=N)
    passes = [next(batches).indices.numpy() for _ in range(6)]
    for rows in passes:
        assert np.bincount(LOPSIDED[rows]).tolist() == [10, 10, 10, 10]
    # 60 of the largest class: each of the 31 once before any comes again.
    assert len({int(row) for rows in passes[:3] for row in rows if row < 31}) == 30
    assert len({tuple(rows) for rows in passes}) == 6
    other = next(stream(ClassBalanced(LOPSIDED), batch_size=N, seed=1)).indices
    assert other.tolist() != passes[0].tolist()


def test_classes_are_those_of_the_dataset_unless_others_are_given() -> None:
    rows = next(stream(ClassBalanced(), batch_size=N)).indices
    assert np.bincount(dataset().labels[rows]).tolist() == [10] * 4
    assert repr(ClassBalanced()) == "ClassBalanced()"
    assert repr(ClassBalanced(LOPSIDED)) == repr(ClassBalanced(LOPSIDED.tolist()))
    assert repr(ClassBalanced(LOPSIDED)) != repr(ClassBalanced(LOPSIDED[::-1].copy()))


def test_classes_are_needed_for_each_sample() -> None:
    with pytest.raises(ValueError, match="one for each of 40 samples, got 3"):
        ClassBalanced([0, 1, 2]).over(dataset())
    unlabelled = SimpleNamespace(images=dataset().images, labels=None)
    with pytest.raises(ValueError, match="the dataset has no labels"):
        ClassBalanced().over(unlabelled)


@pytest.mark.parametrize("n_before", [0, 1, 7, 12, 40])
def test_balanced_passes_resume_anywhere(n_before: int) -> None:
    batches = stream(ClassBalanced(LOPSIDED), batch_size=7)
    for _ in range(n_before):
        next(batches)
    state = batches.state_dict()
    expected = [next(batches).indices.tolist() for _ in range(30)]
    resumed = stream(ClassBalanced(LOPSIDED), batch_size=7, seed=99)
    resumed.load_state_dict(state)
    assert [next(resumed).indices.tolist() for _ in range(30)] == expected


def test_weights_come_with_their_samples() -> None:
    weights = np.arange(N, dtype=np.float64)
    batch = next(stream(SampleWeights(weights)))
    assert batch.weights is not None
    np.testing.assert_allclose(batch.weights, batch.indices / weights.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0, -1.0], "none below 0"), ([np.nan], "finite"), ([0.0, 0.0], "above 0")],
)
def test_weights_are_checked(weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SampleWeights(np.array(weights))
    with pytest.raises(ValueError, match="one for each of 40 samples, got 3"):
        SampleWeights(np.ones(3)).over(dataset())


def losses_of(indices: torch.Tensor) -> torch.Tensor:
    """Samples 0..29 are well learned, the others are not."""
    return torch.where(indices < 30, 0.1, 2.0)


def one_pass(passes: Any, generator: torch.Generator, progress: float = 0.0) -> tuple[Any, Any]:
    passes.begin(progress)
    indices, weights = passes.draw(generator)
    passes.observe(indices, losses_of(indices))
    return indices, weights


def test_the_first_pass_shows_everything() -> None:
    indices, weights = one_pass(LossPruning().over(dataset()), torch.Generator())
    assert sorted(indices.tolist()) == list(range(N))
    assert weights is None


def test_only_well_learned_samples_are_left_out_and_the_gradient_is_unbiased() -> None:
    passes, generator = LossPruning(share=0.25).over(dataset()), torch.Generator().manual_seed(0)
    one_pass(passes, generator)
    sums = torch.zeros(N)
    n_shown = 0
    for _ in range(2000):
        indices, weights = one_pass(passes, generator)
        assert set(range(30, N)) <= set(indices.tolist())
        sums[indices] += weights
        n_shown += len(indices)
        np.testing.assert_allclose(weights, torch.where(indices < 30, 1 / 0.75, 1.0))
    # Each weight is 4/3 with probability 3/4: standard error of the mean 0.013, of the count 0.002.
    np.testing.assert_allclose(sums / 2000, torch.ones(N), atol=0.055)
    assert n_shown / 2000 == pytest.approx(10 + 0.75 * 30, rel=0.01)


def test_the_last_part_shows_everything() -> None:
    passes, generator = LossPruning(full_from=0.5).over(dataset()), torch.Generator().manual_seed(0)
    one_pass(passes, generator)
    assert len(one_pass(passes, generator, 0.49)[0]) < N
    indices, weights = one_pass(passes, generator, 0.5)
    assert (len(indices), weights) == (N, None)


def test_pruned_passes_resume_in_the_middle_of_one() -> None:
    def train(batches: DeviceBatches, n_batches: int) -> list[tuple[list[int], Any]]:
        seen = []
        for _ in range(n_batches):
            batch = next(batches)
            batches.observe(batch, losses_of(batch.indices))
            weights = None if batch.weights is None else batch.weights.tolist()
            seen.append((batch.indices.tolist(), weights))
        return seen

    for n_before in (0, 3, 7, 12):
        batches = stream(LossPruning(), batch_size=7)
        train(batches, n_before)
        state = batches.state_dict()
        expected = train(batches, 30)
        resumed = stream(LossPruning(), batch_size=7, seed=5)
        resumed.load_state_dict(state)
        assert train(resumed, 30) == expected


def test_a_state_of_another_size_is_refused() -> None:
    state = LossPruning().over(dataset(5)).state_dict()
    with pytest.raises(ValueError, match="of 5 samples, not 40"):
        LossPruning().over(dataset()).load_state_dict(state)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must be at least 0 and below 1"):
        LossPruning(share)


def test_a_batch_has_as_many_samples_of_each_class() -> None:
    batches = stream(ClassBalanced(LOPSIDED, n_samples=12), batch_size=12)
    seen: list[int] = []
    for _ in range(9):
        rows = next(batches).indices.numpy()
        assert np.bincount(LOPSIDED[rows]).tolist() == [3, 3, 3, 3]
        seen += [int(row) for row in rows if row < 31]
    # A class begins again only when all of its samples were shown.
    assert len(set(seen)) == 27
    assert repr(ClassBalanced(n_samples=12)) == "ClassBalanced(n_samples=12)"
    assert repr(ClassBalanced(LOPSIDED, 12)).endswith(", n_samples=12)")
    assert repr(ClassBalanced(LOPSIDED, 12)) != repr(ClassBalanced(LOPSIDED, 16))


@pytest.mark.parametrize("n_before", [0, 1, 7])
def test_batches_of_balanced_classes_resume(n_before: int) -> None:
    batches = stream(ClassBalanced(LOPSIDED, n_samples=12), batch_size=12)
    for _ in range(n_before):
        next(batches)
    state = batches.state_dict()
    expected = [next(batches).indices.tolist() for _ in range(9)]
    resumed = stream(ClassBalanced(LOPSIDED, n_samples=12), batch_size=12, seed=99)
    resumed.load_state_dict(state)
    assert [next(resumed).indices.tolist() for _ in range(9)] == expected


@pytest.mark.parametrize(
    ("n_samples", "message"), [(0, "at least 1, got 0"), (1.5, "an int, got 1.5")]
)
def test_the_length_of_a_pass_is_a_whole_number(n_samples: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"n_samples must be .*{message}"):
        ClassBalanced(n_samples=n_samples)
