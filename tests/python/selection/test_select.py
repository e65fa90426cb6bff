"""`select` from the outside: inputs, refusals, determinism, memory, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import thinset

METHODS = list(thinset.methods())


@pytest.fixture(scope="module")
def X():
    generator = np.random.default_rng(7)
    correlated = generator.standard_normal((3000, 8)) @ generator.standard_normal((8, 24))
    return np.maximum(correlated + generator.standard_normal((3000, 24)), 0).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_same_for_every_thread_count_and_home_of_the_array(X, method, tmp_path):
    np.save(tmp_path / "X.npy", X)
    expected = thinset.select(X, 150, method, n_threads=1)
    homes = [
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        tmp_path / "X.npy",
        str(tmp_path / "X.npy"),
        memoryview(X),
        np.concatenate([X, X], axis=1)[:, :24],  # rows further apart than they are long
    ]
    for n_threads in (2, 3, 8):
        for home in homes:
            selection = thinset.select(home, 150, method, n_threads=n_threads)
            assert selection.indices.tolist() == expected.indices.tolist()
            assert selection.gains.tolist() == expected.gains.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_tensors_are_read_as_their_values(X, method):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(X)
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        values = tensor.to(dtype)
        selection = thinset.select(values, 60, method)
        expected = thinset.select(values.to(torch.float64).numpy(), 60, method)
        assert selection.indices.tolist() == expected.indices.tolist()
        assert selection.params["dtype"] == str(dtype).removeprefix("torch.")


def test_fraction_is_rounded_to_the_nearest_count(X):
    assert len(thinset.select(X, 0.0864, "random")) == round(0.0864 * len(X))
    assert len(thinset.select(X, 1e-9, "random")) == 1
    assert len(thinset.select(X, 1.0, "random")) == len(X)


def test_random_state_may_be_a_generator_or_fresh(X):
    drawn = thinset.select(X, 20, "random", random_state=np.random.default_rng(3))
    again = thinset.select(X, 20, "random", random_state=drawn.params["random_state"])
    assert drawn.indices.tolist() == again.indices.tolist()
    fresh = {tuple(thinset.select(X, 20, "random", random_state=None).indices) for _ in range(3)}
    assert len(fresh) == 3


def test_constant_columns_are_reported(X):
    X = X.copy()
    X[:, [3, 5]] = 0.5
    with pytest.warns(thinset.ConstantColumnsWarning, match=r"2 embedding elements .*columns 3, 5"):
        selection = thinset.select(X, 48)
    assert selection.constant_columns == (3, 5)
    assert thinset.select(X, 48, drop_constant=True).constant_columns == (3, 5)


def test_union_says_how_many_it_got(X):
    union = thinset.select(X, 600, refill=False)
    assert len(union) < 600
    assert repr(union) == f"Selection(topk: {len(union)} of 3,000 rows, 600 asked for)"


def refusals():
    good = np.ones((20, 3), np.float32) * np.arange(20, dtype=np.float32)[:, None]
    with_nan = good.copy()
    with_nan[17, 1] = np.nan
    with_inf = good.copy()
    with_inf[4, 0] = -np.inf
    labels = np.zeros(20, int)
    return {
        "k is zero": (good, 0, {}, r"n_samples must be in \[1, 20\].*got 0"),
        "k is negative": (good, -3, {}, r"n_samples must be in \[1, 20\].*got -3"),
        "k > N": (good, 21, {}, r"n_samples must be in \[1, 20\].*got 21"),
        "fraction above 1": (good, 1.5, {}, r"in \(0, 1\], got 1.5"),
        "fraction is NaN": (good, float("nan"), {}, r"in \(0, 1\], got nan"),
        "k is text": (good, "many", {}, "int or a float fraction, got 'many'"),
        "k is a bool": (good, True, {}, "int or a float fraction, got True"),
        "NaN": (with_nan, 2, {}, "finite: row 17, column 1 is nan"),
        "infinity": (with_inf, 2, {"method": "max_min"}, "finite: row 4, column 0 is -inf"),
        "1-D": (good[0], 1, {}, r"2-D array \(rows, elements\), got shape \(3,\)"),
        "3-D": (good[None], 1, {}, r"2-D array .*got shape \(1, 20, 3\)"),
        "no rows": (good[:0], 1, {}, r"\[1, 0\]|at least one row"),
        "no columns": (good[:, :0], 1, {}, "at least one row and one column"),
        "integers": (good.astype(int), 1, {}, "float16, bfloat16, float32 or float64, got int64"),
        "complex": (good.astype(complex), 1, {}, "got complex128"),
        "big-endian": (good.astype(">f4"), 1, {}, "must be float16.*got >f4"),
        "Fortran order": (np.asfortranarray(good), 1, {}, "C order.*strides"),
        "rows backwards": (good[::-1], 1, {}, "C order.*strides"),
        "not an array": ({"a": [1.0]}, 1, {}, "DLPack or the buffer protocol; got dict"),
        "unknown method": (good, 2, {"method": "best"}, "method must be one of topk.*'best'"),
        "unknown metric": (good, 2, {"metric": "l1"}, "metric must be one of.*'l1'"),
        "unknown option": (good, 2, {"mod": "max"}, "'topk' has no option 'mod'; it takes mode"),
        "unknown mode": (good, 2, {"mode": "mean"}, "mode must be one of max, min, abs.*'mean'"),
        "labels too short": (good, 2, {"labels": labels[:-1]}, "expected 20, got 19"),
        "labels of floats": (good, 2, {"labels": labels * 0.5}, "labels must be integers"),
        "labels in 2-D": (good, 2, {"labels": labels[None]}, "labels must be 1-D"),
        "no labels": (good, 2, {"per_class": True}, "per_class needs labels"),
        "unknown budget": (good, 2, {"labels": labels, "per_class": "all"}, "per_class must be"),
        "stratified without labels": (
            good,
            2,
            {"method": "random", "stratified": True},
            "stratified needs labels",
        ),
        "initial row outside": (good, 2, {"initial_subset": [20]}, "position 0 holds 20"),
        "initial row twice": (good, 3, {"initial_subset": [1, 1]}, "row 1 is there again"),
        "initial rows > k": (good, 1, {"initial_subset": [1, 2]}, "n_samples = 1 but holds 2"),
        "initial rows for kmeans": (
            good,
            2,
            {"method": "kmeans", "initial_subset": [0]},
            "takes no initial_subset",
        ),
        "cosine for kmeans": (good, 2, {"method": "kmeans", "metric": "cosine"}, "norm 1"),
        "zero row for cosine": (
            good,
            2,
            {"method": "max_sum", "metric": "cosine"},
            "row 0 is all zeros",
        ),
        "no threads": (good, 2, {"n_threads": 0}, r"n_threads must be an int in \[1, 1024\]"),
        "too many threads": (good, 2, {"n_threads": 5000}, r"got 5000"),
        "negative seed": (good, 2, {"random_state": -1}, r"random_state .*got -1"),
        "too little memory": (good, 2, {"max_memory": 10}, "max_memory is 10 bytes, but"),
        "memory in parsecs": (good, 2, {"max_memory": "3pc"}, "max_memory must be bytes"),
        "all constant": (
            np.ones((5, 2), np.float32),
            2,
            {"drop_constant": True},
            "all 2 columns are constant",
        ),
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("per_class", [None, "balanced"])
def test_no_method_passes_over_a_nan(X, method, per_class):
    # In a class too small for a share of the budget, where no method would need to look.
    X = X.copy()
    X[2999, 5] = np.nan
    labels = np.where(np.arange(3000) == 2999, 9, 0)
    with pytest.raises(ValueError, match="row 2999, column 5 is nan"):
        thinset.select(X, 1, method, labels=labels, per_class=per_class)


@pytest.mark.parametrize("case", refusals())
def test_bad_input_is_refused_with_its_value(case):
    embeddings, n_samples, options, message = refusals()[case]
    with pytest.raises(ValueError, match=message):
        thinset.select(embeddings, n_samples, **options)


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npy"):
        thinset.select(tmp_path / "nowhere.npy", 3)
    with pytest.raises(IsADirectoryError):
        thinset.select(tmp_path, 3)


def test_progress_reaches_a_callable_and_its_error_comes_back(X):
    big = np.tile(X, (20, 1))[:12_000]
    calls = []
    thinset.select(big, 12_000, "max_sum", progress=lambda done, total: calls.append((done, total)))
    assert all(0 <= done <= total == 12_000 for done, total in calls)
    assert len(calls) >= 2

    def refuse(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        thinset.select(big, 12_000, "max_sum", progress=refuse)


@pytest.mark.alone
def test_interrupt_answers_within_a_fifth_of_a_second():
    program = textwrap.dedent("""
        import numpy as np, signal, thinset
        # What a shell starts in the background ignores Ctrl-C, and hands that on.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        X = np.random.default_rng(0).standard_normal((200_000, 64)).astype(np.float32)
        print("ready", flush=True)
        try:
            thinset.select(X, 100_000, "max_sum")
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        sent = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        elapsed = time.monotonic() - sent
        process.wait(timeout=30)
    # 0.2 s is the promise; a busy test machine may add a scheduling delay of its own.
    assert elapsed < 0.5


