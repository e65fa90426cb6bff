"""One matrix in several arrays or files: the same selection as from the matrix in one piece."""

from __future__ import annotations

import numpy as np
import pytest

import thinset

N, D, K = 2500, 24, 120
CUTS = {
    "halves": [1250],
    "of one row each, at the start": [1, 2, 3, 4],
    "uneven, one empty": [7, 7, 1900, 2499],
}


@pytest.fixture(scope="module")
def X():
    generator = np.random.default_rng(17)
    correlated = generator.standard_normal((N, 8)) @ generator.standard_normal((8, D))
    return np.maximum(correlated + generator.standard_normal((N, D)), 0).astype(np.float32)


def same(found, expected):
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.gains.tobytes() == expected.gains.tobytes()
    assert found.n_total == expected.n_total


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("method", thinset.methods())
def test_shards_are_the_matrix_they_add_up_to(X, method, cuts, tmp_path):
    pieces = np.split(X, CUTS[cuts])
    labels = np.random.default_rng(1).integers(0, 3, N)
    for i, piece in enumerate(pieces):
        np.save(tmp_path / f"{i}.npy", piece)
    files = [tmp_path / f"{i}.npy" for i in range(len(pieces))]
    maps = [np.load(file, mmap_mode="r") for file in files]
    apart = [np.concatenate([piece, piece], axis=1)[:, :D] for piece in pieces]
    for options in ({}, {"labels": labels, "per_class": "balanced"}):
        expected = thinset.select(X, K, method, **options)
        for shards in (pieces, tuple(files), maps, apart, [*pieces[:-1], files[-1]]):
            same(thinset.select(shards, K, method, **options), expected)


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("method", ["max_sum", "max_min"])
def test_metrics_and_first_rows(X, method, metric):
    options = {"metric": metric, "initial_subset": [2400, 3], "n_threads": 3}
    expected = thinset.select(X + 1, K, method, **options)
    same(thinset.select(np.split(X + 1, [100, 2300]), K, method, **options), expected)


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_element_types(X, dtype):
    if dtype == "bfloat16":
        torch = pytest.importorskip("torch")
        values = torch.from_numpy(X).to(torch.bfloat16)
        shards = list(values.split(900))
    else:
        values = X.astype(dtype)
        shards = np.split(values, [900, 1800])
    for method in ("topk", "max_sum"):
        found = thinset.select(shards, K, method)
        same(found, thinset.select(values, K, method))
        assert found.params["dtype"] == dtype


def test_figures_are_those_of_the_whole(X):
    expected = thinset.select(X, 50, "max_min")
    found = thinset.select(np.split(X, [11, 1300]), 50, "max_min")
    assert dict(found.objective) == dict(expected.objective)
    assert dict(found.certificates) == dict(expected.certificates)


def test_shards_are_not_copied(X):
    shards = [X] * 5
    found = thinset.select(shards, 5 * N, "random")
    assert sorted(found.indices) == list(range(5 * N))


def test_a_value_that_is_not_finite_is_named_by_its_row_in_the_whole(X):
    second = X[:100].copy()
    second[30, 5] = np.nan
    with pytest.raises(ValueError, match=f"finite: row {N + 30}, column 5 is nan"):
        thinset.select([X, second], 10, "max_min")


def refusals(X):
    return {
        "none": ([], "at least one shard, got an empty list"),
        "columns": ([X, X, X[:, :20]], "columns: shard 2 has 20, shard 0 has 24"),
        "types": ([X, X.astype(np.float16)], "type: shard 1 is float16, shard 0 is float32"),
        "1-D": ([X, X[0]], r"shard 1: embeddings must be a 2-D array .*got shape \(24,\)"),
        "integers": ([X.astype(int)], "shard 0: embeddings must be float16.*got int64"),
        "Fortran order": ([X, np.asfortranarray(X)], "shard 1: .*C order.*strides"),
        "a list": ([X, [X]], "shard 1: embeddings must be an array.*got list"),
        "no rows at all": ([X[:0], X[:0]], "must have at least one row, got none"),
        "k > N": ([X, X], f"got {3 * N}"),
    }


@pytest.mark.parametrize("case", refusals(np.zeros((2, 2))))
def test_shards_that_do_not_fit_are_refused(X, case):
    shards, message = refusals(X)[case]
    with pytest.raises(ValueError, match=message):
        thinset.select(shards, 3 * N if case == "k > N" else 10)


def test_bfloat16_beside_float32_is_refused(X):
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="type: shard 1 is bfloat16, shard 0 is float32"):
        thinset.select([X, torch.from_numpy(X).to(torch.bfloat16)], 10)


def test_tensors_without_values_are_refused(X):
    torch = pytest.importorskip("torch")
    with pytest.raises(
        ValueError, match="shard 1: tensors on the device 'meta' have a shape and no values"
    ):
        thinset.select([X, torch.from_numpy(X).to("meta")], 10)


def test_a_missing_or_broken_file_is_named(X, tmp_path):
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npy"):
        thinset.select([tmp_path / "a.npy", tmp_path / "nowhere.npy"], 10)
    (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(thinset.FormatError, match=r"b\.npy"):
        thinset.select([tmp_path / "a.npy", tmp_path / "b.npy"], 10)
