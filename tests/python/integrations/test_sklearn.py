from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

import thinset
from thinset.integrations.sklearn import Selector

CHECKS = [
    pytest.param(estimator, check, id=f"{estimator.method}-{check.func.__name__}")
    for method in thinset.methods()
    for estimator, check in estimator_checks_generator(Selector(method, 0.5))
]
X, Y = load_digits(return_X_y=True)


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")
def test_scikit_learns_own_checks(estimator, check):
    """The assertions are in the checks: each raises where the estimator fails it."""
    check(estimator)


def test_no_check_is_left_out():
    kinds = {kind for kind, _ in (case.id.split("-", 1) for case in CHECKS)}
    assert kinds == set(thinset.methods())
    assert len(CHECKS) >= 35 * len(kinds)


@pytest.mark.parametrize("method", thinset.methods())
def test_the_rows_are_those_of_select(method):
    options = {"drop_constant": True} if method == "topk" else None
    selector = Selector(method, 100, random_state=0, options=options).fit(X)
    expected = thinset.select(
        X, 100, method, random_state=selector.selection_.params["random_state"], **(options or {})
    )
    assert selector.indices_.tolist() == expected.indices.tolist()
    assert selector.gains_.tolist() == expected.gains.tolist()
    assert selector.get_support().sum() == 100
    assert selector.get_support(indices=True).tolist() == sorted(expected.indices)


def test_the_same_random_state_gives_the_same_rows():
    selector = Selector("kmeans", 50, random_state=7)
    first, second = clone(selector).fit(X).indices_, clone(selector).fit(X).indices_
    assert first.tolist() == second.tolist()
    other = clone(selector).set_params(random_state=8).fit(X).indices_
    assert first.tolist() != other.tolist()


def test_classes_of_any_kind_get_their_budgets():
    names = np.array([f"digit {label}" for label in Y])
    selector = Selector("max_min", 100, per_class="balanced")
    chosen, labels = selector.fit_resample(X, names)
    assert (chosen == X[selector.indices_]).all()
    assert {name: (labels == name).sum() for name in set(names)} == dict.fromkeys(set(names), 10)


def test_frames_stay_frames():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X[:, 20:24], columns=list("abcd"))
    selector = Selector("max_sum", 10)
    chosen, labels = selector.fit_resample(frame, pandas.Series(Y))
    assert chosen.index.tolist() == labels.index.tolist() == selector.indices_.tolist()
    assert selector.feature_names_in_.tolist() == list("abcd")


def test_mistakes_are_told_as_select_tells_them():
    with pytest.raises(ValueError, match="method must be one of"):
        Selector("best").fit(X)
    with pytest.raises(ValueError, match="per_class needs labels, one per row"):
        Selector("max_min", per_class="balanced").fit(X)
    with pytest.raises(NotFittedError):
        Selector().get_support()
