"""Figures of a selection: progress, interruption, a prediction, and those of a loaded one."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import thinset
from thinset.selection import estimate_figures

X = np.random.default_rng(5).standard_normal((400, 8)).astype(np.float32)


@pytest.fixture(params=["loaded", "copied", "pickled"])
def known_by_nobody(request, tmp_path):
    """A selection without its embeddings, and one of the same rows that has them."""
    selection = thinset.select(X, 20, "max_min", metric="sqeuclidean")
    if request.param == "loaded":
        selection.save(tmp_path / "s.npz")
        return thinset.Selection.load(tmp_path / "s.npz"), selection
    if request.param == "copied":
        return copy.deepcopy(selection), selection
    return pickle.loads(pickle.dumps(selection)), selection


def test_the_figures_of_a_selection_without_embeddings(known_by_nobody, tmp_path):
    loaded, selection = known_by_nobody
    with pytest.raises(ValueError, match=r"selection.certificates_from\(embeddings\) computes it"):
        loaded.certificates["lower_bound_of_covering_radius"]
    assert loaded.certificates_from(X) is loaded.certificates
    assert dict(loaded.certificates) == dict(selection.certificates)
    assert set(loaded.objective.known) == {  # those that the bounds are compared with
        "sum_of_pairwise_distances",
        "smallest_pairwise_distance",
        "covering_radius",
    }
    with pytest.raises(ValueError, match=r"selection.objective_from\(embeddings\) computes it"):
        loaded.objective["sum_of_nearest_distances"]
    assert loaded.objective_from([X[:7], X[7:]]) is loaded.objective
    assert dict(loaded.objective) == dict(selection.objective)
    loaded.save(tmp_path / "again.npz")
    again = thinset.Selection.load(tmp_path / "again.npz")
    assert dict(again.objective) == dict(selection.objective)
    assert dict(again.certificates) == dict(selection.certificates)


def test_what_is_known_is_not_computed_again():
    selection = thinset.select(X, 20, "max_min")
    selection.certificates_from(X)
    calls = []
    selection.certificates_from(X, progress=lambda done, total: calls.append(done))
    assert calls == []
    selection.objective_from(np.zeros_like(X))
    assert selection.objective["covering_radius"] > 0


@pytest.mark.parametrize("shape", [(399, 8), (400, 7)])
def test_other_embeddings_are_refused(shape):
    selection = thinset.select(X, 20, "max_min")
    for method in (selection.objective_from, selection.certificates_from):
        with pytest.raises(ValueError, match=r"of shape \(400, 8\); got shape \(\d+, \d\)"):
            method(X[: shape[0], : shape[1]].copy())


@pytest.mark.parametrize("row", [0, 300])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_not_finite_have_no_figures(row, value, dtype):
    # The selection does not read excluded rows.
    holed = X.astype(dtype)
    holed[row, 3] = value
    selection = thinset.select(holed, 20, "max_min", exclude=[row])
    message = f"embeddings must be finite: row {row}, column 3 is {value}"
    for name in ("covering_radius", "sum_of_nearest_distances"):
        with pytest.raises(ValueError, match=message):
            selection.objective[name]
    assert selection.objective["smallest_pairwise_distance"] > 0  # of the chosen rows alone
    other = thinset.select(X, 20, "max_min", initial_subset=[row])
    other = pickle.loads(pickle.dumps(other))
    with pytest.raises(ValueError, match=message):
        other.objective_from(holed)


def test_one_row_has_no_pairs():
    selection = thinset.select(X, 1, "max_min")
    expected = ["covering_radius", "sum_of_nearest_distances"]
    assert list(selection.objective) == list(dict(selection.objective)) == expected
    expected = ["lower_bound_of_covering_radius", "covering_radius_over_best_possible"]
    assert list(dict(selection.certificates)) == expected
    other = pickle.loads(pickle.dumps(thinset.select(X, 1, "max_min")))
    assert len(other.objective_from(X)) == len(other.certificates_from(X)) == 2


def test_progress_runs_once_through_all_figures():
    big = np.random.default_rng(0).standard_normal((60_000, 48)).astype(np.float32)
    selection = pickle.loads(pickle.dumps(thinset.select(big, 600, "random")))
    calls = []
    selection.certificates_from(big, progress=lambda done, total: calls.append((done, total)))
    assert len(calls) >= 2
    assert {total for _, total in calls} == {1000}
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert 0 <= calls[0][0] <= calls[-1][0] <= 1000


def test_an_error_of_the_callable_comes_back_and_keeps_what_was_computed():
    big = np.random.default_rng(0).standard_normal((60_000, 48)).astype(np.float32)
    selection = pickle.loads(pickle.dumps(thinset.select(big, 600, "random")))

    def refuse(done, total):
        if "sum_of_pairwise_distances" in selection.objective.known:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        selection.objective_from(big, progress=refuse)
    assert "sum_of_pairwise_distances" in selection.objective.known
    assert "sum_of_nearest_distances" not in selection.objective.known


def test_bars_of_a_selection_that_shows_one(capsys):
    selection = thinset.select(X, 20, "max_min", progress=True)
    assert capsys.readouterr().err.startswith("select max_min: 100/100 %")
    assert selection.objective["covering_radius"] > 0
    assert capsys.readouterr().err.startswith("covering_radius: 100/100 %")
    thinset.select(X, 20, "max_min").objective_from(X, progress=True)
    assert capsys.readouterr().err.startswith("objective: 100/100 %")
    assert thinset.select(X, 20, "max_min").objective["covering_radius"] > 0
    assert capsys.readouterr().err == ""


@pytest.mark.alone
@pytest.mark.parametrize("after", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("call", ["objective_from", "certificates_from"])
def test_interrupt_answers_within_a_fifth_of_a_second(call, after):
    # Counted in processor time of one thread, which other work on the machine does not lengthen.
    program = textwrap.dedent(f"""
        import numpy as np, os, signal, threading, thinset, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        X = np.random.default_rng(0).standard_normal((100_000, 256)).astype(np.float32)
        selection = thinset.select(X, 30_000, "random")
        sent = []
        def interrupt():
            sent.append(time.process_time())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer({after}, interrupt).start()
        try:
            selection.{call}(X, n_threads=1)
        except KeyboardInterrupt:
            print(time.process_time() - sent[0])
    """)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < 0.2


def test_the_time_of_figures_is_predicted_from_what_is_saved(tmp_path):
    thinset.select(X, 20, "max_min").save(tmp_path / "s.npz")
    loaded = thinset.Selection.load(tmp_path / "s.npz")
    found = loaded.estimate_figures(n_threads=2)
    for low, middle, high in (found.objective, found.certificates):
        assert 0 <= low <= middle <= high < 10
    large = estimate_figures((10**7, 512), 10**5, dtype="float16", metric="cosine")
    assert large.objective[1] > 60
    assert large.certificates[1] > 60
    single = estimate_figures((1000, 4), 1)
    assert single.objective[1] < 10
    text = found.describe().splitlines()
    assert text[0].startswith("objective: roughly ")
    assert text[1].startswith("certificates: roughly ")


def test_the_first_files_do_not_say_enough_for_a_prediction():
    selection = thinset.Selection(np.arange(3), np.zeros(3), 400, "random", {})
    with pytest.raises(ValueError, match="does not say which embeddings"):
        selection.estimate_figures()
    assert selection.objective_from(X)["covering_radius"] > 0
