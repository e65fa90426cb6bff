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
    iter(sampler)
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
