"""facility_location under every argument that restricts or weighs it, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import thinset
from exactness.matrices import FAMILIES
from exactness.suite import bits
from oracles.facility_location import choose

_FAMILIES = ("normal", "lattice", "duplicates", "tight_clusters", "near_ties", "decaying_spectrum")
_KERNELS = ("distance", "gaussian", "cosine")
_THREADS = (1, 2, 3, 7)


def _case(seed, *, n=None, largest_k=12):
    """(X, k, keyword arguments) that go together."""
    g = np.random.default_rng(seed)
    n = n or int(g.integers(2, 50))
    d = int(g.integers(1, 12))
    X = FAMILIES[str(g.choice(_FAMILIES))](g, n, d)
    options = {"kernel": str(g.choice(_KERNELS)), "metric": str(g.choice(_METRICS))}
    if options["kernel"] == "cosine" or options["metric"] == "cosine":
        X = np.abs(X) + 0.1
    if options["kernel"] == "gaussian" and g.random() < 0.3:
        options["bandwidth"] = float(g.choice([0.05, 1.0, 20.0]))
    allowed = np.ones(n, bool)
    if g.random() < 0.4:
        options["among"] = g.permutation(n)[: g.integers(1, n + 1)]
        allowed = np.isin(np.arange(n), options["among"])
    if g.random() < 0.4 and allowed.sum() > 1:
        options["exclude"] = g.choice(np.flatnonzero(allowed), int(g.integers(0, allowed.sum())))
        allowed[options["exclude"]] = False
    if g.random() < 0.4:
        options["cover"] = str(g.choice(["all", "candidates"]))
    if g.random() < 0.4:
        kind = int(g.integers(3))
        m = int(g.integers(1, 8))
        options["existing"] = X[g.integers(0, n, m)] + kind * 0.3
    if g.random() < 0.5:
        options["scores"] = (
            g.choice([0.0, 0.5, 1.0, 2.0, 3.3], n) if g.random() < 0.5 else g.random(n)
        )
        options["score_weight"] = float(g.choice([0.0, 1.0, 1.0, 0.5, 2.0]))
        if g.random() < 0.4:
            options["min_score"] = float(np.quantile(options["scores"][allowed], g.random() * 0.5))
            allowed &= options["scores"] >= options["min_score"]
    initial = np.zeros(0, np.int64)
    if g.random() < 0.3:
        initial = g.permutation(n)[: g.integers(0, 3)]
        options["initial_subset"] = initial
    free = allowed.copy()
    free[initial] = False
    k = int(min(largest_k, len(initial) + g.integers(0 if len(initial) else 1, free.sum() + 1)))
    k = max(k, len(initial))
    options = _with_groups_and_costs(g, n, k, initial, free, options)
    if not {"scores", "groups", "costs", "existing"} & options.keys() and g.random() < 0.7:
        options["max_swaps"] = int(g.choice([1, 3, 10**6]))
    return X, k, options


_METRICS = ("euclidean", "sqeuclidean", "cosine")


def _with_groups_and_costs(g, n, k, initial, free, options):
    if g.random() < 0.5:
        options["groups"] = g.integers(0, max(2, n // 3), n) * 5 - 2
        kind = int(g.integers(3))
        if kind == 0 and not len(initial):
            options["whole_groups"] = True
        if kind == 1:
            options["one_per_group_first"] = not len(initial)
        if not options.get("whole_groups") and g.random() < 0.7:
            sizes = np.unique(options["groups"][initial], return_counts=True)[1]
            options["max_per_group"] = int(max(g.integers(1, 4), sizes.max(initial=1)))
        rules = ("whole_groups", "one_per_group_first", "max_per_group")
        if not any(options.get(name) for name in rules):
            options["max_per_group"] = n  # groups need a rule: one that changes nothing
    if g.random() < 0.4:
        options["costs"] = g.integers(1, 9, n) / 4.0 if g.random() < 0.5 else 0.1 + g.random(n)
        floor = options["costs"][initial].sum() + options["costs"][free].min(initial=9.0)
        options["budget"] = float(floor + g.random() * options["costs"].sum())
    return options


def _both(X, k, options, n_threads):
    given_options = dict(options)
    initial = given_options.pop("initial_subset", [])
    found = thinset.select(
        X, k, "facility_location", n_threads=n_threads, initial_subset=initial, **given_options
    )
    if "groups" not in options:
        given_options.pop("one_per_group_first", None)
    return found, choose(X, k, initial=[int(row) for row in initial], **given_options)


def _assert_equal_unless_refused(seed, **shape):
    X, k, options = _case(seed, **shape)
    try:
        found, right = _both(X, k, options, _THREADS[seed % 4])
    except ValueError as refusal:
        # Only these depend on how the rest was drawn.
        if "max_per_group" in str(refusal) or "no row may be chosen" in str(refusal):
            return False
        raise
    rows, gains, spent = right
    assert found.indices.tolist() == rows, (seed, options)
    assert bits(found.gains) == bits(gains), (seed, options)
    if "costs" in options:
        assert found.spent == pytest.approx(spent)
        assert found.spent <= options["budget"]
    return True


@settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.integers(0, 2**32 - 1))
def test_every_combination_equals_the_definition(seed):
    _assert_equal_unless_refused(seed)


def test_most_drawn_cases_are_answered():
    assert sum(_assert_equal_unless_refused(seed) for seed in range(60)) > 45


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(
    max_examples=10_000, deadline=None, database=None, suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.integers(0, 2**32 - 1))
def test_ten_thousand_combinations_equal_the_definition(seed):
    _assert_equal_unless_refused(seed)


@pytest.mark.parametrize("seed", range(12))
def test_bounds_leave_rows_out_rightly(seed):
    assert _assert_equal_unless_refused(seed, n=400, largest_k=30)
