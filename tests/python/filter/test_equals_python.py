"""The binary and Python give the same indices, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import thinset

N, D = 1200, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filter")
    generator = np.random.default_rng(5)
    X = np.maximum(generator.standard_normal((N, D)) + 0.3, 0)
    for dtype in ("float16", "float32", "float64"):
        np.save(folder / f"{dtype}.npy", X.astype(dtype))
    np.save(folder / "labels.npy", generator.integers(0, 4, N).astype(np.uint8))
    np.save(folder / "first.npy", np.array([5, 900, 77], np.int32))
    np.save(folder / "images.npy", generator.integers(0, 256, (N, 5, 3, 2), dtype=np.uint8))
    np.save(folder / "names.npy", np.array([f"sample {i}" for i in range(N)]))
    return folder


CASES = {
    "topk": ({}, []),
    "topk min": ({"mode": "min"}, ["--mode", "min"]),
    "topk union": ({"refill": False}, ["--no-refill"]),
    "topk live": ({"drop_constant": True}, ["--drop-constant"]),
    "max_sum": ({"metric": "sqeuclidean"}, ["--metric", "sqeuclidean"]),
    "max_sum with exchanges": ({"max_swaps": 3}, ["--max-swaps", "3"]),
    "max_min": ({}, ["-t", "3"]),
    "max_min with exchanges": ({"max_swaps": 9}, ["--max-swaps", "9"]),
    "facility_location": ({"metric": "cosine"}, ["--metric", "cosine", "-t", "2"]),
    "facility_location gaussian": ({"kernel": "gaussian"}, ["--kernel", "gaussian"]),
    "facility_location narrow": (
        {"kernel": "gaussian", "bandwidth": 0.75, "metric": "cosine"},
        ["--kernel=gaussian", "--bandwidth", "0.75", "--metric=cosine", "-t", "3"],
    ),
    "facility_location similarity": ({"kernel": "cosine"}, ["--kernel", "cosine"]),
    "facility_location with exchanges": ({"max_swaps": 9}, ["--max-swaps", "9", "-t", "2"]),
    "kmeans": ({"n_iterations": 3, "random_state": 9}, ["--iterations", "3", "--seed=9"]),
    "random": ({"random_state": 2**63 + 1}, ["-s", str(2**63 + 1)]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_select(run, folder, case, dtype):
    options, arguments = CASES[case]
    method = case.split()[0]
    source = folder / f"{dtype}.npy"
    expected = thinset.select(source, 130, method, **options)
    _, found, _ = run("select", source, "-n", 130, "-m", method, *arguments, "--json")
    assert found["indices"] == expected.indices.tolist()
    gains = [gain if np.isfinite(gain) else None for gain in expected.gains.tolist()]
    assert found["gains"] == gains
    assert found["n_selected"] == len(expected)
    assert (found["n_total"], found["n_columns"], found["element"]) == (N, D, dtype)


def test_shards(run, folder, tmp_path):
    X = np.load(folder / "float32.npy")
    np.save(tmp_path / "a.npy", X[:700])
    np.save(tmp_path / "b.npy", X[700:])
    shards = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for method in thinset.methods():
        expected = thinset.select(X, 60, method)
        _, found, _ = run("select", *shards, "-n", 60, "-m", method, "--json")
        assert found["indices"] == expected.indices.tolist()
        assert found["n_total"] == N


def test_dry_run_says_what_python_says(run, folder, tmp_path):
    source, out = folder / "float32.npy", tmp_path / "indices.npy"
    _, found, _ = run("select", source, "-n", 60, "-t", 2, "-o", out, "--dry-run", "--json")
    expected = thinset.estimate(source, 60, n_threads=2)
    assert found["memory_bytes"] == expected.memory_bytes
    assert found["memory_bound"] == expected.memory_bound
    assert 0 < found["seconds_low"] <= found["seconds"] <= found["seconds_high"]
    assert not out.exists()
    _, text, _ = run("select", source, "-n", 60, "-m", "max_min", "--dry-run")
    assert text.startswith("memory beyond the embeddings: about ")
    status, _, error = run("select", source, "-n", N + 1, "--dry-run", check=False)
    assert (status, f"got {N + 1}" in error) == (3, True)


def test_labels_budgets_and_first_rows(run, folder):
    labels, first = np.load(folder / "labels.npy"), np.load(folder / "first.npy")
    for kind in ("balanced", "proportional"):
        expected = thinset.select(
            folder / "float32.npy", 0.1, labels=labels, per_class=kind, initial_subset=first
        )
        _, text, _ = run(
            "select", folder / "float32.npy", "--n-samples", "0.1", "--per-class", kind,
            "--labels", folder / "labels.npy", "--initial-subset", folder / "first.npy",
        )  # fmt: skip
        assert [int(line) for line in text.split()] == expected.indices.tolist()
    expected = thinset.select(folder / "float32.npy", 50, "random", labels=labels, stratified=True)
    _, found, _ = run(
        "select", folder / "float32.npy", "-n", 50, "-m", "random", "--stratified",
        "--labels", folder / "labels.npy", "--json",
    )  # fmt: skip
    assert found["indices"] == expected.indices.tolist()


def test_filter_and_gather_copy_rows_exactly(run, folder, tmp_path):
    files = [folder / "images.npy", folder / "labels.npy", folder / "names.npy"]
    _, found, _ = run(
        "filter", folder / "float32.npy", *files, "-n", 100, "-o", tmp_path / "a", "--json"
    )
    indices = np.load(tmp_path / "a" / "indices.npy")
    assert indices.tolist() == thinset.select(folder / "float32.npy", 100).indices.tolist()
    assert found["outputs"] == [
        str(tmp_path / "a" / name)
        for name in ("indices.npy", "images.npy", "labels.npy", "names.npy")
    ]
    run("gather", tmp_path / "a" / "indices.npy", *files, "-o", tmp_path / "b")
    for file in files:
        expected = np.load(file)[indices]
        for copy in (tmp_path / "a" / file.name, tmp_path / "b" / file.name):
            written = np.load(copy)
            assert written.dtype == expected.dtype
            np.testing.assert_array_equal(written, expected)
    # The very bytes that NumPy would write.
    np.save(tmp_path / "numpy.npy", np.load(files[0])[indices])
    assert (tmp_path / "numpy.npy").read_bytes() == (tmp_path / "a" / "images.npy").read_bytes()


def test_gather_repeats_and_reorders(run, folder, tmp_path):
    np.save(tmp_path / "rows.npy", np.array([3, 3, 0, N - 1, 3], np.uint16))
    run("gather", tmp_path / "rows.npy", folder / "float64.npy", "-o", tmp_path / "out")
    np.testing.assert_array_equal(
        np.load(tmp_path / "out" / "float64.npy"),
        np.load(folder / "float64.npy")[[3, 3, 0, N - 1, 3]],
    )


def test_info(run, folder):
    _, found, _ = run("info", folder / "images.npy", "--json")
    assert found["type"] == "|u1"
    assert found["shape"] == [N, 5, 3, 2]
    assert found["data_bytes"] == N * 30
    _, text, _ = run("info", folder / "images.npy")
    assert f"type |u1, shape ({N}, 5, 3, 2), {N * 30} bytes of data from byte 128" in text


def test_constant_columns_are_warned_of(run, tmp_path):
    X = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    X[:, 1] = 0
    np.save(tmp_path / "X.npy", X)
    _, found, error = run("select", tmp_path / "X.npy", "-n", 5, "--json")
    assert found["constant_columns"] == [1]
    assert "1 columns have one value in every row" in error
    _, _, error = run("select", tmp_path / "X.npy", "-n", 5, "--drop-constant")
    assert error == ""
