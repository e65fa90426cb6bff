"""Selection methods as their definitions read: float64, one pick at a time, nothing clever.

Sums are added in the order of `oracles.arithmetic`, so that the answers are right to the last bit.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from oracles import arithmetic
from oracles.random import Random

ROWS_PER_SUM_BLOCK = 1024


def ranks(X, y, metric):
    """What orders the rows of X by distance to y: squares for euclidean, whose roots can tie."""
    if metric == "cosine":
        of_both = arithmetic.norms(X) * arithmetic.norms(y[None])[0]
        found = 1.0 - arithmetic.dots(X, y) / of_both
        # What rounding leaves of the distance between equal rows is 0.
        return np.where(found > 2.0**-51, found, 0.0)
    return arithmetic.squared_distances(X, y)


def distances(X, y, metric):
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    return np.sqrt(ranks(X, y, metric)) if metric == "euclidean" else ranks(X, y, metric)


def in_blocks(terms):
    """Sums over the first axis, which is that of rows: in blocks of rows, and these in order."""
    starts = range(0, len(terms), ROWS_PER_SUM_BLOCK)
    sums = [arithmetic.in_order(terms[start : start + ROWS_PER_SUM_BLOCK]) for start in starts]
    return arithmetic.in_order(np.array(sums))


def start(X, metric, weights=None, rows=None):
    """The row of X furthest from the mean of X, as real numbers; the lowest of several.

    `weights` multiply ranks; `rows` are those that may be taken.
    """
    rows = np.arange(len(X)) if rows is None else np.asarray(rows)
    weights = np.ones(len(X)) if weights is None else weights
    sums = arithmetic.sums(X)
    if metric == "cosine" and not any(sums):
        return int(rows[0])
    # Fractions take long: for rows far below the furthest, float64 is enough.
    mean = arithmetic.mean(X)
    if metric == "cosine":
        mean = np.array([float(total / max(map(abs, sums))) for total in sums])
    rough = ranks(X, mean, metric)[rows] * weights[rows]
    slack = 1e-9 * np.abs(rough).max()
    if metric != "cosine":
        slack += 1e-12 * np.square(mean).sum() * weights[rows].max()
    near = rows[rough >= rough.max() - slack]
    if len(near) == 1:
        return int(near[0])
    values = [_exact_rank(X[row], sums, len(X), metric) for row in near]
    values = [Fraction(float(weights[row])) * v for row, v in zip(near, values, strict=True)]
    if metric == "cosine":
        # Roots with 100 digits: what is equal to 60 of them is equal.
        values = [round(value, 60) for value in values]
    return int(near[values.index(max(values))])


def _exact_rank(x, sums, n, metric):
    """Times n^2 for squares."""
    x = [Fraction(float(value)) for value in x]
    if metric != "cosine":
        return sum((n * value - total) ** 2 for value, total in zip(x, sums, strict=True))
    dot = sum(value * total for value, total in zip(x, sums, strict=True))
    square = sum(value * value for value in x) * sum(total * total for total in sums)
    scale = 10**100
    root = math.isqrt(square.numerator * square.denominator * scale * scale)
    return 1 - dot * square.denominator * scale / root


def _best_free(scores, chosen):
    """The row with the highest score that is not chosen yet; the lowest of several."""
    free = scores.copy()
    free[chosen] = -np.inf
    return int(np.argmax(free))


def topk(X, k, *, mode="max", refill=True, drop_constant=False, initial=()):
    X = np.asarray(X, np.float64)
    scores = {"max": X, "min": -X, "abs": np.abs(X)}[mode]
    columns = [j for j in range(X.shape[1]) if not drop_constant or X[:, j].min() != X[:, j].max()]
    if not columns:
        raise ValueError(f"all {X.shape[1]} columns are constant")
    chosen, gains = list(initial), [0.0] * len(initial)
    taken = np.isin(np.arange(len(X)), chosen)
    # Best first, without the initial rows; a stable sort leaves ties with the lower row.
    order = [np.argsort(-scores[:, j], kind="stable") for j in columns]
    order = [rows[~taken[rows]] for rows in order]
    for turn in range(k - len(initial)):
        b, rank = turn % len(columns), turn // len(columns)
        row = order[b][~taken[order[b]]][0] if refill else order[b][rank]
        if not taken[row]:
            taken[row] = True
            chosen.append(int(row))
            gains.append(X[row, columns[b]])
    return chosen, gains


def max_sum(X, k, *, metric="euclidean", initial=(), max_swaps=0):
    X = np.asarray(X, np.float64)
    sums = np.zeros(len(X))
    chosen, gains = [], []
    while len(chosen) < k:
        if len(chosen) < len(initial):
            row = initial[len(chosen)]
        elif not chosen:
            row = start(X, metric)
        else:
            row = _best_free(sums, chosen)
        chosen.append(row)
        gains.append(sums[row])
        sums = sums + distances(X, X[row], metric)
    return swap_for_sum(X, chosen, gains, sums, len(initial), metric, max_swaps)


def swap_for_sum(X, chosen, gains, sums, n_fixed, metric, max_swaps):
    """Best exchanges of one chosen row for another; all pairs are tried."""
    chosen, k = list(chosen), len(chosen)
    objective = sum(gains, 0.0)
    for n_swaps in range(max_swaps + 1):
        free = np.setdiff1d(np.arange(len(X)), chosen)
        out = np.sort(chosen[n_fixed:])
        if n_swaps == max_swaps or not len(free) or not len(out):
            break
        apart = np.array([distances(X[out], X[row], metric) for row in free])
        improvements = (sums[free][:, None] - sums[out][None, :]) - apart
        b, a = np.unravel_index(np.argmax(improvements), improvements.shape)
        if not improvements[b, a] > 1e-12 * max(objective, k * k if metric == "cosine" else 0.0):
            break
        sums = sums - distances(X, X[out[a]], metric) + distances(X, X[free[b]], metric)
        chosen[chosen.index(out[a])] = int(free[b])
        objective += improvements[b, a]
    if n_swaps:
        pairs = [distances(X[chosen[:t]], X[row], metric) for t, row in enumerate(chosen)]
        gains = [float(arithmetic.in_order(terms)) for terms in pairs]
    return chosen, gains


def max_min(X, k, *, metric="euclidean", initial=(), max_swaps=0):
    X = np.asarray(X, np.float64)
    nearest = np.full(len(X), np.inf)
    chosen, gains = [], []
    while len(chosen) < k:
        if len(chosen) < len(initial):
            row = initial[len(chosen)]
        elif not chosen:
            row = start(X, metric)
        else:
            row = _best_free(nearest, chosen)
        chosen.append(row)
        gains.append(np.sqrt(nearest[row]) if metric == "euclidean" else nearest[row])
        nearest = np.minimum(nearest, ranks(X, X[row], metric))
    return swap_for_smallest(X, chosen, gains, len(initial), metric, max_swaps)


def swap_for_smallest(X, chosen, gains, n_fixed, metric, max_swaps):
    """Exchanges of one row of a closest pair for the row furthest from all others."""
    chosen, k = list(chosen), len(chosen)
    if not max_swaps or k < 2 or n_fixed == k or k == len(X):
        return chosen, gains
    to_picks = np.array([ranks(X, X[row], metric) for row in chosen]).T
    n_swaps = 0
    while n_swaps < max_swaps:
        inside = to_picks[chosen]
        np.fill_diagonal(inside, np.inf)
        smallest = inside.min()
        at_it = (inside == smallest).sum(axis=1)
        exchanges = []
        for place in range(n_fixed, k):
            apart = np.delete(to_picks, place, axis=1).min(axis=1)
            apart[chosen] = -np.inf
            row = int(np.argmax(apart))
            if at_it[place] and apart[row] > smallest:
                left = at_it.sum() // 2 - at_it[place]
                exchanges.append((left, -apart[row], row, chosen[place], place))
        if not exchanges:
            break
        *_, row, _, place = min(exchanges)
        chosen[place] = row
        to_picks[:, place] = ranks(X, X[row], metric)
        n_swaps += 1
    if n_swaps:
        before = [to_picks[row, :place].min() for place, row in enumerate(chosen) if place]
        gains = [np.inf, *(np.sqrt(before) if metric == "euclidean" else before)]
    return chosen, gains


def exp_of_minus(x):
    """exp(-x) for x >= 0 by the operations that the library fixes, value by value."""
    n = np.floor(x * float.fromhex("0x1.71547652b82fep+0") + 0.5)
    high, low = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
    t = n * low - (x - n * high)
    total = np.full_like(t, 1.0 / math.factorial(13))
    for i in range(12, -1, -1):
        total = total * t + 1.0 / math.factorial(i)
    return np.where(x <= 708.0, np.ldexp(total, -np.minimum(n, 1022).astype(int)), 0.0)


def median_distance(X, metric):
    """Between 256 rows spread over X: the default bandwidth."""
    X = np.asarray(X, np.float64)
    n = min(len(X), 256)
    X = X[np.arange(n) * len(X) // n]
    found = np.concatenate([ranks(X[:i], y, metric) for i, y in enumerate(X)])
    found = np.sort(np.sqrt(found[found > 0] * (2.0 if metric == "cosine" else 1.0)))
    return float(np.clip(found[(len(found) - 1) // 2], 1e-120, 1e120)) if len(found) else 1.0


def _losses(X, kernel, bandwidth, metric):
    """(N, N): what row i loses if row j represents it: the distance, or minus the similarity."""
    if kernel == "cosine":
        metric = "cosine"
    if kernel != "gaussian":
        return np.array([distances(X, y, metric) for y in X]).T
    halves = 1.0 if metric == "cosine" else 0.5
    exponent = halves / (bandwidth * bandwidth)
    between = np.array([ranks(X, y, metric) for y in X]).T
    with np.errstate(all="ignore"):
        return 0.0 - exp_of_minus(np.maximum(between * exponent, 0.0))


def facility_location(
    X, k, *, metric="euclidean", initial=(), kernel="distance", bandwidth=None, max_swaps=0
):
    X = np.asarray(X, np.float64)
    if kernel == "gaussian" and bandwidth is None:
        bandwidth = median_distance(X, metric)
    between = _losses(X, kernel, bandwidth, metric)
    chosen, gains = _facility_picks(between, k, initial, kernel)
    is_cosine = kernel == "cosine" or (kernel == "distance" and metric == "cosine")
    least_scale = len(X) if is_cosine else 0.0
    free = [row for row in range(len(X)) if row not in chosen[: len(initial)]]
    swapped = swap_medoids(between, chosen, len(initial), free, max_swaps, least_scale)
    return (chosen, gains) if swapped == chosen else _facility_picks(between, k, swapped, kernel)


def _facility_picks(between, k, initial, kernel):
    nearest = np.zeros(len(between)) if kernel == "gaussian" else None
    chosen, gains = [], []
    while len(chosen) < k:
        if nearest is None:
            scores = 0.0 - in_blocks(between)
        else:
            scores = in_blocks(np.maximum(nearest[:, None] - between, 0.0))
        row = initial[len(chosen)] if len(chosen) < len(initial) else _best_free(scores, chosen)
        chosen.append(row)
        gains.append(scores[row])
        if nearest is None and kernel == "cosine":
            gains[0] = in_blocks(1.0 - between[:, row])
        nearest = between[:, row] if nearest is None else np.minimum(nearest, between[:, row])
    return chosen, gains


def swap_medoids(between, chosen, n_fixed, candidates, max_swaps, least_scale):
    """Eager exchanges: candidates take turns; each one's best exchange, if it is worthwhile."""
    chosen, k, n = list(chosen), len(chosen), between.shape[1]
    if k < 2 or k == n or n_fixed == k:
        return chosen
    n_swaps = n_failed = candidate = 0
    state = _medoid_state(between, chosen, least_scale)
    while n_failed < n and n_swaps < max_swaps:
        n_failed += 1
        if candidate in candidates and candidate not in chosen:
            near, second, place, hurdles = state
            loss = between[:, candidate]
            term = np.where(loss < second, second - np.maximum(near, loss), 0.0)
            by_place = in_blocks(np.where(place[:, None] == np.arange(k), term[:, None], 0.0))
            decrease = in_blocks(np.maximum(near - loss, 0.0)) + by_place
            surplus = decrease - hurdles
            best = max(range(n_fixed, k), key=lambda m: (surplus[m], -chosen[m]))
            if surplus[best] > 0:
                chosen[best] = candidate
                state = _medoid_state(between, chosen, least_scale)
                n_swaps, n_failed = n_swaps + 1, 0
        candidate = (candidate + 1) % n
    return chosen


