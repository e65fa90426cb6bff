"""Rows left out, rows elsewhere, scores, groups, costs and ids, from the outside."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pytest

import thinset
from oracles import choice as oracle
from thinset import _core

N = 400
METHODS = ("topk", "max_min", "max_sum", "kmeans", "random")
DISPERSION = ("max_min", "max_sum")
ONES = np.ones(N)
GROUPS = np.arange(N) % 10


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(3).standard_normal((N, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def g():
    return np.random.default_rng(4)


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "random"])
def test_rows_that_may_not_be_chosen_are_as_if_they_were_not_there(X, method):
    excluded = np.random.default_rng(0).permutation(N)[:150]
    mask = np.zeros(N, bool)
    mask[excluded] = True
    kept = np.flatnonzero(~mask)
    expected = kept[thinset.select(X[kept], 60, method).indices].tolist()
    for terms in (
        {"exclude": excluded},
        {"exclude": mask},
        {"exclude": excluded.tolist()},
        {"exclude": excluded.astype(np.uint16)},
        {"among": kept},
        {"among": ~mask},
        {"among": np.arange(N), "exclude": excluded},
    ):
        assert thinset.select(X, 60, method, **terms).indices.tolist() == expected
    broken = X.copy()
    broken[excluded] = np.nan
    assert thinset.select(broken, 60, method, exclude=mask).indices.tolist() == expected


def test_a_selection_may_be_left_out(X):
    first = thinset.select(X, 60, "max_min")
    second = thinset.select(X, 60, "max_min", exclude=first)
    assert not set(first.indices) & set(second.indices)


@pytest.mark.parametrize("method", METHODS)
def test_classes_share_what_may_be_chosen(X, method):
    labels = np.arange(N) % 4
    excluded = np.arange(0, 200)
    selection = thinset.select(X, 80, method, labels=labels, per_class=True, exclude=excluded)
    assert selection.indices.min() >= 200
    assert np.bincount(labels[selection.indices]).tolist() == [20] * 4


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("method", DISPERSION)
def test_existing_rows_count_as_chosen(X, method, metric, tmp_path):
    old, new = X[:150], X[150:]
    together = thinset.select(X, 210, method, metric=metric, initial_subset=np.arange(150))
    np.save(tmp_path / "old.npy", old)
    for existing in (old, [old[:50], old[50:]], tmp_path / "old.npy"):
        for n_threads in (1, 2, 3, 7):
            selection = thinset.select(
                new, 60, method, metric=metric, existing=existing, n_threads=n_threads
            )
            assert selection.indices.tolist() == (together.indices[150:] - 150).tolist()
            assert selection.gains.tolist() == together.gains[150:].tolist()
            assert selection.params["n_existing"] == 150


def test_the_first_pick_is_the_row_furthest_from_the_existing_ones(X):
    old, new = X[:150].astype(float), X[150:].astype(float)
    nearest = np.linalg.norm(new[:, None] - old[None], axis=2).min(axis=1)
    selection = thinset.select(X[150:], 1, "max_min", existing=X[:150])
    assert selection.indices[0] == nearest.argmax()
    assert selection.gains[0] == pytest.approx(nearest.max())


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_of_0_is_as_without_scores(X, method):
    scores = np.random.default_rng(1).standard_normal(N)
    plain = thinset.select(X, 60, method)
    weighed = thinset.select(X, 60, method, scores=scores, score_weight=0)
    assert weighed.indices.tolist() == plain.indices.tolist()
    assert weighed.gains.tolist() == plain.gains.tolist()


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "kmeans"])
def test_equal_scores_change_nothing(X, method):
    plain = thinset.select(X, 60, method)
    weighed = thinset.select(X, 60, method, scores=np.full(N, 0.25))
    assert weighed.indices.tolist() == plain.indices.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_higher_scores_are_chosen_the_more_they_count(X, method):
    scores = np.random.default_rng(1).random(N) + 0.05
    means = [
        scores[thinset.select(X, 60, method, scores=scores, score_weight=w).indices].mean()
        for w in (0, 1, 8)
    ]
    assert means[0] < means[1] < means[2]
    low = thinset.select(X, 60, method, scores=scores, min_score=0.5)
    assert scores[low.indices].min() >= 0.5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("mode", ["max", "min", "abs"])
def test_every_instruction_set_weighs_alike(X, dtype, mode):
    """Scores over 60 orders of magnitude, which float32 does not hold."""
    g = np.random.default_rng(6)
    scores = 10.0 ** -g.uniform(0, 59, N)
    values = X.astype(dtype)
    ranked = np.argsort(
        -{"max": 1, "min": -1, "abs": 1}[mode]
        * (np.abs(values) if mode == "abs" else values).astype(float)
        * scores[:, None],
        axis=0,
        kind="stable",
    )
    used = _core.instruction_set()
    try:
        for name in _core.available_instruction_sets():
            _core.use_instruction_set(name)
            selection = thinset.select(values, 12, mode=mode, scores=scores)
            assert selection.indices[0] == ranked[0, 0]
            for n_threads in (1, 2, 3, 7):
                again = thinset.select(values, 300, mode=mode, scores=scores, n_threads=n_threads)
                expected = oracle.choose(values, 300, "topk", scores=scores, options={"mode": mode})
                assert again.indices.tolist() == expected[0]
                assert again.gains.tolist() == expected[1]
    finally:
        _core.use_instruction_set(used)


def test_tensors_and_columns_are_read_as_their_values(X):
    torch = pytest.importorskip("torch")
    pandas = pytest.importorskip("pandas")
    scores = np.random.default_rng(1).random(N).astype(np.float32) + 1
    names = [f"video {i % 30}" for i in range(N)]
    terms = {"scores": scores, "groups": names, "max_per_group": 1, "exclude": [1, 2]}
    expected = thinset.select(X, 20, "max_min", **terms).indices.tolist()
    for other in (
        {"scores": torch.from_numpy(scores), "exclude": torch.tensor([1, 2])},
        {"scores": pandas.Series(scores), "groups": pandas.Series(names)},
        {"groups": pandas.Series(names, dtype="string"), "exclude": pandas.Series([1, 2])},
    ):
        found = thinset.select(X, 20, "max_min", **{**terms, **other})
        assert found.indices.tolist() == expected
    with pytest.raises(ValueError, match=r"scores must not be bfloat16; pass scores.float\(\)"):
        thinset.select(X, 20, scores=torch.ones(N, dtype=torch.bfloat16))


def test_draws_are_in_proportion_to_scores():
    X = np.zeros((3, 1))
    scores = np.array([1.0, 2.0, 5.0])
    first = [
        thinset.select(X, 2, "random", scores=scores, random_state=seed).indices[0]
        for seed in range(4000)
    ]
    shares = np.bincount(first, minlength=3) / 4000
    np.testing.assert_allclose(shares, scores / 8, atol=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_no_more_than_so_many_of_a_group(X, method):
    groups = np.random.default_rng(2).integers(0, 40, N)
    selection = thinset.select(X, 80, method, groups=groups, max_per_group=2)
    assert np.bincount(groups[selection.indices]).tolist() == [2] * 40
    names = np.array([f"patient {group}" for group in groups])
    for texts in (names, names.tolist(), names.astype(object)):
        again = thinset.select(X, 80, method, groups=texts, max_per_group=2)
        assert again.indices.tolist() == selection.indices.tolist()


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "random"])
def test_groups_stay_whole_or_come_one_by_one(X, method):
    groups = np.random.default_rng(2).integers(0, 60, N)
    whole = thinset.select(X, 100, method, groups=groups, whole_groups=True)
    chosen = np.bincount(groups[whole.indices], minlength=60)
    assert all(chosen[i] in (0, (groups == i).sum()) for i in range(60))
    assert 90 < len(whole) <= 100
    first = thinset.select(X, 100, method, groups=groups, one_per_group_first=True)
    assert len(set(groups[first.indices[:60]])) == 60
    assert len(set(first.indices)) == 100


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "random"])
def test_what_is_spent_stays_within_the_budget(X, method):
    costs = np.random.default_rng(5).random(N) + 0.1
    selection = thinset.select(X, None, method, costs=costs, budget=20.0)
    assert selection.spent <= 20.0
    assert selection.spent == pytest.approx(costs[selection.indices].sum())
    left = np.setdiff1d(np.arange(N), selection.indices)
    assert selection.spent + costs[left].min() > 20.0
    assert selection.params["n_samples"] == len(selection)
    both = thinset.select(X, 5, method, costs=costs, budget=20.0)
    assert both.indices.tolist() == selection.indices[:5].tolist()


def test_until_no_row_is_further(X):
    selection = thinset.select(X, None, "max_min", min_distance=3.5)
    assert selection.objective["covering_radius"] <= 3.5 < selection.gains.min()
    plain = thinset.select(X, len(selection), "max_min")
    assert selection.indices.tolist() == plain.indices.tolist()
    assert thinset.select(X, 3, "max_min", min_distance=3.5).indices.tolist() == (
        plain.indices[:3].tolist()
    )
    assert len(thinset.select(X, None, "max_min", existing=X, min_distance=0)) == 0


@pytest.mark.parametrize(
    "ids",
    [np.arange(N) * 7 - 3, np.array([f"a/{i}.png" for i in range(N)]), list(map(str, range(N)))],
)
def test_ids_travel_with_rows_and_files(X, ids, tmp_path):
    selection = thinset.select(X, 20, "max_min", ids=ids, costs=np.ones(N), budget=15)
    assert selection.ids.tolist() == np.asarray(ids)[selection.indices].tolist()
    selection.save(tmp_path / "s.npz")
    loaded = thinset.Selection.load(tmp_path / "s.npz")
    assert loaded.ids.tolist() == selection.ids.tolist()
    assert loaded.ids.dtype == selection.ids.dtype
    assert loaded.spent == selection.spent == 15
    plain = thinset.select(X, 20)
    assert plain.ids is None
    assert plain.spent is None


def test_draws_do_not_depend_on_the_unit_of_costs(X):
    cheap = thinset.select(X, 9, "random", costs=ONES * 2.0**-1000, budget=2.0**-990, scores=ONES)
    dear = thinset.select(X, 9, "random", costs=ONES * 2.0**1000, budget=2.0**1010, scores=ONES)
    huge = thinset.select(X, 9, "random", costs=ONES * 1e-300, budget=1.0, scores=ONES * 1e300)
    assert cheap.indices.tolist() == dear.indices.tolist() == huge.indices.tolist()


def test_texts_of_numpy_2_are_groups_and_ids(X):
    text_type = getattr(np.dtypes, "StringDType", None)
    if text_type is None:
        pytest.skip("numpy 1 has no StringDType")
    names = [f"patient {i % 9}" for i in range(N)]
    ids = [f"row {i}" for i in range(N)]
    expected = thinset.select(X, 9, groups=names, max_per_group=1, ids=ids)
    found = thinset.select(
        X,
        9,
        groups=np.array(names, dtype=text_type()),
        max_per_group=1,
        ids=np.array(ids, dtype=text_type()),
    )
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.ids.tolist() == expected.ids.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_selection_on_terms_stays_within_max_memory(X, method):
    terms = {"scores": np.ones(N), "groups": GROUPS, "max_per_group": 9}
    with pytest.raises(ValueError, match=r"this selection may need \d+ beyond"):
        thinset.select(X, 5, method, max_memory=2000, **terms)


class Column(Sequence):
    """A sequence that is no array, as columns of Hugging Face datasets are."""

    def __init__(self, values):
        self.values = list(values)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        return self.values[key]


def test_columns_of_datasets_are_sequences(X):
    terms = {
        "scores": np.linspace(1, 2, N),
        "costs": np.ones(N),
        "groups": [f"patient {row // 4}" for row in range(N)],
        "ids": [f"row {row}" for row in range(N)],
        "exclude": [3, 5],
        "among": (np.arange(N) % 3 > 0).tolist(),
        "initial_subset": [7],
    }
    rest = {"max_per_group": 2, "budget": 9, "n_threads": 1}
    expected = thinset.select(X, None, "max_min", **terms, **rest)
    columns = {name: Column(values) for name, values in terms.items()}
    found = thinset.select(X, None, "max_min", **columns, **rest)
    assert found.ids.tolist() == expected.ids.tolist()
    labels = np.arange(N) % 3
    expected = thinset.select(X, 9, "max_min", labels=labels, per_class=True)
    found = thinset.select(X, 9, "max_min", labels=Column(labels), per_class=True)
    assert found.indices.tolist() == expected.indices.tolist()
    with pytest.raises(ValueError, match="groups must have an entry for every row: row 1 has None"):
        thinset.select(X, 9, "max_min", groups=Column(["a", None]), max_per_group=1)


@pytest.mark.parametrize("name", ["ids", "groups"])
def test_names_of_rows_are_no_files(X, tmp_path, monkeypatch, name):
    """Saving asks the file system about none of them."""
    monkeypatch.chdir(tmp_path)
    names = ["/", ".", "out.npz", *(f"row {row}" for row in range(N - 3))]
    selection = thinset.select(
        X, 5, "max_min", **{name: names}, **({"max_per_group": 1} if name == "groups" else {})
    )
    asked = []
    real_path = os.path.realpath
    monkeypatch.setattr("os.path.realpath", lambda path: asked.append(path) or real_path(path))
    for _ in range(2):
        selection.save("out.npz")
    assert thinset.Selection.load("out.npz").indices.tolist() == selection.indices.tolist()
    assert asked
    assert not {"row 7", "/"} & set(asked)


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "random", "facility_location"])
def test_whole_groups_that_are_chosen_already_come_once(X, method):
    groups = np.arange(N) // 4
    terms = {"groups": groups, "whole_groups": True, "costs": np.ones(N), "budget": 20}
    selection = thinset.select(
        X, 17, method, initial_subset=[9, 8, 41, 11, 10, 43, 40, 42], **terms
    )
    assert selection.indices[:8].tolist() == [9, 8, 41, 11, 10, 43, 40, 42]
    assert len(set(selection.indices.tolist())) == 16
    assert selection.spent == 16
    assert np.unique(groups[selection.indices], return_counts=True)[1].tolist() == [4] * 4


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "random", "facility_location"])
def test_initial_rows_of_later_classes_count_in_their_groups(X, method):
    labels = np.arange(N) // 200
    groups = np.arange(N) % 20
    initial = [205, 225, 206]  # of class 1; the group 5 is full, the group 6 has room for one
    selection = thinset.select(
        X, 40, method, labels=labels, per_class=True, groups=groups, max_per_group=2,
        initial_subset=initial,
    )  # fmt: skip
    assert np.unique(groups[selection.indices], return_counts=True)[1].tolist() == [2] * 20
    of_group = selection.indices[groups[selection.indices] == 5]
    assert sorted(of_group.tolist()) == [205, 225]
