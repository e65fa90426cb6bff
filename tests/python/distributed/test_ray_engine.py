"""Ray actors: the rows of one machine, also if actors are killed; errors with their type."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import thinset
from ray_clusters import CLOSES_LATE, cluster_of
from sharded_rows import CUTS, same
from thinset import distributed

pytestmark = CLOSES_LATE
K = 40


@pytest.fixture(scope="module")
def cluster():
    with cluster_of(2) as ray:
        yield ray


@pytest.fixture
def engine(cluster):
    from thinset.distributed.ray_engine import RayEngine

    with RayEngine(2) as engine:
        yield engine


def killing(engine, at_round):
    """Kills the worker of part 1 after this round."""

    def report(done, total):
        report.n_rounds += 1
        if report.n_rounds == at_round:
            os.kill(engine.process_ids[1], signal.SIGKILL)

    report.n_rounds = 0
    return report


@pytest.mark.parametrize("method", distributed.exact_methods())
def test_a_killed_worker_is_replaced_and_the_rows_stay_the_same(X, shards, engine, method):
    found = distributed.select(shards, K, method, engine=engine, progress=killing(engine, 2))
    same(found, thinset.select(X, K, method))
    assert engine.traffic.replaced == (method not in {"topk", "random"})


def test_near_duplicates_of_arrays(X, engine):
    pieces = np.split(X, CUTS)
    expected = thinset.deduplicate(X, 1.5).groups.tolist()
    assert distributed.deduplicate(pieces, 1.5, engine=engine).groups.tolist() == expected


def test_errors_of_workers_keep_their_type_and_text(X, shards, engine):
    values = X[251:600].copy()
    values[3, 1] = np.inf
    np.save(shards[4], values)
    with pytest.raises(distributed.ShardError, match=r"row 254, column 1 is inf \(row 3 of .*4"):
        distributed.select(shards, K, engine=engine)


def test_a_worker_that_dies_again_and_again_ends_the_selection(X, engine):
    gather = engine._gather

    def gather_from_dead(submit):
        def submit_to_dead(number):
            # Dead before it is asked: a worker killed afterwards may have answered already.
            process_id = engine._ray.get(engine._actors[number].process_id.remote())
            os.kill(process_id, signal.SIGKILL)
            return submit(number)

        return gather(submit_to_dead)

    engine._gather = gather_from_dead
    with pytest.raises(distributed.WorkerLostError, match=r"part \d was lost: it died 4 times"):
        distributed.select(X, K, engine=engine)


def test_relative_paths_are_those_of_the_driver(X, shards, engine, monkeypatch):
    monkeypatch.chdir(shards[0].parent)
    same(distributed.select("*.npy", K, engine=engine), thinset.select(X, K))
    with pytest.raises(FileNotFoundError, match="shard not found: 'none.npy'"):
        distributed.select("none.npy", K, engine=engine)


def test_what_no_engine_can_have_is_refused(cluster):
    from thinset.distributed.ray_engine import RayEngine

    for n_workers in (0, 1.5, "2", True):
        with pytest.raises(ValueError, match=r"n_workers must be in \[1, 2\]"):
            RayEngine(n_workers)
    for cpus in (0, 1.5, None):
        with pytest.raises(ValueError, match="cpus_per_worker must be an int of at least 1, got"):
            RayEngine(1, cpus_per_worker=cpus)
    for wait in (0, -1, "1", float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"wait must be a number of seconds in \(0, "):
            RayEngine(1, wait=wait)


def test_more_workers_than_cpus_are_refused(X, cluster):
    with pytest.raises(ValueError, match=r"n_workers must be in \[1, 2\]: the Ray cluster has 2"):
        distributed.select(X, K, engine="ray", n_workers=3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_datasets_of_ray_data_are_shards(X, cluster, engine):
    data = pytest.importorskip("ray.data")
    pyarrow = pytest.importorskip("pyarrow")
    lists = pyarrow.FixedSizeListArray.from_arrays(X.ravel(), X.shape[1])
    dataset = data.from_arrow(pyarrow.table({"vector": lists}))
    found = distributed.select(dataset, K, engine=engine, column="vector")
    assert found.indices.tolist() == thinset.select(X, K).indices.tolist()
    # The workers of the selection before have left the CPUs to what computes the rows of this one.
    lazy = dataset.map_batches(lambda batch: batch, batch_format="pyarrow")
    again = distributed.select(lazy, K, engine=engine, column="vector")
    assert again.indices.tolist() == found.indices.tolist()
