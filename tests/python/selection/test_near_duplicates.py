"""Groups of near-duplicates against the naive oracle, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset
from oracles.near_duplicates import group_near_duplicates, kept, match
from oracles.selection import distances
from thinset import _core


def rows(seed: int, n: int, d: int, dtype: str) -> np.ndarray:
    """Clusters of rows, some equal to each other, some apart by a grid's step."""
    generator = np.random.default_rng(seed)
    centres = generator.integers(0, 4, (max(1, n // 3), d))
    noise = generator.integers(0, 3, (n, d)) * 0.25 * (generator.random((n, 1)) < 0.5)
    return (centres[generator.integers(0, len(centres), n)] + noise).astype(dtype)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 2, 3, 15, 16, 17, 63, 64, 65, 150]),
    d=st.integers(1, 20),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    metric=st.sampled_from(["euclidean", "sqeuclidean", "cosine"]),
    distance=st.sampled_from([0.0, 0.0625, 0.25, 0.5, 0.75, 1.0, 2.5]),
    n_threads=st.sampled_from([1, 2, 5]),
)
def test_groups_are_those_of_the_oracle(seed, n, d, dtype, metric, distance, n_threads):
    X = rows(seed, n, d, dtype)
    if metric == "cosine":
        X[:, 0] += 1
    found = thinset.deduplicate(X, distance, metric=metric, n_threads=n_threads)
    np.testing.assert_array_equal(found.groups, group_near_duplicates(X, distance, metric))


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 2, 15, 17, 64, 100]),
    m=st.sampled_from([1, 3, 16, 17, 65]),
    d=st.integers(1, 12),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    metric=st.sampled_from(["euclidean", "sqeuclidean", "cosine"]),
    distance=st.sampled_from([0.0, 0.0625, 0.25, 0.75, 1.0, 2.5]),
    n_threads=st.sampled_from([1, 2, 3, 7]),
    levels=st.sampled_from([None, 1, 2, 1000]),
)
def test_scores_and_other_sets_decide_what_is_kept(
    seed, n, m, d, dtype, metric, distance, n_threads, levels
):
    both = rows(seed, n + m, d, dtype)
    if metric == "cosine":
        both[:, 0] += 1
    X, Y = both[:n], both[n:]
    generator = np.random.default_rng(seed)
    scores = None if levels is None else generator.integers(0, levels, n) - 0.5
    found = thinset.deduplicate(
        X, distance, keep=scores, against=Y, metric=metric, n_threads=n_threads
    )
    right = match(X.astype(np.float64), Y.astype(np.float64), distance, metric)
    groups = group_near_duplicates(X, distance, metric)
    np.testing.assert_array_equal(found.matches, right)
    np.testing.assert_array_equal(found.matched, np.flatnonzero(right >= 0))
    np.testing.assert_array_equal(found.groups, groups)
    assert found.representatives.tolist() == kept(groups, scores, right)
    alone = thinset.deduplicate(X, distance, keep=scores, metric=metric)
    assert alone.representatives.tolist() == kept(groups, scores)
    assert alone.sizes.sum() == n
    assert alone.matches is None
    assert alone.matched.tolist() == []


def kept_by_terms(X, distance, metric, terms):
    """The rows that selecting without near-duplicates may choose."""
    n = len(X)
    allowed = set(terms.get("among", range(n))) - set(terms.get("exclude", ()))
    scores = terms.get("scores")
    if "min_score" in terms:
        allowed -= {row for row in range(n) if scores[row] < terms["min_score"]}
    # Other rows link none.
    considered = sorted(allowed.union(terms.get("initial_subset", ())))
    groups = np.arange(n)
    if considered:
        among_these = group_near_duplicates(X[considered], distance, metric)
        groups[considered] = np.array(considered)[among_these]
    of_initial = {groups[row] for row in terms.get("initial_subset", ())}
    out = [row not in allowed or groups[row] in of_initial for row in range(n)]
    if "existing" in terms:
        near = match(X.astype(np.float64), terms["existing"].astype(np.float64), distance, metric)
        out = [left or near[row] >= 0 for row, left in enumerate(out)]
    return kept(groups, scores, np.where(out, 0, -1))