def _medoid_state(between, chosen, least_scale):
    own = between[:, chosen]
    near, second = np.sort(own, axis=1)[:, :2].T
    place = np.argmin(own, axis=1)
    mine = place[:, None] == np.arange(len(chosen))
    removal = in_blocks(np.where(mine, (second - near)[:, None], 0.0))
    scale = max(abs(in_blocks(near)), least_scale)
    return near, second, place, removal + 1e-12 * (scale + removal)


def random(n, k, *, seed=0, initial=(), generator=None):
    generator = generator or Random(seed)
    pool = [row for row in range(n) if row not in initial]
    chosen = list(initial)
    for t in range(k - len(initial)):
        swap = t + generator.below(len(pool) - t)
        pool[t], pool[swap] = pool[swap], pool[t]
        chosen.append(pool[t])
    return chosen, [0.0] * k


def kmeans(X, k, *, n_iterations=10, seeding="kmeans++", seed=0, generator=None):
    X = np.asarray(X, np.float64)
    generator = generator or Random(seed)
    seeds = (
        _seed_rows(X, k, generator)
        if seeding == "kmeans++"
        else random(len(X), k, generator=generator)[0]
    )
    centres = X[seeds]
    clusters, squared = _assign(X, centres)
    for _ in range(n_iterations):
        centres = _centres(X, clusters, k)
        before = clusters
        clusters, squared = _assign(X, centres)
        if (clusters == before).all():
            break
    return _representatives(clusters, squared, k)


