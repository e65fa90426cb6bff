"""More Ray workers than test_ray_engine has, one of them killed; and a killed driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import thinset
from ray_clusters import CLOSES_LATE, cluster_of
from sharded_rows import same
from thinset import distributed

pytestmark = [pytest.mark.slow, *CLOSES_LATE]
K = 40
DRIVER = """
import os, signal, sys
from thinset import distributed
def die(done, total):
    if done >= 5:
        os.kill(os.getpid(), signal.SIGKILL)
distributed.select(
    sys.argv[2:], 40, "max_sum", engine="ray", n_workers=2, folder=sys.argv[1],
    checkpoint_seconds=0, progress=die,
)
"""


@pytest.fixture(scope="module")
def cluster():
    with cluster_of(8) as ray:
        yield ray


@pytest.mark.parametrize("n_workers", [1, 3, 5, 8])
@pytest.mark.parametrize("method", distributed.exact_methods())
def test_rows_of_one_machine_with_a_killed_worker(X, shards, cluster, method, n_workers):
    from thinset.distributed.ray_engine import RayEngine

    n_rounds = 0

    def kill_last(done, total):
        nonlocal n_rounds
        n_rounds += 1
        if n_rounds == 2:
            os.kill(engine.process_ids[-1], signal.SIGKILL)

    with RayEngine(n_workers) as engine:
        found = distributed.select(shards, K, method, engine=engine, progress=kill_last)
        assert engine.traffic.replaced == (method not in {"topk", "random"})
    same(found, thinset.select(X, K, method))


@pytest.mark.parametrize("n_workers", [3, 5, 8])
def test_near_duplicates(X, shards, cluster, n_workers):
    from thinset.distributed.ray_engine import RayEngine

    with RayEngine(n_workers) as engine:
        found = distributed.deduplicate(shards, 1.5, engine=engine)
    assert found.groups.tolist() == thinset.deduplicate(X, 1.5).groups.tolist()


def test_a_killed_driver_continues(X, shards, tmp_path):
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, folder, *shards], start_new_session=True
    ) as driver:
        try:
            assert driver.wait(120) == -signal.SIGKILL
        finally:
            os.killpg(driver.pid, signal.SIGKILL)  # what Ray started
    assert (folder / "state.npz").exists()
    found = distributed.select(shards, K, "max_sum", folder=folder, n_workers=3)
    same(found, thinset.select(X, K, "max_sum"))
