"""What `estimate` tells before the work, against what the work takes."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from peak_memory import peak_of, write_embeddings


@pytest.mark.parametrize("method", thinset.methods())
def test_a_shape_stands_for_an_array_of_it(method, tmp_path):
    X = np.zeros((3000, 20), np.float16)
    np.save(tmp_path / "X.npy", X)
    expected = thinset.estimate((3000, 20), 100, method, dtype="float16", n_threads=2)
    for home in (X, tmp_path / "X.npy", np.split(X, 3)):
        found = thinset.estimate(home, 100, method, n_threads=2)
        assert found.memory_bytes == expected.memory_bytes
        assert found.memory_bound == expected.memory_bound
        assert 0 < found.seconds_low <= found.seconds <= found.seconds_high


@pytest.mark.parametrize("method", thinset.methods())
def test_sizes_beyond_any_memory_are_told_as_well(method):
    found = thinset.estimate((10**10, 4096), 10**6, method, dtype="bfloat16", n_threads=4)
    # A random subset takes memory in proportion to its own size.
    least = 10**7 if method == "random" else 10**10
    assert least < found.memory_bytes <= found.memory_bound < 10**14
    assert found.seconds > 60


@pytest.mark.parametrize("method", thinset.methods())
def test_max_memory_is_held_against_the_bound(method):
    X = np.random.default_rng(0).standard_normal((3000, 20)).astype(np.float32)
    expected = thinset.select(X, 300, method, n_threads=2)
    bound = thinset.estimate(X, 300, method, n_threads=2).memory_bound
    found = thinset.select(X, 300, method, n_threads=2, max_memory=bound)
    assert found.indices.tolist() == expected.indices.tolist()
    with pytest.raises(ValueError, match=f"may need {bound} beyond the embeddings"):
        thinset.select(X, 300, method, n_threads=2, max_memory=bound - 1)


@pytest.mark.parametrize("method", thinset.methods())
def test_rows_of_any_length_are_told_without_their_memory(method):
    found = thinset.estimate((4, 2**40), 2, method)  # a row of 4 TB
    assert found.memory_bytes > (0 if method == "random" else 2**40)
    assert found.seconds > 60


def test_boards_stay_shallow_within_max_memory():
    # Every element prefers the same rows: boards run out again and again.
    order = np.random.default_rng(1).permutation(20_000).astype(np.float32)
    X = order[:, None] * np.arange(1, 33, dtype=np.float32)
    expected = thinset.select(X, 9000, n_threads=2)
    bound = thinset.estimate(X, 9000, n_threads=2).memory_bound
    found = thinset.select(X, 9000, n_threads=2, max_memory=bound)
    assert found.indices.tolist() == expected.indices.tolist()


def test_classes_are_done_one_after_the_other():
    labels = np.arange(100_000) % 10
    whole = thinset.estimate((100_000, 8), 100, "max_sum")
    parts = thinset.estimate((100_000, 8), 100, "max_sum", labels=labels, per_class=True)
    assert parts.memory_bytes < whole.memory_bytes / 3


def test_the_text_names_both_figures():
    text = thinset.Estimate(25_300_000, 2_000_000_000, 12.3, 0.04, 5000.0).describe()
    assert text == (
        "memory beyond the embeddings: about 25.3 MB, at most 2 GB\n"
        "time: roughly 12 s, from 40 ms to 83 min"
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((10, 4), 11), {}, r"n_samples must be in \[1, 10\].*got 11"),
        (((0, 4), 1), {}, "embeddings must have at least one row, got none"),
        (((2**62, 2**62), 1), {}, r"a shape must have at most 2\*\*53 elements, got \(4611"),
        (((2**53, 2), 1), {"method": "random"}, r"at most 2\*\*53 elements, got \(9007"),
        (((10, -4), 1), {}, r"two ints in \[0, 2\^63\), got \(10, -4\)"),
        (((10**30, 5), 1), {}, r"two ints in \[0, 2\^63\), got \(1000"),
        (((True, 5), 1), {}, r"two ints in \[0, 2\^63\), got \(True, 5\)"),
        (((10, 4), 2), {"latency": 0.1}, "latency applies only with workers, got 0.1"),
        (((10, 4), 2), {"bandwidth": 1e6}, "bandwidth applies only with workers"),
        (((10, 4), 2), {"read_bandwidth": 1e6}, "read_bandwidth applies only with workers"),
        (((10, 4), 2), {"rounds": 2}, "rounds applies only with workers"),
        (((10, 4), 2), {"dtype": "int8"}, "dtype must be one of.*'int8'"),
        (((10, 4), 2), {"per_class": True}, "per_class needs labels"),
        (((10, 4), 2), {"method": "best"}, "method must be one of"),
        (((10, 4), 2), {"mod": 1}, "no option 'mod'"),
        ((np.zeros((10, 4)), 2), {"dtype": "float32"}, "dtype applies only to a shape"),
        ((np.zeros(10), 2), {}, r"2-D array .*got shape \(10,\)"),
    ],
)
def test_what_select_refuses_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        thinset.estimate(*arguments, **options)


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory):
    path = tmp_path_factory.mktemp("estimate") / "X.npy"
    write_embeddings(path, 2_000_000, 64)
    yield path
    path.unlink()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("method", "n", "k", "options"),
    [
        ("topk", 1_000_000, 100_000, {}),
        ("topk", 2_000_000, 1_000_000, {}),
        ("max_sum", 500_000, 50, {}),
        ("max_min", 1_000_000, 300, {}),
        ("max_min", 1_000_000, 50, {"metric": "cosine"}),
        ("kmeans", 1_000_000, 20, {"n_iterations": 2}),
    ],
)
def test_memory_is_told_within_a_tenth(embeddings, method, n, k, options):
    told = thinset.estimate((n, 64), k, method, dtype="float16", n_threads=2, **options)
    peak = peak_of(embeddings, n, k, method, options)
    assert peak > 20_000_000
    assert abs(told.memory_bytes - peak) < 0.1 * peak
    assert told.memory_bound > 0.98 * peak
