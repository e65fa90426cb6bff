"""Two processes under torchrun see every sample of both phases once, as one process would."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from thinset.training import TwoPhaseEpochSampler, TwoPhaseSampler

SCRIPT = Path(__file__).with_name("two_processes.py")
SUBSET = [3, 14, 15, 9, 2, 6]
FAST = "24sa"  # 6 steps of 2 in each of two processes


def test_plain_pytorch(in_two_processes, tmp_path: Path) -> None:
    first, second = (
        list(chain(*batches)) for batches in in_two_processes(SCRIPT, tmp_path, "plain")
    )
    sampler = TwoPhaseSampler(20, SUBSET, fast=FAST)
    stream = [index for _ in range(7) for index in sampler]
    assert [index for pair in zip(first, second, strict=True) for index in pair] == stream
    assert set(stream[:24]) == set(SUBSET)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["lightning", "transformers"])
def test_libraries(in_two_processes, way: str, tmp_path: Path) -> None:
    first, second = in_two_processes(SCRIPT, tmp_path, way)
    sampler = TwoPhaseEpochSampler(20, SUBSET, fast=FAST)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        steps = slice(5 * epoch, 5 * (epoch + 1))
        seen = chain(*first[steps], *second[steps])
        assert sorted(seen) == sorted(sampler)
    assert {index for batch in first[:5] + second[:5] for index in batch} == set(SUBSET)
    assert len(first) == len(second) == 15


@pytest.mark.slow
def test_transformers_resumes_in_mid_epoch(in_two_processes, tmp_path: Path) -> None:
    """Batches are skipped there, and the Trainer's call of set_epoch does not reach the sampler."""
    both = in_two_processes(SCRIPT, tmp_path, "transformers-resumed")
    for whole, rest in both:
        assert rest == whole[7:]


@pytest.mark.slow
def test_lightning_prunes(in_two_processes, tmp_path: Path) -> None:
    first, second = in_two_processes(SCRIPT, tmp_path, "lightning-pruned")
    for mine, other in zip(first["epochs"], second["epochs"], strict=True):
        assert len(mine) == len(other) > 0
    assert sorted(first["epochs"][0] + second["epochs"][0]) == list(range(20))
    assert first["latest"] == second["latest"] == [float(row) for row in range(20)]
    assert len(first["epochs"][1]) < 10
    assert "set use_distributed_sampler=False" in first["refused"]
