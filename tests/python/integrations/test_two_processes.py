"""Two processes under torchrun see every sample of both phases once, as one process would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from thinset.training import TwoPhaseEpochSampler, TwoPhaseSampler

SCRIPT = Path(__file__).with_name("two_processes.py")
SUBSET = [3, 14, 15, 9, 2, 6]
FAST = "24sa"  # 6 steps of 2 in each of two processes


def seen_by_both(way: str, folder: Path) -> list[list[list[int]]]:
    # fmt: off
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        SCRIPT, way, folder,
    ]
    # fmt: on
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_plain_pytorch(tmp_path: Path) -> None:
    first, second = (list(chain(*batches)) for batches in seen_by_both("plain", tmp_path))
    sampler = TwoPhaseSampler(20, SUBSET, fast=FAST)
    stream = [index for _ in range(7) for index in sampler]
    assert [index for pair in zip(first, second, strict=True) for index in pair] == stream
    assert set(stream[:24]) == set(SUBSET)


@pytest.mark.parametrize("way", ["lightning", "transformers"])
def test_libraries(way: str, tmp_path: Path) -> None:
    first, second = seen_by_both(way, tmp_path)
    sampler = TwoPhaseEpochSampler(20, SUBSET, fast=FAST)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        steps = slice(5 * epoch, 5 * (epoch + 1))
        seen = chain(*first[steps], *second[steps])
        assert sorted(seen) == sorted(sampler)
    assert {index for batch in first[:5] + second[:5] for index in batch} == set(SUBSET)
    assert len(first) == len(second) == 15
