"""Selection methods as their definitions read: float64, one row at a time, nothing clever."""

from __future__ import annotations

import numpy as np

from oracles.random import Random


def distances(X, y, metric):
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    if metric == "cosine":
        return 1.0 - (X * y).sum(1) / (np.sqrt((X * X).sum(1)) * np.sqrt((y * y).sum()))
    squared = ((X - y) ** 2).sum(1)
    return squared if metric == "sqeuclidean" else np.sqrt(squared)


def _first(X, metric):
    X = np.asarray(X, np.float64)
    return int(np.argmax(distances(X, X.mean(0), metric)))


def topk(X, k, *, mode="max", refill=True, drop_constant=False, initial=()):
    X = np.asarray(X, np.float64)
    scores = {"max": X, "min": -X, "abs": np.abs(X)}[mode]
    columns = [j for j in range(X.shape[1]) if not drop_constant or X[:, j].min() != X[:, j].max()]
    # Best first; a stable sort leaves ties with the lower row.
    order = [np.argsort(-scores[:, j], kind="stable") for j in columns]
    chosen, gains = list(initial), [0.0] * len(initial)
    if not refill:
        for turn in range(k - len(initial)):
            b, rank = turn % len(columns), turn // len(columns)
            row = int(order[b][rank])
            if row not in chosen:
                chosen.append(row)
                gains.append(X[row, columns[b]])
        return chosen, gains
    turn = 0
    while len(chosen) < k:
        b = turn % len(columns)
        row = next(int(r) for r in order[b] if int(r) not in chosen)
        chosen.append(row)
        gains.append(X[row, columns[b]])
        turn += 1
    return chosen, gains


def max_sum(X, k, *, metric="euclidean", initial=()):
    sums = np.zeros(len(X))
    chosen, gains = [], []
    while len(chosen) < k:
        if len(chosen) < len(initial):
            row = initial[len(chosen)]
        elif not chosen:
            row = _first(X, metric)
        else:
            free = np.where(np.isin(np.arange(len(X)), chosen), -np.inf, sums)
            row = int(np.argmax(free))
        chosen.append(row)
        gains.append(sums[row])
        sums = sums + distances(X, X[row], metric)
    return chosen, gains


def max_min(X, k, *, metric="euclidean", initial=()):
    nearest = np.full(len(X), np.inf)
    chosen, gains = [], []
    while len(chosen) < k:
        if len(chosen) < len(initial):
            row = initial[len(chosen)]
        elif not chosen:
            row = _first(X, metric)
        else:
            free = np.where(np.isin(np.arange(len(X)), chosen), -np.inf, nearest)
            row = int(np.argmax(free))
        chosen.append(row)
        gains.append(nearest[row])
        nearest = np.minimum(nearest, distances(X, X[row], metric))
    return chosen, gains


def random(n, k, *, seed=0, initial=(), generator=None):
    generator = generator or Random(seed)
    pool = [row for row in range(n) if row not in initial]
    chosen = list(initial)
    for t in range(k - len(initial)):
        swap = t + generator.below(len(pool) - t)
        pool[t], pool[swap] = pool[swap], pool[t]
        chosen.append(pool[t])
    return chosen, [0.0] * k


def kmeans(X, k, *, n_iterations=10, seed=0):
    X = np.asarray(X, np.float64)
    generator = Random(seed)
    centres = _seed_centres(X, k, generator)
    clusters, squared = _assign(X, centres)
    for _ in range(n_iterations):
        centres = np.array([X[clusters == c].mean(0) for c in range(k)])
        before = clusters
        clusters, squared = _assign(X, centres)
        if (clusters == before).all():
            break
    members = [np.flatnonzero(clusters == c) for c in range(k)]
    # The two rows of a pair are equally far from their mean, whatever rounding says.
    picks = [
        (-len(rows), int(rows[np.argmax(squared[rows] <= squared[rows].min() * (1 + 1e-12))]))
        for rows in members
    ]
    picks.sort()
    return [row for _, row in picks], [float(-size) for size, _ in picks]


def _seed_centres(X, k, generator):
    squared = np.full(len(X), np.inf)
    rows = [generator.below(len(X))]
    while len(rows) < k:
        squared = np.minimum(squared, ((X - X[rows[-1]]) ** 2).sum(1))
        total = squared.sum()
        if total > 0:
            passed = np.cumsum(squared) > generator.uniform() * total
            rows.append(int(np.argmax(passed)))
        else:
            rows.append(min(set(range(len(X))) - set(rows)))
    return X[rows]


def _assign(X, centres):
    squared = ((X[:, None, :] - centres[None, :, :]) ** 2).sum(2)
    clusters = squared.argmin(1)
    squared = squared.min(1)
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
