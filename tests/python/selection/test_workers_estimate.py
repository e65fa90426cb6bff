"""Predictions for several workers, against what selections over shards exchange."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from thinset import distributed
from thinset.distributed.local_engine import LocalEngine


@pytest.mark.parametrize(
    ("method", "options", "within"),
    [
        ("topk", {}, 0.1),
        ("max_sum", {}, 0.1),
        ("max_min", {}, 0.35),
        ("kmeans", {}, 0.1),
        ("kmeans", {"seeding": "random"}, 0.1),
        ("max_min", {"rounds": 2}, 0.1),
        ("max_sum", {"rounds": 2}, 0.1),
    ],
)
def test_rounds_and_bytes_are_those_of_a_selection(method, options, within):
    X = np.random.default_rng(3).standard_normal((2000, 16)).astype(np.float32)
    for n_workers, k in ((2, 60), (8, 150)):
        told = thinset.estimate(X, k, method, workers=n_workers, **options)
        engine = LocalEngine(n_workers)
        distributed.select(X, k, method, engine=engine, n_threads=1, **options)
        traffic = engine.traffic
        assert told.rounds == pytest.approx(traffic.rounds, rel=within)
        exchanged = traffic.bytes_sent + traffic.bytes_received
        if method != "max_sum" or "rounds" not in options:
            assert told.bytes_sent + told.bytes_received == pytest.approx(exchanged, rel=0.35)


def test_seconds_have_the_latency_of_every_round_and_the_bytes():
    shape, k = (100_000_000, 64), 1000
    # So long that what is computed, which is measured anew each time, does not matter.
    far = thinset.estimate(shape, k, "max_sum", workers=16, latency=1e6, bandwidth=1e12)
    assert far.seconds == pytest.approx(1e6 * far.rounds, rel=1e-3)
    slow = thinset.estimate(shape, k, "max_sum", workers=16, latency=1e-6, bandwidth=1e-3)
    exchanged = slow.bytes_sent + slow.bytes_received
    assert slow.seconds == pytest.approx(1e3 * exchanged, rel=1e-3)
    one = thinset.estimate(shape, k, "max_sum", workers=1)
    assert slow.memory_bytes < one.memory_bytes / 8
    assert "rounds: about 1,001" in slow.describe()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, r"workers must be an int in \[1, 65,536\], got 0"),
        ({"workers": 2, "latency": 0}, "latency must be a number above 0, got 0"),
        ({"workers": 2, "rounds": 3}, r"rounds must be None \(exact\) or 2, got 3"),
        ({"workers": 2, "coreset_size": 5}, "coreset_size applies to rounds=2 only"),
        (
            {"workers": 2, "rounds": 2, "method": "max_min", "coreset_size": 0},
            "coreset_size must be an int of at least 1",
        ),
        ({"workers": 2, "rounds": 2}, "topk is exact: leave rounds out"),
        ({"workers": 2, "method": "max_sum", "max_swaps": 3}, "max_swaps must be 0 over workers"),
        ({"workers": 2, "method": "facility_location"}, "over workers takes rounds=2"),
        ({"workers": 2, "per_class": True}, "per_class do not apply with workers"),
        ({"rounds": 2}, "rounds applies only with workers"),
    ],
)
def test_what_would_be_refused_is(options, message):
    with pytest.raises(ValueError, match=message):
        thinset.estimate((1000, 8), 10, **options)


def test_workers_without_rows_do_not_count():
    told = thinset.estimate((10, 8), 5, workers=200)
    assert told.workers == 10
    assert told.bytes_received == thinset.estimate((10, 8), 5, workers=10).bytes_received
