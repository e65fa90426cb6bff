"""Every exact method gives the rows and gains of one machine, for any number of workers."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from sharded_rows import CUTS, same
from thinset import distributed
from thinset.distributed.local_engine import LocalEngine

K = 40
WORKERS = (1, 2, 3, 5, 8)
METRICS = ("euclidean", "sqeuclidean", "cosine")
OPTIONS = {
    "topk": [{"mode": "abs"}, {"refill": False}, {"drop_constant": True}],
    "max_min": [{"metric": metric} for metric in METRICS],
    "max_sum": [{"metric": metric} for metric in METRICS],
    "kmeans": [{}, {"seeding": "random", "n_iterations": 3}],
    "random": [{"random_state": 7}],
}
CASES = [(m, options) for m in distributed.exact_methods() for options in OPTIONS[m]]


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "bfloat16"])
@pytest.mark.parametrize(("method", "options"), CASES)
def test_the_rows_and_gains_are_those_of_one_machine(X, method, options, dtype):
    values = X.astype("float32" if dtype == "bfloat16" else dtype)
    pieces = np.split(values, CUTS)
    if dtype == "bfloat16":
        torch = pytest.importorskip("torch")
        pieces = [torch.from_numpy(piece).to(torch.bfloat16) for piece in pieces]
    expected = thinset.select(pieces, K, method, **options)
    for n_workers in WORKERS:
        found = distributed.select(pieces, K, method, n_workers=n_workers, n_threads=1, **options)
        same(found, expected)


def test_all_methods_but_the_quadratic_one_are_exact():
    assert set(distributed.exact_methods()) == set(thinset.methods()) - {"facility_location"}


@pytest.mark.parametrize("method", distributed.exact_methods())
def test_as_many_workers_as_rows_and_every_row(X, method):
    expected = thinset.select(X[:7], 7, method)
    same(distributed.select(X[:7], 7, method, n_workers=50), expected)


@pytest.mark.parametrize("n_workers", WORKERS)
def test_near_duplicates_across_shards_are_found(X, n_workers):
    for distance in (0, 1.5, 2.5):
        expected = thinset.deduplicate(X, distance, keep=X[:, 0])
        found = distributed.deduplicate(
            np.split(X, CUTS), distance, keep=X[:, 0], n_workers=n_workers
        )
        assert found.groups.tolist() == expected.groups.tolist()
        assert found.representatives.tolist() == expected.representatives.tolist()
    assert 1 < len(found) < len(X) - 11


def test_what_needs_all_rows_is_refused(X):
    with pytest.raises(ValueError, match="rounds=2, which is approximate"):
        distributed.select(X, K, "facility_location")
    with pytest.raises(ValueError, match="topk is exact: leave rounds out"):
        distributed.select(X, K, "topk", rounds=2)
    with pytest.raises(ValueError, match="rounds must be None"):
        distributed.select(X, K, "max_min", rounds=3)
    with pytest.raises(ValueError, match="stratified needs labels"):
        distributed.select(X, K, "random", stratified=True)
    with pytest.raises(ValueError, match=r"n_workers must be an int in \[1, 65,536\], got 0"):
        distributed.select(X, K, n_workers=0)
    with pytest.raises(ValueError, match="engine must be one of local, ray, torch; got 'dask'"):
        distributed.select(X, K, engine="dask")
    for n_workers in (0, 1.5, "2", True):
        with pytest.raises(ValueError, match=r"n_workers must be an int in \[1, 65,536\], got"):
            LocalEngine(n_workers)
    for name in ("labels", "initial_subset", "scores", "groups", "budget", "max_memory"):
        for call in (distributed.select, distributed.estimate):
            with pytest.raises(ValueError, match=f"{name} cannot be used over shards, only with"):
                call(X, K, n_workers=2, **{name: None})
    with pytest.raises(ValueError, match="has no option 'label'; it takes mode"):
        distributed.select(X, K, label=None)


def test_an_engine_lets_its_workers_go_and_may_be_used_again(X):
    engine = LocalEngine(3)
    same(distributed.select(X, K, engine=engine), thinset.select(X, K))
    assert engine._workers == []
    found = distributed.deduplicate(X, 0, engine=engine)
    assert found.groups.tolist() == thinset.deduplicate(X, 0).groups.tolist()
    assert engine._workers == []
