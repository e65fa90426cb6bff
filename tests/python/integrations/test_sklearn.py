from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
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


def test_the_pipeline_of_imbalanced_learn_drops_rows_in_fit_alone():
    imblearn = pytest.importorskip("imblearn.pipeline", reason="imbalanced-learn is not installed")
    selector = Selector("kmeans", 100, per_class="balanced", random_state=0)
    pipeline = imblearn.make_pipeline(
        StandardScaler(), selector, LogisticRegression(max_iter=200)
    ).fit(X, Y)
    alone = clone(selector).fit(StandardScaler().fit_transform(X), Y)
    assert pipeline["selector"].indices_.tolist() == alone.indices_.tolist()
    assert pipeline.predict(X).shape == Y.shape
    search = GridSearchCV(pipeline, {"selector__n_samples": [10, 300]}, cv=2).fit(X, Y)
    assert search.best_params_ == {"selector__n_samples": 300}


def test_the_pipeline_of_scikit_learn_refuses_it():
    with pytest.raises(TypeError, match="Selector"):
        make_pipeline(Selector(), LogisticRegression()).fit(X, Y)


@pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")
@pytest.mark.parametrize("method", thinset.methods())
@pytest.mark.parametrize("per_class", [None, "balanced"])
def test_selected_rows_know_how_many_they_stand_for(method, per_class):
    selector = Selector(method, 50, per_class=per_class, random_state=0, weigh=True)
    selector.fit(X + 1e-9 * np.arange(len(X))[:, None], Y)
    weights = selector.sample_weight_
    assert weights.shape == (50,)
    assert weights.sum() == len(X)
    assert weights.min() >= 1
    if per_class is not None:
        of_classes = np.bincount(Y[selector.indices_], weights=weights)
        assert of_classes.tolist() == np.bincount(Y).tolist()
    LogisticRegression(max_iter=200).fit(
        X[selector.indices_], Y[selector.indices_], sample_weight=weights
    )


def test_rows_stand_for_those_that_they_are_nearest_to():
    rows = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    selector = Selector("max_min", 2, weigh=True).fit(rows)
    nearest = np.abs(rows - rows[selector.indices_].T).argmin(axis=1)
    assert selector.sample_weight_.tolist() == np.bincount(nearest).tolist()


@pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")
def test_rows_are_preferred_by_weight_and_those_of_weight_0_left_out():
    weights = np.ones(len(X))
    weights[::2] = 0.0
    for method in thinset.methods():
        selector = Selector(method, 50, random_state=0).fit(X, sample_weight=weights)
        assert (selector.indices_ % 2 == 1).all(), method
        plain = clone(selector).fit(X, sample_weight=np.ones(len(X)))
        assert plain.indices_.tolist() == clone(selector).fit(X).indices_.tolist(), method
    weights = np.where(np.arange(len(X)) < 100, 1e6, 1.0)
    preferred = Selector("max_sum", 50).fit(X, sample_weight=weights)
    assert (preferred.indices_ < 100).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(len(X)), "sample_weight must be at least 0, got -1 in row 0"),
        (np.zeros(len(X)), "must be above 0 for at least one row"),
        (np.ones((len(X), 1)), "one entry per row"),
        (np.ones(3), "inconsistent numbers of samples"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        Selector("random").fit(X, sample_weight=weights)


def test_set_output_decides_the_type_of_the_rows():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    selector = Selector("max_min", 10).set_output(transform="pandas")
    chosen, labels = clone(selector).fit_resample(X, Y)
    assert isinstance(chosen, pandas.DataFrame)
    assert isinstance(labels, np.ndarray)
    assert chosen.columns.tolist()[:2] == ["x0", "x1"]
    np.testing.assert_array_equal(chosen.to_numpy(), X[chosen.index])
    with sklearn.config_context(transform_output="pandas"):
        made, _ = Selector("max_min", 10).fit_resample(X, Y)
        assert isinstance(made, pandas.DataFrame)
        plain = Selector("max_min", 10).set_output(transform="default")
        assert isinstance(plain.fit_resample(X, Y)[0], np.ndarray)
    with pytest.raises(ValueError, match="transform must be one of default, pandas, polars"):
        selector.set_output(transform="arrow")


def test_frames_of_polars_stay_frames_of_polars():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame(X[:, 20:24], schema=list("abcd"))
    chosen, labels = Selector("max_sum", 10).fit_resample(frame, polars.Series(Y))
    assert isinstance(chosen, polars.DataFrame)
    assert isinstance(labels, polars.Series)
    made, _ = Selector("max_sum", 10).set_output(transform="polars").fit_resample(X, Y)
    assert isinstance(made, polars.DataFrame)
