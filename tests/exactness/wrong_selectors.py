"""Selectors that are wrong, or nearly right: the suite must tell every one of them.

Each is a function (case, X, k, rows chosen before, generator) -> (indices, gains), as in
`answers.ORACLES`, for the methods that it is listed with.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exactness.answers import ORACLES
from oracles import selection as oracle


def right(case, X, k, initial, generator):
    return ORACLES[case.method](case, X, k, initial, generator)


def secretly_random(case, X, k, initial, generator):
    """Honest about the gains of the rows it took; with the oracle's numbers where it is random."""
    rows, _ = oracle.random(len(X), k, seed=case.seed + 1, initial=initial)
    if case.method in ("max_sum", "max_min"):
        return getattr(oracle, case.method)(X, k, metric=case.metric, initial=rows)
    return rows, right(case, X, k, initial, generator)[1]


def first_k(case, X, k, initial, generator):
    rows = [*initial, *(row for row in range(len(X)) if row not in initial)][:k]
    return rows, right(case, X, k, initial, generator)[1]


def ties_to_the_higher_row(case, X, k, initial, generator):
    rows, gains = right(case, X[::-1], k, [len(X) - 1 - row for row in initial], generator)
    return [len(X) - 1 - row for row in rows], gains


def off_by_one_near_the_end(case, X, k, initial, generator):
    """Each pick but the last is right; that is the next free row, or stands one place early."""
    rows, gains = right(case, X, k, initial, generator)
    if len(rows) == k:
        free = sorted(set(range(len(X))) - set(rows))
        rows[-1:] = free[:1] or rows[-1:]
        if not free:
            rows[-2:] = rows[-2:][::-1]
    return rows, gains


def gains_off_by_one_bit(case, X, k, initial, generator):
    rows, gains = right(case, X, k, initial, generator)
    return rows, [*gains[:-1], np.nextafter(gains[-1], -np.inf)] if gains else gains


def ignores_the_initial_subset(case, X, k, initial, generator):
    """Lists the rows chosen before and keeps their distances out of the scores."""
    rows, gains = right(case, X, k, initial, generator)
    free = np.setdiff1d(np.arange(len(X)), initial)
    if len(initial) in (0, k):
        return rows, gains
    more, more_gains = right(case, X[free], k - len(initial), [], generator)
    return [*initial, *free[more].tolist()], [*gains[: len(initial)], *more_gains]


def makes_no_exchanges(case, X, k, initial, generator):
    options = {**case.options, "max_swaps": 0}
    return right(replace(case, options=options), X, k, initial, generator)


def one_exchange_short(case, X, k, initial, generator):
    options = {**case.options, "max_swaps": max(0, case.options["max_swaps"] - 1)}
    return right(replace(case, options=options), X, k, initial, generator)


def _greedy(case, X, k, initial, scores, update):
    """The greedy loop of max_sum and max_min: `update(scores, row)` after every pick."""
    rows, gains = [], []
    for t in range(k):
        if t < len(initial):
            row = initial[t]
        elif not rows:
            row = oracle.max_min(X, 1, metric=case.metric)[0][0]
        else:
            free = scores.copy()
            free[rows] = -np.inf
            row = int(np.argmax(free))
        rows.append(row)
        gains.append(float(scores[row]))
        scores = update(scores, row)
    return rows, gains


def _exchanged(case, X, rows, gains, initial):
    """The exchanges of max_min, after picks that may be wrong."""
    swaps = case.options["max_swaps"]
    return oracle.swap_for_smallest(X, rows, gains, len(initial), case.metric, swaps)


def float32_sums(case, X, k, initial, generator):
    """max_sum that adds float64 distances up in float32."""

    def update(sums, row):
        return (sums + oracle.distances(X, X[row], case.metric)).astype(np.float32).astype(float)

    with np.errstate(over="ignore"):
        return _greedy(case, X, k, initial, np.zeros(len(X)), update)


def sums_in_another_order(case, X, k, initial, generator):
    """max_sum with NumPy's order of summation, which pairs the terms up."""

    def update(sums, row):
        if case.metric == "cosine":
            lengths = np.sqrt((X * X).sum(1))
            return sums + (1.0 - (X * X[row]).sum(1) / (lengths * lengths[row]))
        squares = ((X - X[row]) ** 2).sum(1)
        return sums + (np.sqrt(squares) if case.metric == "euclidean" else squares)

    return _greedy(case, X, k, initial, np.zeros(len(X)), update)


def float32_distances(case, X, k, initial, generator):
    """max_min that screens rows with float32 squares and no margin; its gains are in float64."""
    narrow = X.astype(np.float32)

    def update(nearest, row):
        if case.metric == "cosine":
            return np.minimum(nearest, oracle.ranks(X, X[row], "cosine"))
        return np.minimum(nearest, ((narrow - narrow[row]) ** 2).sum(1))

    with np.errstate(over="ignore"):
        rows, _ = _greedy(case, X, k, initial, np.full(len(X), np.inf), update)
    return _exchanged(case, X, *oracle.max_min(X, k, metric=case.metric, initial=rows), initial)


def compares_roots(case, X, k, initial, generator):
    """max_min that takes roots before it compares: they tie where squares differ."""

    def update(nearest, row):
        return np.minimum(nearest, oracle.distances(X, X[row], case.metric))

    greedy = _greedy(case, X, k, initial, np.full(len(X), np.inf), update)
    return _exchanged(case, X, *greedy, initial)


