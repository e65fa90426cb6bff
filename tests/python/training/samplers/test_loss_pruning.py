from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from thinset.training import LossPruningSampler

N = 30


def losses_of(rows: torch.Tensor) -> torch.Tensor:
    return torch.where(rows < 20, 0.1, 2.0)


def loader(sampler: LossPruningSampler, n_workers: int = 0) -> DataLoader[tuple[torch.Tensor, ...]]:
    return DataLoader(
        TensorDataset(torch.arange(N)), batch_size=4, sampler=sampler, num_workers=n_workers
    )


def passes(sampler: LossPruningSampler, n: int, n_workers: int = 0) -> list[list[int]]:
    seen = []
    batches = loader(sampler, n_workers)
    for _ in range(n):
        rows = []
        for (row,) in batches:
            sampler.mean(losses_of(row))
            rows += row.tolist()
        seen.append(rows)
    return seen


@pytest.mark.parametrize("n_workers", [0, 2])
def test_passes_leave_out_what_is_learned_and_end_with_everything(n_workers: int) -> None:
    first, *middle, last = passes(LossPruningSampler(N, 8), 8, n_workers)
    assert sorted(first) == sorted(last) == list(range(N))
    for rows in middle:
        assert set(range(20, N)) <= set(rows)
        assert 10 < len(rows) < N
    assert len({tuple(rows) for rows in middle}) == 6


def test_the_mean_weighs_samples_that_stand_for_others() -> None:
    sampler = LossPruningSampler(N, 8)
    passes(sampler, 1)
    for (row,) in loader(sampler):
        losses = losses_of(row)
        expected = (losses * torch.where(row < 20, 2.0, 1.0)).mean()
        assert float(sampler.mean(losses)) == pytest.approx(float(expected))


def test_it_resumes_in_the_middle_of_a_pass() -> None:
    sampler = LossPruningSampler(N, 8)
    passes(sampler, 2)
    for number, (row,) in enumerate(loader(sampler)):
        sampler.mean(losses_of(row))
        if number == 2:
            state = sampler.state_dict()
            rest = []
        elif number > 2:
            rest += row.tolist()
    after = passes(sampler, 3)

    resumed = LossPruningSampler(N, 8)
    resumed.load_state_dict(state)
    assert len(resumed) == len(rest)
    assert passes(resumed, 4) == [rest, *after]


def test_losses_that_fit_no_batch_are_refused() -> None:
    sampler = LossPruningSampler(N, 8)
    with pytest.raises(ValueError, match=r"one for each sample .* got \(31,\)"):
        sampler.mean(torch.ones(31))
    with pytest.raises(ValueError, match=r"got \(2, 2\)"):
        sampler.mean(torch.ones(2, 2))


def test_a_state_of_other_arguments_is_refused() -> None:
    state = LossPruningSampler(N, 8).state_dict()
    with pytest.raises(ValueError, match="its n_passes is 8, this one's is 9"):
        LossPruningSampler(N, 9).load_state_dict(state)


@pytest.mark.parametrize(("n_total", "n_passes"), [(0, 1), (1, 0)])
def test_counts_below_one_are_refused(n_total: int, n_passes: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        LossPruningSampler(n_total, n_passes)


def test_length_between_passes_is_that_of_the_next() -> None:
    sampler = LossPruningSampler(N, 8)
    batches = loader(sampler)
    for _ in range(8):
        announced = len(batches)
        rows = passes_of_batches(sampler, batches)
        assert announced == len(rows) > 0


def passes_of_batches(sampler: LossPruningSampler, batches) -> list[list[int]]:
    """One pass over batches, by a loop that asks for no more batches than were announced."""
    rows = []
    for _, (row,) in zip(range(len(batches)), batches, strict=False):
        sampler.mean(losses_of(row))
        rows.append(row.tolist())
    return rows


@pytest.mark.parametrize("n_workers", [0, 2])
def test_looks_and_passes_without_losses_begin_again(n_workers: int) -> None:
    sampler = LossPruningSampler(N, 8)
    expected = passes(LossPruningSampler(N, 8), 2)
    next(iter(loader(sampler, n_workers)))
    next(iter(loader(sampler, n_workers)))
    assert passes(sampler, 1, n_workers) == expected[:1]
    for _ in loader(sampler, n_workers):
        pass
    with pytest.warns(UserWarning, match="no losses were given in pass 1, which begins again"):
        assert passes(sampler, 1, n_workers) == expected[1:]


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_batch_left_out_is_noticed(n_workers: int) -> None:
    sampler = LossPruningSampler(N, 8)
    batches = iter(loader(sampler, n_workers))
    sampler.mean(losses_of(next(batches)[0]))
    next(batches)
    (row,) = next(batches)
    with pytest.raises(RuntimeError, match=r"taken 12 samples .* for only 4 .*mean\(losses, indi"):
        sampler.mean(losses_of(row))


@pytest.mark.parametrize("n_workers", [0, 2])
def test_indices_credit_any_batch(n_workers: int) -> None:
    sampler = LossPruningSampler(N, 8)
    shown = []
    for number, (row,) in enumerate(loader(sampler, n_workers)):
        if number % 2:
            sampler.mean(row.float() + 1, row)
            shown += row.tolist()
    latest = sampler.state_dict()["latest"]
    assert latest[shown].tolist() == [row + 1 for row in shown]
    assert latest.isfinite().sum() == len(shown) == 14


def test_indices_give_each_sample_its_weight() -> None:
    by_index, in_turn = LossPruningSampler(N, 8), LossPruningSampler(N, 8)
    for _ in range(2):
        for (row,), (other,) in zip(loader(by_index), loader(in_turn), strict=True):
            losses = losses_of(row)
            assert row.equal(other)
            assert by_index.mean(losses, row) == in_turn.mean(losses)


def test_a_batch_may_be_handed_over_in_parts() -> None:
    sampler = LossPruningSampler(N, 8)
    for (row,) in loader(sampler):
        for part in row.split(3):
            sampler.mean(part.float() + 1)
    assert sampler.state_dict()["latest"].tolist() == [row + 1 for row in range(N)]


def test_the_losses_of_a_batch_cannot_be_given_twice() -> None:
    sampler = LossPruningSampler(N, 8)
    (row,) = next(iter(loader(sampler)))
    sampler.mean(losses_of(row))
    with pytest.raises(RuntimeError, match="given already for all but 0 of the 4"):
        sampler.mean(losses_of(row))


def test_losses_reduced_to_one_number_are_refused() -> None:
    sampler = LossPruningSampler(N, 8)
    batches = iter(loader(sampler))
    (row,) = next(batches)
    with pytest.raises(ValueError, match=r'reduction="none"; got \(\)'):
        sampler.mean(losses_of(row).mean())
    sampler.mean(losses_of(row).mean(dim=0, keepdim=True))
    (row,) = next(batches)
    with pytest.raises(RuntimeError, match="reduced to one number"):
        sampler.mean(losses_of(row))


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (torch.tensor([0, 1, 2]), r"one integer for each of 4 losses.*\(3,\)"),
        (torch.tensor([0.0, 1.0, 2.0, 3.0]), "got torch.float32"),
        (torch.tensor([0, 1, 2, 30]), r"in 0..29, got 0 to 30"),
    ],
)
def test_indices_are_checked(indices: torch.Tensor, message: str) -> None:
    sampler = LossPruningSampler(N, 8)
    (row,) = next(iter(loader(sampler)))
    with pytest.raises(ValueError, match=message):
        sampler.mean(losses_of(row), indices)