def _centres(X, clusters, k):
    sums = np.array([sum_of_parts(X[clusters == c], np.abs(X).max(0), len(X)) for c in range(k)])
    return sums / np.bincount(clusters, minlength=k)[:, None]


def sum_of_parts(terms, largest, n):
    """The sum over the first axis of terms that are rounded so far that float64 adds n exactly.

    Each is split into a high part, a multiple of u, and a low part, a multiple of v, with n terms
    of magnitude `largest` below 2^53 u, and n times u / 2 below 2^53 v; the rest is dropped.
    """
    exponent = np.where(largest > 0, np.frexp(largest)[1], -1073)
    bits = max(1, int(n - 1).bit_length())
    high = np.maximum(exponent + bits - 52, -1074)
    low = np.maximum(high - 1 + bits - 52, -1074)
    of_high = _rounded_to(terms, high)
    of_low = _rounded_to(terms - of_high, low)
    # In any order: all partial sums are exact.
    return np.sum(of_high[::-1], axis=0) + np.sum(of_low[::-1], axis=0)


def _rounded_to(terms, exponent):
    """To multiples of 2^exponent, ties to even: the rest does not fit beside 1.5 * 2^52 of them."""
    shift = np.ldexp(1.5, exponent + 52)
    return (terms + shift) - shift