def lazy(slack):
    """max_min that brings a row up to date only where its old distance can still win.

    With slack 0 it is right; otherwise the old distance counts as smaller by that share.
    """

    def select(case, X, k, initial, generator):
        nearest, seen = np.full(len(X), np.inf), np.zeros(len(X), int)
        rows, gains = [], []

        def refresh(i):
            for row in rows[seen[i] :]:
                nearest[i] = min(nearest[i], oracle.ranks(X[i : i + 1], X[row], case.metric)[0])
            seen[i] = len(rows)

        def furthest():
            best, best_row = -np.inf, len(X)
            for i in np.argsort(-nearest, kind="stable").tolist():
                if nearest[i] * (1 - slack) < best:
                    break
                if i in rows:
                    continue
                refresh(i)
                if nearest[i] > best or (nearest[i] == best and i < best_row):
                    best, best_row = nearest[i], i
            return best_row

        for t in range(k):
            if t < len(initial):
                row = initial[t]
                refresh(row)
            else:
                row = furthest() if rows else oracle.max_min(X, 1, metric=case.metric)[0][0]
            rows.append(row)
            gains.append(float(nearest[row]))
        if case.metric == "euclidean":
            gains = np.sqrt(gains).tolist()
        return _exchanged(case, X, rows, gains, initial)

    return select


def never_refills(case, X, k, initial, generator):
    return oracle.topk(X, k, initial=initial, **{**case.options, "refill": False})


def always_refills(case, X, k, initial, generator):
    return oracle.topk(X, k, initial=initial, **{**case.options, "refill": True})


def keeps_constant_columns(case, X, k, initial, generator):
    return oracle.topk(X, k, initial=initial, **{**case.options, "drop_constant": False})


def boards_too_shallow(case, X, k, initial, generator):
    """topk that never looks below twice the rounds in an element; other rows come in row order."""
    rows, gains = right(case, X, k, initial, generator)
    if not case.options["refill"]:
        return rows, gains
    scores = {"max": X, "min": -X, "abs": np.abs(X)}[case.options["mode"]]
    depth = 2 * (k // X.shape[1] + 1)
    on_boards = set(np.argsort(-scores, axis=0, kind="stable")[:depth].ravel().tolist())
    kept = [row for row in rows if row in on_boards or row in initial]
    return [*kept, *(row for row in range(len(X)) if row not in kept)][:k], gains


def one_iteration_short(case, X, k, initial, generator):
    fewer = max(0, case.options["n_iterations"] - 1)
    return oracle.kmeans(X, k, n_iterations=fewer, generator=generator)


def stale_clusters(case, X, k, initial, generator):
    """k-means that keeps a row where it is while its squared distance grows by less than 1 %."""
    centres = X[oracle._seed_rows(X, k, generator)]
    clusters, squared = oracle._assign(X, centres)
    for _ in range(case.options["n_iterations"]):
        centres = oracle._centres(X, clusters, k)
        own = np.array([oracle.ranks(X, centre, "sqeuclidean") for centre in centres])
        own = own[clusters, np.arange(len(X))]
        fresh, fresh_squared = oracle._assign(X, centres)
        kept = own <= 1.01 * squared
        clusters, squared = np.where(kept, clusters, fresh), np.where(kept, own, fresh_squared)
        if len(np.unique(clusters)) < k:
            clusters, squared = fresh, fresh_squared
    return oracle._representatives(clusters, squared, k)


def seeds_by_distance(case, X, k, initial, generator):
    """k-means whose seeds are drawn by distance, not by its square."""
    rows, squared = [generator.below(len(X))], np.full(len(X), np.inf)
    while len(rows) < k:
        squared = np.minimum(squared, oracle.ranks(X, X[rows[-1]], "sqeuclidean"))
        weights = np.sqrt(squared)
        if weights.sum() > 0:
            passed = np.cumsum(weights) > generator.uniform() * weights.sum()
            rows.append(int(np.argmax(passed)))
        else:
            rows.append(min(set(range(len(X))) - set(rows)))
    return oracle._representatives(*oracle._assign(X, X[rows]), k)


_GREEDY = ("max_sum", "max_min")
_ALL = tuple(ORACLES)

# What must fail, and for which methods.
WRONG = {
    "secretly random": (secretly_random, _ALL),
    "first k": (first_k, _ALL),
    "off by one near the end": (off_by_one_near_the_end, _ALL),
    "gains off by one bit": (gains_off_by_one_bit, _ALL),
    "ties to the higher row": (ties_to_the_higher_row, ("topk", *_GREEDY)),
    "ignores the initial subset": (ignores_the_initial_subset, _GREEDY),
    "makes no exchanges": (makes_no_exchanges, ("max_sum", "max_min", "facility_location")),
    "one exchange short": (one_exchange_short, ("max_sum", "max_min")),
    "float32 sums": (float32_sums, ("max_sum",)),
    "sums in another order": (sums_in_another_order, ("max_sum",)),
    "float32 distances": (float32_distances, ("max_min",)),
    "compares roots": (compares_roots, ("max_min",)),
    "bound 1 % too small": (lazy(0.01), ("max_min",)),
    "bound 1e-6 too small": (lazy(1e-6), ("max_min",)),
    "never refills": (never_refills, ("topk",)),
    "always refills": (always_refills, ("topk",)),
    "keeps constant columns": (keeps_constant_columns, ("topk",)),
    "boards too shallow": (boards_too_shallow, ("topk",)),
    "one iteration short": (one_iteration_short, ("kmeans",)),
    "stale clusters": (stale_clusters, ("kmeans",)),
    "seeds by distance": (seeds_by_distance, ("kmeans",)),
}