@pytest.mark.filterwarnings("ignore:.*embedding elements have one value")
@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), n=st.integers(2, 60))
def test_selecting_without_near_duplicates(data, seed, n):
    metric = data.draw(st.sampled_from(["euclidean", "sqeuclidean", "cosine"]))
    method = data.draw(st.sampled_from(["topk", "max_min", "max_sum", "random"]))
    distance = data.draw(st.sampled_from([0.0, 0.25, 0.75, 1.0]))
    both = rows(seed, n + 3, 3, "float32")
    both[:, 0] += 1
    X = both[:n]
    generator = np.random.default_rng(seed)
    terms: dict = {}
    if data.draw(st.booleans()):
        terms["scores"] = generator.integers(1, 4, n) / 2
        if data.draw(st.booleans()):
            terms["min_score"] = 1.0
    for name in ("exclude", "among", "initial_subset"):
        if data.draw(st.booleans()):
            size = {"exclude": n // 4, "among": 3 * n // 4, "initial_subset": 1}[name]
            terms[name] = generator.permutation(n)[:size].tolist()
    if method in {"max_min", "max_sum"} and data.draw(st.booleans()):
        terms["existing"] = both[n:]
    expected = kept_by_terms(X, distance, metric, terms)
    n_initial = len(terms.get("initial_subset", ()))
    options = {"metric": metric, "n_threads": data.draw(st.sampled_from([1, 2, 3, 7]))}
    k = n_initial + data.draw(st.integers(1, max(1, len(expected))))
    if not expected:
        with pytest.raises(ValueError, match="chosen"):
            thinset.select(X, k, method, dedup_distance=distance, **terms, **options)
        return
    found = thinset.select(X, k, method, dedup_distance=distance, **terms, **options)
    right = thinset.select(X, k, method, **{**terms, "among": expected}, **options)
    assert found.indices.tolist() == right.indices.tolist()
    assert set(found.indices[n_initial:].tolist()) <= set(expected)
    assert found.params["dedup_distance"] == distance


CHAINS = np.array([[0.0], [5.0], [1.0], [2.0], [6.5], [3.0]])


@pytest.mark.parametrize(
    ("k", "terms", "message"),
    [
        (
            4,
            {},
            "n_samples is 4, but dedup_distance = 1 leaves only 3 of the 6 rows that may otherwise",
        ),
        (4, {"exclude": [1], "initial_subset": [0, 2]}, "only 3 of the 5 rows that may otherwise"),
        (4, {"among": [0, 1, 2]}, "only 3 of the 6 rows may be chosen: among leaves out 3; lower"),
        (4, {}, "be chosen; lower n_samples or dedup_distance$"),
        (1, {"existing": CHAINS}, "dedup_distance = 1 leaves none of the 6 rows"),
        (None, {"existing": CHAINS, "min_distance": 1.0}, "^dedup_distance = 1 leaves none of the"),
        (1, {"existing": np.array([[np.nan]])}, "^existing: embeddings must be finite: row 0"),
        (1, {"existing": np.ones((1, 2))}, "^existing must have as many columns as the"),
        (1, {"existing": np.ones((0, 1))}, "^existing must have at least one row"),
        (1, {"dedup_distance": -1}, "^dedup_distance must be at least 0, got -1"),
        (1, {"scores": [1, 2, np.nan, 1, 1, 1]}, "scores must be finite: row 2 has nan; give the"),
        (
            1,
            {"scores": [1, 2, -np.inf, 1, 1, 1], "min_score": 0},
            "scores must be finite: row 2 has -inf",
        ),
    ],
)
def test_messages_about_near_duplicates_name_the_arguments_given(k, terms, message):
    terms = {"dedup_distance": 1.0, **terms}
    with pytest.raises(ValueError, match=message):
        thinset.select(CHAINS, k, "max_min", **terms)


def test_a_selection_records_the_arguments_given():
    found = thinset.select(CHAINS, 2, "max_min", dedup_distance=1.0)
    assert "n_among" not in found.params
    scores = [1, 2, np.nan, 1, 1, 3]
    found = thinset.select(CHAINS, 2, "max_min", dedup_distance=1.0, scores=scores, exclude=[2])
    assert found.params["n_exclude"] == 1
    assert set(found.indices.tolist()) <= {0, 1, 4, 5}


@pytest.mark.parametrize("terms", [{"exclude": [2]}, {"among": [0, 1, 3, 4, 5]}])
@pytest.mark.parametrize("existing", [None, [[9.0]]])
def test_rows_that_may_not_be_chosen_are_not_read(terms, existing):
    # 0 and 2 are linked by 1 alone.
    X = CHAINS.copy()
    X[2] = np.nan
    if existing is not None:
        terms = {**terms, "existing": np.array(existing)}
    found = thinset.select(X, 3, "max_min", dedup_distance=1.0, **terms)
    assert set(found.indices.tolist()) <= {0, 1, 3, 4}
    with pytest.raises(ValueError, match="embeddings must be finite: row 2, column 0 is nan"):
        thinset.select(X, 3, "max_min", dedup_distance=1.0, initial_subset=[2], **terms)


@pytest.mark.parametrize("rows_read", [[2, 1], [0, 0], [-1], [6]])
def test_rows_that_are_read_are_ascending(rows_read):
    numbers = np.array(rows_read)
    for call in (
        lambda: _core.group_near_duplicates(CHAINS, 1.0, rows=numbers),
        lambda: _core.match_near_duplicates(CHAINS, CHAINS, 1.0, rows=numbers),
    ):
        with pytest.raises(ValueError, match=r"rows must be ascending and in \[0, 6\): position"):
            call()


def test_a_refused_distance_is_shown_as_it_is():
    with pytest.raises(ValueError, match="distance must be at least 0, got -1e-09$"):
        thinset.deduplicate(CHAINS, -1e-9)
    with pytest.raises(ValueError, match=r"one column, got shape \(0, 1\)$"):
        thinset.deduplicate(CHAINS[:0], 1.0)


def test_the_best_scored_of_a_chain_is_kept():
    X = np.array([[0.0], [5.0], [1.0], [2.0], [6.5], [3.0]])
    found = thinset.deduplicate(X, 1.0, keep=[0, 1, 2, 3, 4, 3])
    assert found.representatives.tolist() == [1, 3, 4]
    assert found.sizes.tolist() == [1, 4, 1]
    found = thinset.deduplicate(X, 1.0, keep=[0, 1, 2, 3, 4, 3], against=[[2.9], [6.5]])
    assert found.matches.tolist() == [-1, -1, -1, 0, 1, 0]
    assert found.representatives.tolist() == [1, 2]
    assert len(found) == 3


def test_matches_across_tiles():
    generator = np.random.default_rng(1)
    Y = generator.standard_normal((20_000, 12)).astype(np.float32)
    copies = generator.permutation(20_000)[:1000]
    X = generator.standard_normal((3000, 12)).astype(np.float32)
    X[1000:2000] = Y[copies] + 1e-4
    right = np.full(3000, -1)
    right[1000:2000] = copies
    for n_threads in (1, 3):
        found = thinset.deduplicate(X, 0.01, against=Y, n_threads=n_threads)
        np.testing.assert_array_equal(found.matches, right)


def test_groups_across_tiles_and_rounds():
    generator = np.random.default_rng(0)
    kinds = generator.standard_normal((6000, 16)).astype(np.float32)
    which = generator.integers(0, len(kinds), 40_000)
    X = kinds[which] + 1e-3 * generator.standard_normal((40_000, 16)).astype(np.float32)
    found = thinset.deduplicate(X, 0.05)
    first = np.unique(which, return_index=True)[1]
    np.testing.assert_array_equal(found.representatives, np.sort(first))
    np.testing.assert_array_equal(found.groups, first[np.unique(which, return_inverse=True)[1]])
    assert found.sizes.sum() == len(X)
    for n_threads in (1, 3):
        again = thinset.deduplicate(X, 0.05, n_threads=n_threads)
        np.testing.assert_array_equal(again.groups, found.groups)


def many_rows(kind: str, generator: np.random.Generator) -> np.ndarray:
    """Enough rows for boxes of several levels; from 4,096 on, also for a choice of directions."""
    if kind == "cloud":
        return generator.random((1500, 3))
    if kind == "correlated":
        X = generator.standard_normal((4100, 3)) @ generator.standard_normal((3, 18))
        return X + 0.1 * generator.standard_normal(X.shape)
    if kind == "lattice":
        return generator.integers(0, 6, (1500, 5)).astype(float)
    if kind == "copies":
        return np.repeat(generator.standard_normal((150, 20)), 10, axis=0)
    if kind == "magnitudes":
        return generator.standard_normal((1300, 6)) * 10.0 ** generator.integers(-20, 20, (1300, 1))
    return generator.standard_normal((4100, 17))  # apart from each other


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("cloud", "euclidean"),
        ("cloud", "cosine"),
        ("correlated", "cosine"),
        ("lattice", "sqeuclidean"),
        ("copies", "cosine"),
        ("magnitudes", "euclidean"),
        ("apart", "euclidean"),
    ],
)
def test_boxes_and_directions_hide_no_near_row(kind, metric):
    generator = np.random.default_rng(4)
    X = many_rows(kind, generator).astype(np.float32)
    X[:, 0] += np.float32(0.5)
    X[~X.any(axis=1), 0] = 1
    X = X[generator.permutation(len(X))]
    all_distances = np.array([distances(X, x, metric) for x in X])
    limit = max(0.0, float(np.quantile(all_distances[:100], 0.002)))
    near = all_distances <= limit
    # One group for rows that are connected: each takes on the lowest row of its neighbours.
    groups = np.arange(len(X))
    while True:
        lowest = np.array([groups[others].min() for others in near])
        if (lowest == groups).all():
            break
        groups = lowest
    for n_threads in (1, 3):
        found = thinset.deduplicate(X, limit, metric=metric, n_threads=n_threads)
        np.testing.assert_array_equal(found.groups, groups)
    some, others = X[:1000], X[1000:]
    found = thinset.deduplicate(some, limit, metric=metric, against=others)
    between = near[:1000, 1000:]
    right = np.where(between.any(axis=1), between.argmax(axis=1), -1)
    np.testing.assert_array_equal(found.matches, right)


