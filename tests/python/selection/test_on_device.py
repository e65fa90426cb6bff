"""Selection on a device gives what the core gives, bit for bit.

The device path runs on host tensors too, so that it is tested everywhere; where there is a CUDA
device, the same tests run on that.
"""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from oracles.core import DTYPES, answer, core_answer, on_every_device  # noqa: E402
from thinset.selection import on_device  # noqa: E402
from thinset.selection.on_device import arithmetic, columns, memory, seeding  # noqa: E402
from thinset.selection.on_device.rows import Rows  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@st.composite
def problems(draw, *, max_rows=300):
    """Matrices with ties, duplicates, zeros and constant columns, or of plain normal draws."""
    n = draw(st.one_of(st.integers(1, 40), st.integers(1, max_rows)))
    d = draw(st.sampled_from([1, 2, 3, 7, 15, 16, 17, 31, 33, 48]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    X = generator.standard_normal((n, d))
    kind = draw(st.sampled_from(["integers", "activations", "duplicates", "normal", "huge", "top"]))
    if kind == "integers":
        X = generator.integers(-2, 3, (n, d)).astype(float)
    elif kind == "activations":
        X = np.maximum(X, 0.0)
    elif kind == "duplicates":
        X = X[generator.integers(0, 1 + n // 3, n) % n]
    if draw(st.booleans()):
        X[:, -1] = 1.0
    dtype = draw(st.sampled_from(DTYPES))
    if dtype == torch.float64:
        # Squares of these overflow; sums of those, too.
        X *= {"huge": 1e160, "top": 1.7e308 / max(1.0, np.abs(X).max())}.get(kind, 1.0)
    return torch.from_numpy(X).to(dtype), draw(st.integers(1, min(n, 50)))


def assert_as_the_core(tensor, k, device, *, block_bytes=2**20, **request):
    expected = core_answer(tensor, k, **request)
    there = tensor.to(device)
    before = there.clone()
    with mock.patch.object(memory, "_BLOCK_BYTES", block_bytes):
        assert answer(on_device.select, there, k, **request) == expected
    assert torch.equal(there.nan_to_num(), before.nan_to_num())


def labels_for(tensor, n_classes, seed=0):
    return np.random.default_rng(seed).integers(-1, n_classes - 1, len(tensor))


# Bytes that a step may take: some rows, or everything.
block_sizes = st.sampled_from([20_000, 2**28])
per_class = st.sampled_from([None, "balanced", "proportional"])


@on_every_device
@given(
    problems(),
    st.sampled_from(["max", "min", "abs"]),
    st.booleans(),
    st.booleans(),
    per_class,
    block_sizes,
)
def test_topk(device, problem, mode, refill, drop_constant, kind, block_bytes):
    X, k = problem
    assert_as_the_core(
        X,
        k,
        device,
        method="topk",
        mode=mode,
        refill=refill,
        drop_constant=drop_constant,
        per_class=kind,
        labels=None if kind is None else labels_for(X, 3),
        block_bytes=block_bytes,
    )


@on_every_device
@settings(deadline=None)
@given(
    problems(),
    st.sampled_from(["max_sum", "max_min", "facility_location"]),
    st.sampled_from(["euclidean", "sqeuclidean", "cosine"]),
    per_class,
    block_sizes,
)
def test_dispersion(device, problem, method, metric, kind, block_bytes):
    X, k = problem
    if metric == "cosine":
        # Neither a mean of zero nor a row whose norm overflows has an angle.
        X = X.abs()
        X = X / X.max() if X.max() > 1e100 else X
    assert_as_the_core(
        X,
        k,
        device,
        method=method,
        metric=metric,
        per_class=kind,
        labels=None if kind is None else labels_for(X, 3),
        block_bytes=block_bytes,
    )


@on_every_device
@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(0, 4), st.integers(0, 2**64 - 1), per_class, block_sizes)
def test_kmeans(device, problem, n_iterations, seed, kind, block_bytes):
    X, k = problem
    assert_as_the_core(
        X,
        k,
        device,
        method="kmeans",
        n_iterations=n_iterations,
        seed=seed,
        per_class=kind,
        labels=None if kind is None else labels_for(X, 3),
        block_bytes=block_bytes,
    )


@on_every_device
@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(0, 2**64 - 1), st.booleans())
def test_random(device, problem, seed, stratified):
    X, k = problem
    labels = labels_for(X, 3)
    assert_as_the_core(
        X, k, device, method="random", seed=seed, stratified=stratified, labels=labels
    )


@on_every_device
@settings(max_examples=60, deadline=None)
@given(
    problems(),
    st.sampled_from(["topk", "max_sum", "max_min", "facility_location", "random"]),
    per_class,
    st.data(),
)
def test_initial_subset(device, problem, method, kind, data):
    X, k = problem
    initial = data.draw(st.permutations(range(len(X))))[: data.draw(st.integers(0, k))]
    assert_as_the_core(
        X,
        k,
        device,
        method=method,
        initial_subset=np.array(initial, np.int64),
        per_class=kind,
        labels=None if kind is None else labels_for(X, 3),
    )


@on_every_device
@pytest.mark.parametrize("method", ["max_sum", "max_min"])
def test_a_distance_that_is_no_number_is_passed_over(device, method):
    X = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    X[3:15:3] *= 1e200
    assert_as_the_core(X, 12, device, method=method, metric="cosine", initial_subset=np.array([1]))


@on_every_device
@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("block_bytes", [1000, 2**20])
def test_means_add_1024_rows_at_a_time(device, n, block_bytes):
    X = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32)
    expected = np.zeros(3)
    for begin in range(0, n, 1024):
        block_sum = np.zeros(3)
        for row in X[begin : begin + 1024]:
            block_sum += row
        expected += block_sum
    expected /= n
    means = columns.column_means(Rows(torch.from_numpy(X).to(device), block_bytes))
    assert means.cpu().numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("n", [1, 255, 256, 257, 1000])
def test_draws_add_256_rows_at_a_time(n):
    squared = np.random.default_rng(n).exponential(size=n)
    expected = []
    for begin in range(0, n, 256):
        expected.append(0.0)
        for value in squared[begin : begin + 256]:
            expected[-1] += value
    assert seeding._sums_in_order(squared).tolist() == expected


@on_every_device
@pytest.mark.parametrize(
    "method", ["topk", "max_sum", "max_min", "facility_location", "kmeans", "random"]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_more_rows_than_one_sum_adds(device, method, dtype):
    generator = np.random.default_rng(3)
    # Means and costs add sums of 1,024 rows, a draw of k-means sums of 256. The device measures
    # facility_location's pairs of rows one and all: few picks of few rows.
    n = {"kmeans": 700, "facility_location": 1100}.get(method, 2500)
    k = 3 if method == "facility_location" else 40
    X = torch.from_numpy(generator.standard_normal((n, 20))).to(dtype)
    # Blocks of 40 rows, and of some 1,000.
    for block_bytes in (720_000,) if method == "facility_location" else (28_000, 720_000):
        assert_as_the_core(X, k, device, method=method, block_bytes=block_bytes)


@on_every_device
def test_rows_may_lie_further_apart_than_they_are_long(device):
    wide = torch.randn(200, 50, generator=torch.Generator().manual_seed(0))
    X = wide.to(device)[:, 10:43]
    expected = core_answer(wide[:, 10:43], 30, method="max_sum")
    assert answer(on_device.select, X, 30, method="max_sum") == expected


@on_every_device
def test_the_trial_of_a_device_sees_a_wrong_last_bit(device):
    device = torch.device(device)
    assert arithmetic.computes_exactly(device)

    def off(values):
        return arithmetic.torch.nextafter(exact(values), torch.zeros_like(values))

    exact = arithmetic.square_roots
    with mock.patch.object(arithmetic, "square_roots", off):
        assert not arithmetic.computes_exactly(device)


@on_every_device
def test_the_first_of_the_largest(device):
    def first(values, allowed):
        values = torch.tensor(values, dtype=torch.float64, device=device)
        allowed = torch.tensor(allowed, device=device)
        return arithmetic.first_of_the_largest(values, allowed).tolist()

    assert first([1.0, 3.0, 3.0, 2.0], [True] * 4) == [1]
    assert first([1.0, 3.0, 3.0, 2.0], [True, False, True, True]) == [2]
    assert first([torch.nan, 1.0, torch.inf, torch.inf], [True] * 4) == [2]
    assert first([torch.nan, torch.nan, torch.nan], [False, True, True]) == [1]


@pytest.mark.parametrize(
    "method", ["topk", "max_sum", "max_min", "facility_location", "kmeans", "random"]
)
def test_max_memory_is_kept_or_refused(method):
    X = torch.randn(500, 30, generator=torch.Generator().manual_seed(0))
    expected = answer(on_device.select, X, 50, method=method)
    assert answer(on_device.select, X, 50, method=method, max_memory=2**24) == expected
    with pytest.raises(ValueError, match=r"max_memory is 1000 bytes, but .* may need \d{7,8} "):
        on_device.select(X, 50, method=method, max_memory=1000)
    needed = [memory.block_bytes(method, (500, 30), 50, limit) for limit in (2**24, 2**25)]
    assert needed[1] - needed[0] == 2**24


@pytest.mark.parametrize("method", ["topk", "max_sum", "max_min", "facility_location", "kmeans"])
def test_progress_reaches_its_total_once(method):
    X = torch.randn(300, 10, generator=torch.Generator().manual_seed(0))
    labels = labels_for(X, 3)
    calls = []

    def note(done, total):
        calls.append((done, total))

    def refuse(done, total):
        raise RuntimeError("enough")

    with mock.patch("thinset.selection.on_device.pick._SECONDS_BETWEEN_REPORTS", 0.0):
        for request in ({}, {"labels": labels, "per_class": "balanced"}):
            calls.clear()
            on_device.select(X, 30, method=method, progress=note, **request)
            assert calls == sorted(calls)
            assert len({total for _, total in calls}) == 1
            if method != "kmeans":  # which may end early
                assert calls[-1] == (30, 30)
        with pytest.raises(RuntimeError, match="enough"):
            on_device.select(X, 30, method=method, progress=refuse)