@pytest.mark.parametrize("method", ["topk", "max_min"])
def test_a_memory_map_is_not_copied(method, tmp_path):
    """Peak resident memory that is not the file's own pages stays under 20 MB (Linux)."""
    program = textwrap.dedent(f"""
        import json, numpy as np, thinset
        X = np.load({str(tmp_path / "X.npy")!r}, mmap_mode="r")
        thinset.select(X, 10)  # threads' stacks and the allocator's arenas
        def anonymous():
            fields = dict(line.split(":") for line in open("/proc/self/status"))
            return int(fields["RssAnon"].split()[0])
        before, peak = anonymous(), 0
        def watch(done, total):
            global peak
            peak = max(peak, anonymous())
        thinset.select(X, {4320 if method == "topk" else 40}, {method!r}, progress=watch)
        peak = max(peak, anonymous())
        print(json.dumps({{"extra_kb": peak - before, "file_kb": X.nbytes // 1024}}))
    """)
    generator = np.random.default_rng(0)
    np.save(tmp_path / "X.npy", generator.standard_normal((50_000, 216)).astype(np.float32))
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    measured = json.loads(result.stdout)
    assert measured["file_kb"] > 40_000
    assert measured["extra_kb"] < 20_000


def test_few_random_rows_are_the_first_of_many():
    # A draw from few rows and one from many store their pool in different ways.
    X = np.zeros((10_000, 1), np.float32)
    many = thinset.select(X, 10_000, "random", random_state=3).indices
    assert sorted(many.tolist()) == list(range(10_000))
    for k in (1, 100, 156, 157, 2000):
        few = thinset.select(X, k, "random", random_state=3).indices
        assert few.tolist() == many[:k].tolist()
    assert thinset.estimate((10**9, 8), 1000, "random").memory_bound < 2 * 10**8


@pytest.mark.parametrize("shape", [(3000, 1), (3000, 3), (40, 5000)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_random_rows_are_not_drawn_from_values_that_are_not_finite(shape, value):
    # Narrow rows are looked at many at a time, rows of a wider array one by one.
    for row, column in ((0, 0), (shape[0] // 2, shape[1] // 2), (shape[0] - 1, shape[1] - 1)):
        X = np.ones((shape[0], shape[1] + 2), np.float32)
        X[row, column] = value
        for Y in (X[:, : shape[1]], X[:, : shape[1]].copy()):
            with pytest.raises(ValueError, match=f"row {row}, column {column} is"):
                thinset.select(Y, 2, "random")