def _representatives(clusters, squared, k):
    members = [np.flatnonzero(clusters == c) for c in range(k)]
    # The two rows of a pair are equally far from their mean, whatever rounding says.
    picks = [
        (-len(rows), int(rows[np.argmax(squared[rows] <= squared[rows].min() * (1 + 1e-12))]))
        for rows in members
    ]
    picks.sort()
    return [row for _, row in picks], [float(-size) for size, _ in picks]


def _seed_rows(X, k, generator):
    squared = np.full(len(X), np.inf)
    rows = [generator.below(len(X))]
    exponent = None
    while len(rows) < k:
        squared = np.minimum(squared, arithmetic.squared_distances(X, X[rows[-1]]))
        exponent = _scale_exponent(squared.max(), len(X), exponent)
        weights = np.floor(np.ldexp(squared, exponent or 0)).astype(np.int64)
        total = sum(weights.tolist())
        if total > 0:
            target = generator.below(total)
            rows.append(int(np.argmax(np.cumsum(weights) > target)))
        else:
            rows.append(min(set(range(len(X))) - set(rows)))
    return rows


def _scale_exponent(largest, n, before):
    """Of the power of two that makes weights integers: n of the largest add up to less than 2^63.

    It stays until the largest squared distance has fallen to less than a sixteenth.
    """
    if largest == 0:
        return before
    exponent = min(63 - int(n - 1).bit_length() - np.frexp(largest)[1], 1000)
    return before if before is not None and exponent <= before + 4 else exponent