def test_chains_of_links_are_one_group():
    X = np.array([[0.0], [5.0], [1.0], [2.0], [6.5], [3.0]])
    found = thinset.deduplicate(X, 1.0)
    assert found.groups.tolist() == [0, 1, 0, 0, 4, 0]
    assert found.representatives.tolist() == [0, 1, 4]
    assert found.sizes.tolist() == [4, 1, 1]
    assert [group.tolist() for group in found.repeated()] == [[0, 2, 3, 5]]
    assert len(found) == 3


def test_equal_rows_are_one_group_and_need_little_memory():
    X = np.ones((12_000, 4), np.float32)
    assert len(thinset.deduplicate(X, 0.0)) == 1


def test_values_whose_squares_leave_float32_are_measured():
    X = np.array([[1e150, 0.0], [1e150, 1.0], [-1e150, 0.0], [0.0, 0.0], [1e-150, 0.0]])
    np.testing.assert_array_equal(
        thinset.deduplicate(X, 1.0).groups, group_near_duplicates(X, 1.0, "euclidean")
    )


def test_the_column_is_also_that_of_the_other_set(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    X = np.arange(12, dtype=np.float32).reshape(6, 2)
    pq.write_table(pa.table({"a": list(X), "b": list(X[::-1])}), tmp_path / "x.parquet")
    for other, matches in ((tmp_path / "x.parquet", range(6)), (X[4:], [1, 0, -1, -1, -1, -1])):
        found = thinset.deduplicate(tmp_path / "x.parquet", 0, column="b", against=other)
        assert found.matches.tolist() == list(matches)


@pytest.mark.parametrize(
    ("X", "distance", "options", "message"),
    [
        (np.ones((3, 2)), -1.0, {}, "distance must be at least 0, got -1"),
        (np.ones((3, 2)), float("nan"), {}, "distance must be at least 0, got nan"),
        (np.ones((3, 2)), "far", {}, "distance must be a number, got 'far'"),
        (np.ones((3, 2)), 1.0, {"metric": "l1"}, "metric must be one of"),
        (np.ones((3, 2)), 1.0, {"n_threads": 0}, "n_threads must be an int"),
        (np.ones((0, 2)), 1.0, {}, "at least one row"),
        (np.ones(3), 1.0, {}, "2-D"),
        (np.array([[1.0], [np.nan]]), 1.0, {}, "must be finite: row 1, column 0 is nan"),
        (np.array([[1.0], [0.0]]), 1.0, {"metric": "cosine"}, "row 1 is all zeros"),
        (np.ones((3, 2)), 1.0, {"keep": [1, 2]}, "keep must have one entry per row"),
        (np.ones((3, 2)), 1.0, {"keep": "best"}, "keep must have one entry per row"),
        (np.ones((3, 2)), 1.0, {"keep": [1, 2, np.nan]}, "keep .* finite scores: row 2 has nan"),
        (np.ones((3, 2)), 1.0, {"against": np.ones((2, 3))}, "expected 2 of float64, got 3"),
        (np.ones((3, 2)), 1.0, {"against": np.ones((2, 2), "f")}, "element type .* got float32"),
        (np.ones((3, 2)), 1.0, {"against": np.ones(2)}, "against: .*2-D"),
        (np.ones((3, 2)), 1.0, {"against": np.zeros((0, 2))}, "against must have at least one row"),
        (
            np.ones((3, 2)),
            1.0,
            {"against": np.array([[1.0, 1], [np.inf, 1]])},
            "against: embeddings must be finite: row 1, column 0 is inf",
        ),
        (
            np.ones((3, 2)),
            1.0,
            {"against": np.array([[1.0, 1], [0, 0]]), "metric": "cosine"},
            "against: .*row 1 is all zeros",
        ),
    ],
)
def test_bad_input_is_refused(X, distance, options, message):
    with pytest.raises(ValueError, match=message):
        thinset.deduplicate(X, distance, **options)
