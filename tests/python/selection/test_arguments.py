"""Single values: counts, seeds, memory, options; each wrong one is a ValueError that shows it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from thinset import _core

X = np.random.default_rng(3).standard_normal((20, 3)).astype(np.float32)


def select(n_samples=2, method="max_min", **options):
    return thinset.select(X, n_samples, method, **options)


@pytest.mark.parametrize(
    ("n_samples", "count"),
    [
        (np.int8(3), 3),
        (np.uint64(3), 3),
        (1.0, 20),
        (np.float32(0.5), 10),
        (Fraction(1, 4), 5),
        (0.001, 1),
    ],
)
def test_counts_and_fractions(n_samples, count):
    assert len(select(n_samples)) == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": "10"}, "int or a float fraction, got '10'; pass a count such as 100"),
        ({"n_samples": None}, "got None"),
        ({"n_samples": np.True_}, "got np.True_"),
        ({"n_samples": 10**5000}, "got an integer of thousands of digits"),
        ({"n_samples": 10.0}, r"in \(0, 1\], got 10.0; a count must be an int"),
        ({"n_samples": float("inf")}, r"in \(0, 1\], got inf"),
        ({"n_samples": -0.5}, r"in \(0, 1\], got -0.5"),
        ({"n_samples": 0.0}, r"in \(0, 1\], got 0.0"),
        ({"n_samples": 1j}, "got 1j"),
        ({"n_samples": X}, r"int or a float fraction, got array\(.*\.\.\.; pass"),
        ({"random_state": 2**64}, rf"\[0, 2\*\*64\).*got {2**64}"),
        ({"random_state": 1.0}, "got 1.0"),
        ({"random_state": True}, "got True"),
        ({"random_state": "7"}, "got '7'"),
        ({"random_state": np.random.RandomState(0)}, r"got RandomState\(MT19937\)"),
        ({"n_threads": 1.0}, "n_threads must be an int .*got 1.0"),
        ({"n_threads": True}, "n_threads must be an int .*got True"),
        ({"max_memory": 0}, "at least 1 byte .*got 0"),
        ({"max_memory": -5}, "at least 1 byte .*got -5"),
        ({"max_memory": True}, 'bytes or text such as "512MB", got True'),
        ({"max_memory": b"1GB"}, "got b'1GB'"),
        ({"max_memory": "10%"}, "got '10%'"),
        ({"max_memory": ""}, "got ''"),
        ({"max_memory": float("nan")}, "at least 1 byte .*got nan"),
        ({"max_memory": "9" * 400}, r"less than 2\*\*63, got '999.*\.\.\.$"),
        ({"max_memory": 10**400}, r"less than 2\*\*63, got 1000"),
        ({"metric": None}, "metric must be one of euclidean, sqeuclidean, cosine; got None"),
        ({"metric": ["cosine"]}, r"metric must be one of .*got \['cosine'\]"),
        ({"method": None}, "method must be one of topk.*got None"),
        ({"method": ["topk"]}, r"method must be one of topk.*got \['topk'\]"),
        ({"method": X}, "method must be one of topk.*got array"),
        ({"per_class": 1}, "per_class must be one of balanced, proportional; got 1"),
        ({"progress": "yes"}, "progress must be True, False, None or a callable .*got 'yes'"),
        ({"progress": 1}, "progress must be .*got 1"),
        ({"method": "topk", "mode": None}, "mode must be a text such as 'max', got None"),
        ({"method": "topk", "refill": "no"}, "refill must be True or False, got 'no'"),
        ({"method": "max_sum", "max_swaps": -1}, r"max_swaps must be an int in .*got -1"),
        ({"method": "max_sum", "max_swaps": 1.5}, r"max_swaps must be an int in .*got 1.5"),
        ({"method": "max_sum", "max_swaps": True}, r"max_swaps must be an int in .*got True"),
        ({"method": "kmeans", "n_iterations": 2**63}, r"n_iterations must be an int in \[0, 2"),
        ({"method": "kmeans", "seeding": 3}, "seeding must be a text such as 'kmeans.*got 3"),
        ({"method": "random", "stratified": 1}, "stratified must be True or False, got 1"),
        ({"method": "facility_location", "kernel": "rbf"}, "kernel must be one of .* got 'rbf'"),
        ({"method": "facility_location", "bandwidth": 1.0}, "applies only to kernel 'gaussian'"),
        (
            {"method": "facility_location", "kernel": "gaussian", "bandwidth": 0.0},
            r"bandwidth must be in \[1e-120, 1e\+120\], got 0",
        ),
        (
            {"method": "facility_location", "kernel": "gaussian", "bandwidth": "wide"},
            "bandwidth must be a number or None, got 'wide'",
        ),
    ],
)
def test_wrong_values_are_refused_and_shown(options, message):
    with pytest.raises(ValueError, match=message):
        select(**options)


@pytest.mark.parametrize("distance", ["0.5", None, True, 1j, [1.0], float("nan"), -1.0])
def test_distances_of_near_duplicates(distance):
    with pytest.raises(ValueError, match="distance must be"):
        thinset.deduplicate(X, distance)
    assert len(thinset.deduplicate(X, np.float32(0))) == 20


def test_memory_in_every_unit():
    for amount in (10**9, 1e9, np.int64(10**9), "1GB", " 1 gb ", "0.5 GiB", "1000000kB", "1TB"):
        assert len(select(max_memory=amount)) == 2


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    selection = thinset.select(
        X, np.int64(3), "max_sum", max_swaps=np.int32(2), random_state=np.uint64(7)
    )
    selection.save(tmp_path / "s.npz")
    assert thinset.Selection.load(tmp_path / "s.npz").params == selection.params


@settings(max_examples=200, deadline=None)
@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9)
)
def test_whatever_is_given_is_taken_or_refused_with_a_value_error(value):
    for name in ("n_samples", "random_state", "max_memory", "n_threads", "per_class"):
        if name == "n_threads" and isinstance(value, int) and value > 8:
            continue  # not so many threads in a test
        message = ""
        try:
            select(**{name: value})
        except ValueError as error:
            message = str(error)
        assert message == "" or name in message


@pytest.mark.parametrize("dtype", ["int8", "nonsense", object, 7])
def test_element_types_of_an_estimate(dtype):
    with pytest.raises(ValueError, match="dtype must be one of"):
        thinset.estimate((10, 4), 2, dtype=dtype)


def test_an_estimate_takes_the_types_of_torch():
    torch = pytest.importorskip("torch")
    for dtype in (torch.bfloat16, torch.float16, "bfloat16", np.float32):
        assert thinset.estimate((1000, 4), 2, dtype=dtype).memory_bytes > 0


def test_the_native_module_refuses_unknown_options_and_values_of_other_types():
    embeddings = np.eye(4)
    with pytest.raises(ValueError, match="no method has an option 'modes'"):
        _core.select(embeddings, 2, method="topk", modes="max")
    with pytest.raises(ValueError, match="'mode' has a value of the wrong type: 3"):
        _core.select(embeddings, 2, method="topk", mode=3)
    with pytest.raises(ValueError, match="'max_swaps' has a value of the wrong type: 'x'"):
        _core.estimate(4, 4, "float32", 2, method="max_sum", max_swaps="x")


def test_a_native_result_cannot_be_made_by_hand():
    with pytest.raises(TypeError, match="No constructor defined"):
        _core.SelectionResult()
    with pytest.raises(TypeError):
        _ = _core.SelectionResult.__new__(_core.SelectionResult).indices