def _assign(X, centres):
    squared = np.full(len(X), np.inf)
    clusters = np.zeros(len(X), np.int64)
    for c, centre in enumerate(centres):
        to_centre = arithmetic.squared_distances(X, centre)
        nearer = to_centre < squared
        clusters[nearer], squared[nearer] = c, to_centre[nearer]
    for c in range(len(centres)):
        if not (clusters == c).any():
            sizes = np.bincount(clusters, minlength=len(centres))
            movable = np.where(sizes[clusters] > 1, squared, -np.inf)
            row = int(np.argmax(movable))
            clusters[row], squared[row] = c, 0.0
    return clusters, squared


def class_budgets(labels, k, per_class):
    labels = np.asarray(labels)
    classes, sizes = np.unique(labels, return_counts=True)
    if per_class == "proportional":
        exact = [k * int(size) for size in sizes]
        budgets = [value // len(labels) for value in exact]
        remainders = [value % len(labels) for value in exact]
        order = sorted(range(len(classes)), key=lambda c: (-remainders[c], c))
        for c in order[: k - sum(budgets)]:
            budgets[c] += 1
        return dict(zip(classes.tolist(), budgets, strict=True))
    # Balanced: hand out one row at a time to the class with the smallest budget that has rows left.
    budgets = [0] * len(classes)
    for _ in range(k):
        open_classes = [c for c in range(len(classes)) if budgets[c] < sizes[c]]
        budgets[min(open_classes, key=lambda c: (budgets[c], c))] += 1
    return dict(zip(classes.tolist(), budgets, strict=True))


def per_class(labels, k, kind, choose):
    """`choose(rows, budget)` -> (positions, gains) inside one class."""
    labels = np.asarray(labels)
    places = []
    for c, (label, budget) in enumerate(class_budgets(labels, k, kind).items()):
        if budget == 0:
            continue
        rows = np.flatnonzero(labels == label)
        positions, gains = choose(rows, budget)
        for t, (position, gain) in enumerate(zip(positions, gains, strict=True)):
            places.append(((2 * t + 1) / budget, c, int(rows[position]), gain))
    places.sort(key=lambda place: place[:2])
    return [row for *_, row, _ in places], [gain for *_, gain in places]
