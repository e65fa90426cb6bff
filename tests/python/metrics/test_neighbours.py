"""Nearest rows and balls against all pairs, bit for bit, and what is refused."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import nearest as oracle
from thinset import _core
from thinset.metrics import nearest
from thinset.metrics.neighbours import count_in_balls

AVAILABLE = _core.available_instruction_sets()


@pytest.fixture(params=AVAILABLE)
def instruction_set(request):
    _core.use_instruction_set(request.param)
    yield request.param
    _core.use_instruction_set(AVAILABLE[-1])


def rows(generator, n, d, dtype, kind):
    if kind == "grid":  # many equal distances
        return generator.integers(0, 3, (n, d)).astype(dtype)
    if kind == "offset":  # tiny differences far from 0
        step = {"float16": 1e-1, "float32": 1e-4, "float64": 1e-10}[dtype]
        return (100.0 + step * generator.standard_normal((n, d))).astype(dtype)
    if kind == "low rank":
        basis = generator.standard_normal((3, d))
        return (generator.standard_normal((n, 3)) @ basis).astype(dtype)
    if kind == "scales":
        scale = 10.0 ** generator.integers(-3, 4, (n, 1))
        return (scale * generator.standard_normal((n, d))).astype(dtype)
    return generator.standard_normal((n, d)).astype(dtype)


def assert_same(found, right):
    np.testing.assert_array_equal(found.indices, right[0])
    assert found.distances.tobytes() == right[1].tobytes()


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 2, 3, 5, 63, 64, 65, 100]),
    m=st.sampled_from([2, 3, 16, 63, 64, 65, 129, 200]),
    d=st.sampled_from([1, 2, 15, 16, 17, 64, 65, 100]),
    k=st.sampled_from([1, 2, 5, 32, 33]),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    kind=st.sampled_from(["grid", "offset", "low rank", "scales", "normal"]),
    n_threads=st.sampled_from([1, 2, 5]),
)
def test_neighbours_are_those_of_the_oracle(seed, n, m, d, k, dtype, kind, n_threads):
    generator = np.random.default_rng(seed)
    X = rows(generator, n + m, d, dtype, kind)
    queries, reference = X[:n], X[n:]
    k = min(k, m - 1)
    found = nearest(queries, reference, k, n_threads=n_threads)
    assert_same(found, oracle.nearest(queries, reference, k))
    itself = nearest(reference, reference, k, exclude_self=True, n_threads=n_threads)
    assert_same(itself, oracle.nearest(reference, reference, k, np.arange(m)))
    radii = itself.distances[:, -1]
    inside = oracle.in_balls(reference, radii, queries)
    in_balls, around = count_in_balls(reference, radii, queries, n_threads=n_threads)
    np.testing.assert_array_equal(in_balls, inside.sum(axis=1))
    np.testing.assert_array_equal(around, inside.sum(axis=0))


@pytest.mark.parametrize("kind", ["low rank", "normal"])
def test_every_instruction_set_and_several_tiles(instruction_set, kind):
    # More rows than the first tile, in which it shows whether a few directions are enough.
    generator = np.random.default_rng(1)
    X = rows(generator, 2600, 80, "float32", kind)
    X[1300:] += 1e-3 * X[:1300]
    X[2500:] = X[100:200]
    queries = X[::40]
    for n_threads in (1, 3):
        found = nearest(queries, X, 3, n_threads=n_threads)
        assert_same(found, oracle.nearest(queries, X, 3))
    radii = found.distances[:, -1]
    inside = oracle.in_balls(queries, radii, X)
    in_balls, around = count_in_balls(queries, radii, X, n_threads=3)
    np.testing.assert_array_equal(in_balls, inside.sum(axis=1))
    np.testing.assert_array_equal(around, inside.sum(axis=0))


@pytest.mark.parametrize("share", [0.35, 0.6])
def test_directions_that_rule_out_too_little_are_given_up(share):
    # 32 directions hold this share of the variance, the others all the rest in equal parts.
    generator = np.random.default_rng(2)
    X = generator.standard_normal((3000, 200), dtype=np.float32)
    X[:, :32] *= np.sqrt(share / 32 * 168 / (1 - share))
    queries = X[:50] + np.float32(0.5)
    assert_same(nearest(queries, X, 2), oracle.nearest(queries, X, 2))


@pytest.mark.alone
def test_rows_in_descending_distance_are_not_all_measured():
    """Whatever the order of the reference, the first rows looked at are spread over it."""
    generator = np.random.default_rng(3)
    X = generator.standard_normal((20_000, 256), dtype=np.float32)
    X *= np.linspace(40.0, 1.0, len(X), dtype=np.float32)[:, None]
    queries = np.zeros((256, 256), np.float32) + X[-256:] * 0.1

    def seconds(reference):
        start = time.process_time()
        nearest(queries, reference, n_threads=1)
        return time.process_time() - start

    ascending = np.ascontiguousarray(X[::-1])
    assert min(seconds(X) for _ in range(3)) < 3 * min(seconds(ascending) for _ in range(3))


def test_ties_go_to_the_lower_row():
    X = np.ones((300, 70), np.float32)
    found = nearest(X, X, 3, exclude_self=True)
    assert found.indices[0].tolist() == [1, 2, 3]
    assert found.indices[1].tolist() == [0, 2, 3]
    assert found.indices[299].tolist() == [0, 1, 2]
    assert not found.distances.any()


def test_mapped_files_shards_and_bfloat16_are_read_in_place(tmp_path):
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(4)
    X = generator.standard_normal((90, 20), dtype=np.float32)
    np.save(tmp_path / "a.npy", X)
    right = oracle.nearest(X[:7], X, 2)
    assert_same(nearest(X[:7], tmp_path / "a.npy", 2), right)
    assert_same(nearest(X[:7], [X[:33], X[33:]], 2), right)
    assert_same(nearest([X[:3], X[3:7]], np.load(tmp_path / "a.npy", mmap_mode="r"), 2), right)
    short = torch.from_numpy(X).bfloat16()
    wide = short.float().numpy()
    assert_same(nearest(short[:7], short, 2), oracle.nearest(wide[:7], wide, 2))


def test_queries_far_from_the_reference():
    generator = np.random.default_rng(5)
    reference = generator.standard_normal((500, 100), dtype=np.float32)
    for factor in (1e6, 1e16, 1e30):
        queries = np.float32(factor) * reference[:20]
        assert_same(nearest(queries, reference, 2), oracle.nearest(queries, reference, 2))
        assert_same(nearest(reference[:20], queries, 2), oracle.nearest(reference[:20], queries, 2))


def test_progress_is_reported_and_an_exception_stops_the_search():
    # A report is due every 50 ms: one thread and much work, so that a fast machine makes some too.
    X = np.random.default_rng(6).standard_normal((6000, 1000), dtype=np.float32)
    calls = []
    nearest(X, X, n_threads=1, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][1] == 6000 * 6000
    assert all(done <= total for done, total in calls)

    def stop(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        nearest(X, X, n_threads=1, progress=stop)


@pytest.mark.alone
def test_ctrl_c_stops_the_search():
    X = np.random.default_rng(7).standard_normal((30_000, 400), dtype=np.float32)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        nearest(X, X, 3)
    assert time.monotonic() - start < 3.0


ONES = np.ones((3, 2), np.float32)
WITH_NAN = np.array([[1.0, 1.0], [np.nan, 1.0], [1.0, 1.0]], np.float32)
HUGE = np.full((3, 2), 1e200)


@pytest.mark.parametrize(
    ("queries", "reference", "options", "message"),
    [
        (ONES, ONES, {"k": 0}, r"k must be an int in \[1, 3\], the rows of the reference; got 0"),
        (ONES, ONES, {"k": 4}, r"k must be an int in \[1, 3\]"),
        (ONES, ONES, {"k": 1.5}, "k must be an int"),
        (ONES, ONES, {"k": 3, "exclude_self": True}, r"k must be in \[1, 2\], the rows of the ref"),
        (ONES, ONES[:2], {"exclude_self": True}, "same matrix, got 3 and 2 rows"),
        (ONES, ONES, {"exclude_self": True, "skipped": np.zeros(3, int)}, "exclude each other"),
        (ONES, ONES, {"skipped": np.zeros(2, np.int64)}, "one entry per query, got 2 for 3"),
        (ONES, ONES, {"skipped": np.array([0, 3, 0])}, r"skipped must hold rows .* got 3"),
        (ONES, ONES, {"n_threads": 0}, "n_threads must be an int"),
        (ONES, np.ones((3, 4), np.float32), {}, "same number of columns, got 2 and 4"),
        (ONES, ONES.astype(np.float64), {}, "same element type, got float32 and float64"),
        (ONES[:0], ONES, {}, "queries: must have at least one row"),
        (ONES, ONES[:0], {}, "k must be an int in"),
        (WITH_NAN, ONES, {}, "queries: .*finite: row 1, column 0 is nan"),
        (ONES, WITH_NAN, {}, "reference: .*finite: row 1, column 0 is nan"),
        (HUGE, HUGE, {}, r"queries: .* within \+-1e\+120"),
        (ONES[0], ONES, {}, "2-D"),
        (ONES.astype(np.uint8), ONES, {}, "got uint8"),
    ],
)
def test_bad_input_is_refused(queries, reference, options, message):
    with pytest.raises(ValueError, match=message):
        nearest(queries, reference, **options)


@pytest.mark.parametrize(
    ("radii", "message"),
    [
        (np.ones(2), "one entry per centre, got 2 for 3"),
        (np.array([1.0, np.nan, 1.0]), "radii must be finite: radius 1 is nan"),
        (np.array([1.0, 1.0, np.inf]), "radii must be finite: radius 2 is inf"),
        (np.ones((3, 1)), "radii must be a 1-D array"),
    ],
)
def test_bad_radii_are_refused(radii, message):
    with pytest.raises(ValueError, match=message):
        count_in_balls(ONES, radii, ONES)


def test_balls_are_closed_and_those_of_negative_radius_empty():
    centres = np.zeros((3, 1), np.float32)
    points = np.array([[0.0], [1.0], [2.0]], np.float32)
    in_balls, around = count_in_balls(centres, np.array([1.0, 0.0, -1.0]), points)
    assert in_balls.tolist() == [2, 1, 0]
    assert around.tolist() == [2, 1, 0]
