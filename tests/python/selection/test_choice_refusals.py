"""What is refused of rows left out, rows elsewhere, scores, groups, costs and ids."""

from __future__ import annotations

import numpy as np
import pytest

import thinset

N = 400


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(3).standard_normal((N, 12)).astype(np.float32)


NAN = np.where(np.arange(N) == 17, np.nan, 1.0)
NEGATIVE = np.where(np.arange(N) == 17, -0.5, 1.0)
ZERO = np.where(np.arange(N) == 17, 0.0, 1.0)
ONES = np.ones(N)
GROUPS = np.arange(N) % 10


@pytest.mark.parametrize(
    ("n", "method", "terms", "message"),
    [
        (
            5,
            "max_min",
            {"exclude": [3, N]},
            "exclude must hold rows in .0, 400.: position 1 holds 400",
        ),
        (5, "max_min", {"among": [-1]}, "among must hold rows in .*: position 0 holds -1"),
        (
            5,
            "max_min",
            {"exclude": np.ones(7, bool)},
            "exclude as a mask must have one entry per row",
        ),
        (5, "max_min", {"exclude": [0.5]}, "exclude must be integers"),
        (5, "topk", {"among": []}, "no row may be chosen: among leaves out 400"),
        (
            50,
            "kmeans",
            {"among": range(60), "exclude": range(20)},
            "only 40 of the 400 rows may be chosen: among leaves out 340, exclude leaves out 20",
        ),
        (
            5,
            "max_min",
            {"existing": np.ones((3, 5), np.float32)},
            "existing must have as many columns .* 12, got 5",
        ),
        (
            5,
            "max_min",
            {"existing": np.ones((3, 12))},
            "existing must have the element type .* float32, got float64",
        ),
        (
            5,
            "max_min",
            {"existing": np.full((3, 12), np.nan, np.float32)},
            "existing: .*row 0, column 0 is nan",
        ),
        (
            5,
            "max_min",
            {"existing": np.ones((0, 12), np.float32)},
            "existing must have at least one row",
        ),
        (
            5,
            "topk",
            {"existing": np.ones((3, 12), np.float32)},
            "topk .* takes no existing; use max_min, or .* exclude",
        ),
        (5, "kmeans", {"existing": np.ones((3, 12), np.float32)}, "kmeans .* takes no existing"),
        (5, "random", {"existing": np.ones((3, 12), np.float32)}, "random .* takes no existing"),
        (5, "max_sum", {"scores": NAN}, "scores must be finite: row 17 has nan"),
        (5, "max_sum", {"scores": NEGATIVE}, "scores must not be negative: row 17 has -0.5"),
        (5, "max_min", {"scores": ZERO}, "max_min .* must be positive: row 17 has 0"),
        (
            5,
            "max_min",
            {"scores": ONES[:9]},
            "scores must have one entry per row: expected 400, got 9",
        ),
        (
            5,
            "max_min",
            {"scores": ONES, "score_weight": -1},
            "score_weight must be a finite number of at least 0",
        ),
        (5, "max_min", {"score_weight": 1.0}, "score_weight needs scores"),
        (5, "max_min", {"min_score": 1.0}, "min_score needs scores"),
        (5, "topk", {"scores": ZERO + 1e-70}, "within a factor of 1e60 of the largest: row 17"),
        (
            5,
            "topk",
            {"scores": ONES * 1e200, "score_weight": 2},
            "must be finite: row 0 has 1e.200",
        ),
        (5, "topk", {"scores": ["a"] * N}, "scores must be numbers"),
        (
            5,
            "topk",
            {"scores": [1.0, None]},
            "scores must have an entry for every row: row 1 has N",
        ),
        (
            50,
            "topk",
            {"groups": GROUPS, "max_per_group": 3},
            "max_per_group = 3 allows only 30 rows of 10 groups",
        ),
        (
            5,
            "topk",
            {"groups": GROUPS, "max_per_group": 0},
            "max_per_group must be an int of at least 1",
        ),
        (5, "topk", {"max_per_group": 2}, "max_per_group needs groups"),
        (
            5,
            "topk",
            {"groups": GROUPS},
            "groups change nothing without max_per_group, whole_groups",
        ),
        (5, "random", {"groups": GROUPS}, "groups change nothing without max_per_group, whole_gr"),
        (
            5,
            "topk",
            {"groups": GROUPS[:5], "max_per_group": 2},
            "groups must have one entry per row",
        ),
        (
            5,
            "topk",
            {"groups": GROUPS, "whole_groups": True},
            "no row may be chosen: every group has more rows",
        ),
        (50, "kmeans", {"groups": GROUPS, "whole_groups": True}, "kmeans .* takes no whole_groups"),
        (
            50,
            "max_min",
            {"groups": GROUPS, "whole_groups": True, "initial_subset": [3]},
            "needs all rows .* holds 1 of the 40 rows of the group of row 3",
        ),
        (
            5,
            "max_min",
            {"groups": GROUPS, "max_per_group": 1, "initial_subset": [3, 13]},
            "holds 2 rows of the group of row 3, but max_per_group is 1",
        ),
        (5, "topk", {"costs": ONES}, "costs need a budget"),
        (5, "topk", {"budget": 3}, "budget needs costs"),
        (
            5,
            "topk",
            {"costs": ZERO, "budget": 3},
            "costs must be positive and finite: row 17 has 0",
        ),
        (
            5,
            "topk",
            {"costs": ONES, "budget": 0.5},
            "budget must be at least .* row 0 costs 1, got a budget of 0.5",
        ),
        (
            5,
            "topk",
            {"costs": ONES, "budget": 2, "initial_subset": [1, 2, 3]},
            "initial_subset counts towards budget = 2 but costs 3",
        ),
        (None, "topk", {}, "got None; give a budget or a min_distance"),
        (None, "kmeans", {"costs": ONES, "budget": 9}, "kmeans needs n_samples"),
        (
            5,
            "max_sum",
            {"min_distance": 1.0},
            "min_distance applies only to max_min; this method is max_sum",
        ),
        (
            5,
            "max_min",
            {"min_distance": -1.0},
            "min_distance must be a finite number of at least 0",
        ),
        (5, "max_min", {"cover": "all"}, "cover applies only to facility_location and kmeans"),
        (5, "max_sum", {"scores": ONES, "max_swaps": 3}, "max_swaps does not combine with"),
        (
            5,
            "max_min",
            {"min_distance": 0.1, "max_swaps": 3},
            "max_swaps does not combine with min_distance",
        ),
        (
            5,
            "facility_location",
            {"groups": np.arange(N), "max_per_group": 1, "max_swaps": 3},
            "max_swaps does not combine with",
        ),
        (
            5,
            "topk",
            {"ids": np.zeros(N, int)},
            "ids must all be different: rows 0 and 1 both have 0",
        ),
        (5, "topk", {"ids": ["a"]}, "ids must have one entry per row: expected 400, got 1"),
        (
            5,
            "topk",
            {"ids": [*range(N - 1), "399"]},
            r"ids must be all integers or all text: row 0 has 0 among texts; list\(map\(str, ids",
        ),
        (
            5,
            "topk",
            {"groups": ["a", float("nan")] * (N // 2), "max_per_group": 5},
            "groups must have an entry for every row: row 1 has nan",
        ),
        (5, "topk", {"ids": ["a"] * 9 + [None]}, "ids .* entry for every row: row 9 has None"),
        (5, "topk", {"ids": ["b", "a\0"]}, r"ids must not end with null .*: row 1 has 'a.x00'"),
        (
            5,
            "topk",
            {"groups": np.array(["a", "a\0"], object), "max_per_group": 1},
            "groups must not end with null characters: row 1",
        ),
        (5, "topk", {"ids": ["a", b"a"]}, "ids must be all integers or all text: row 1 has b'a'"),
        (5, "max_min", {"existing_column": "emb"}, "existing_column needs existing"),
        (
            5,
            "max_min",
            {"existing": np.ones((3, 12), np.float32), "existing_column": "emb"},
            "existing: column='emb' does not apply to ndarray",
        ),
        (
            5,
            "topk",
            {"groups": np.array(["a", None], object), "max_per_group": 1},
            "groups must have an entry for every row: row 1 has None",
        ),
        (5, "topk", {"groups": ONES, "max_per_group": 1}, r"or text, got float64; .*map\(str"),
        (None, "max_min", {"costs": ONES, "budget": 10**400}, "budget must be a number, got 1000"),
        (None, "max_min", {"min_distance": 10**400}, "min_distance must be a number, got 1000"),
        (
            5,
            "max_min",
            {"scores": ONES * 0.5, "score_weight": 1e6},
            "score_weight must not underflow: row 0 has 0.5",
        ),
        (
            5,
            "random",
            {"scores": ONES * 0.5, "score_weight": 1e6},
            "score_weight must not underflow: row 0 has 0.5",
        ),
        (
            5,
            "max_min",
            {"scores": ONES * 1e-300, "costs": ONES * 1e300, "budget": 1e302},
            "divided by costs must .* not underflow: row 0",
        ),
        (
            5,
            "max_sum",
            {"costs": np.where(np.arange(N) == 17, 1e70, 1.0), "budget": 1e71},
            "divided by costs must be within a factor of 1e60 .*: row 17 has 1e-70",
        ),
    ],
)
def test_refusals(X, n, method, terms, message):
    with pytest.raises(ValueError, match=message):
        thinset.select(X, n, method, **terms)


@pytest.mark.parametrize("method", ["topk", "max_min", "max_sum", "facility_location", "random"])
@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"exclude": [0]},
        {"exclude": [4, 5]},
        {"among": [1, 2, 3, 5]},
        {"scores": np.ones(6)},
        {"groups": np.arange(6), "max_per_group": 1},
        {"dedup_distance": 0.5},
    ],
)
def test_initial_rows_of_a_class_without_a_budget_are_not_lost(method, terms):
    rows = np.arange(6.0).reshape(6, 1)
    classes = {"labels": [0, 0, 1, 1, 2, 2], "per_class": "balanced"}
    with pytest.raises(ValueError, match="initial_subset holds 1 rows of class 2, whose budget is"):
        thinset.select(rows, 2, method, initial_subset=[5], **classes, **terms)
