"""Ten million rows in a file: selected where they lie, in memory that is told before."""

from __future__ import annotations

import shutil

import pytest

import thinset
from peak_memory import peak_of, write_embeddings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

N, D = 10_000_000, 64


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    """A .npy file of 1.28 GB, removed after the tests."""
    folder = tmp_path_factory.mktemp("ten_million_rows")
    if shutil.disk_usage(folder).free < 3 * N * D:
        pytest.skip("needs 4 GB of disk")
    write_embeddings(folder / "X.npy", N, D)
    yield folder / "X.npy"
    shutil.rmtree(folder)


@pytest.mark.parametrize(("method", "k"), [("topk", 10_000), ("max_min", 1_000)])
def test_memory_is_told_within_a_tenth(embeddings, method, k):
    told = thinset.estimate(embeddings, k, method, n_threads=2)
    peak = peak_of(embeddings, N, k, method, {})
    # What is beside the selection, threads and interpreter, counts where little is taken.
    assert abs(told.memory_bytes - peak) < 0.1 * peak + 1_000_000
    assert peak < told.memory_bound + 1_000_000
    assert told.memory_bound < 0.3 * N * D * 2
