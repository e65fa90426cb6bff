"""Selections on terms as their definitions read: what is open is worked out anew for every pick."""

from __future__ import annotations

import math

import numpy as np

from oracles import arithmetic
from oracles import selection as plain
from oracles.random import Random


class TooFewRowsError(ValueError):
    """The terms do not allow as many rows as asked for."""


class Terms:
    """The arguments of one selection, for rows of the whole matrix."""

    def __init__(
        self, n, *, initial=(), exclude=None, among=None, scores=None, score_weight=None,
        min_score=None, groups=None, max_per_group=None, whole_groups=False, costs=None,
        budget=None, method="topk",
    ):  # fmt: skip
        allowed = np.ones(n, bool)
        if among is not None:
            allowed[:] = False
            allowed[among] = True
        if exclude is not None:
            allowed[exclude] = False
        if min_score is not None:
            allowed &= ~(scores < min_score)
        weight = 1.0 if score_weight is None else score_weight
        self.factors = np.ones(n)
        self.has_factors = scores is not None and weight > 0
        if self.has_factors:
            if method == "random":
                allowed &= scores != 0
            usable = np.where(allowed, scores, 1.0)
            self.factors = np.array([s if weight == 1 else math.pow(s, weight) for s in usable])
        self.initial = list(initial)
        self.allowed = allowed
        self.allowed_or_initial = allowed.copy()
        self.allowed_or_initial[self.initial] = True
        self.groups, self.most, self.whole = groups, max_per_group, whole_groups
        self.costs, self.budget = costs, budget
        self.chosen, self.spent, self.counts = [], 0.0, {}
        self.left = None
        # Of a whole group: its rows that may be picked, from the start.
        self.units = None
        if whole_groups:
            self.units = {
                g: np.flatnonzero((groups == g) & self.allowed_or_initial) for g in set(groups)
            }
        weights = self.factors if costs is None else self.factors / costs
        largest = weights[allowed].max() if allowed.any() else 1.0
        self.has_weights = self.has_factors or costs is not None
        self.weights = np.ones(n)
        if self.has_weights:
            exponent = math.frexp(largest)[1] - 1 if largest > 0 else 0
            self.weights = np.array([math.ldexp(w, -exponent) for w in weights])

    def take(self, row):
        self.chosen.append(row)
        if self.groups is not None:
            g = self.groups[row]
            self.counts[g] = self.counts.get(g, 0) + 1
        if self.costs is not None and not self.whole:
            self.spent += self.costs[row]

    def begin(self, group):
        """A whole group is picked."""
        self.left -= len(self.units[group])
        if self.costs is not None:
            self.spent += self._cost_of(group)

    def _cost_of(self, group):
        return float(arithmetic.in_order(self.costs[self.units[group]]))

    def open(self):
        """(n,) the rows that may be picked next."""
        is_open = self.allowed_or_initial.copy()
        is_open[self.chosen] = False
        if self.most is not None:
            full = [g for g, count in self.counts.items() if count >= self.most]
            is_open &= ~np.isin(self.groups, full)
        if self.whole:
            for g, rows in self.units.items():
                too_large = len(rows) > self.left
                too_dear = self.costs is not None and self.spent + self._cost_of(g) > self.budget
                if too_large or too_dear:
                    is_open[rows] = False
        elif self.costs is not None:
            is_open &= self.spent + self.costs <= self.budget
        return is_open

    def companions(self, row):
        if not self.whole:
            return []
        return [other for other in self.units[self.groups[row]].tolist() if other != row]


def _best(values, is_open):
    """The open row of the largest value, the lowest of several; None if none is open."""
    if not is_open.any():
        return None
    return int(np.argmax(np.where(is_open, values, -np.inf)))


class _Greedy:
    """max_min or max_sum: what each row is worth, given the picks."""

    def __init__(self, X, terms, method, metric, existing, min_distance):
        self.X, self.terms, self.method, self.metric = X, terms, method, metric
        self.min_distance = min_distance
        n = len(X)
        self.state = np.full(n, np.inf) if method == "max_min" else np.zeros(n)
        self.has_picks = False
        for row in () if existing is None else existing:
            self.see(np.asarray(row, np.float64))

    def see(self, point):
        self.has_picks = True
        if self.method == "max_min":
            self.state = np.minimum(self.state, plain.ranks(self.X, point, self.metric))
        else:
            self.state = self.state + plain.distances(self.X, point, self.metric)

    def gain(self, row, _hint):
        root = self.method == "max_min" and self.metric == "euclidean"
        value = np.sqrt(self.state[row]) if root else self.state[row]
        return float(value * self.terms.factors[row])

    def next(self, is_open):
        weights = self.terms.weights
        squared = weights * weights if self.metric == "euclidean" else weights
        if not self.has_picks:
            if not is_open.any():
                return None, None
            seen = np.flatnonzero(self.terms.allowed_or_initial)
            places = np.flatnonzero(is_open[seen])
            place = plain.start(self.X[seen], self.metric, squared[seen], places)
            return int(seen[place]), None
        if self.method == "max_sum":
            return _best(self.state * weights, is_open), None
        if self.min_distance is not None:
            distance = np.sqrt(self.state) if self.metric == "euclidean" else self.state
            is_open = is_open & (distance > self.min_distance)
        return _best(self.state * squared, is_open), None


class _TopK:
    """Elements in turn."""

    def __init__(self, X, terms, mode="max", refill=True, drop_constant=False):
        self.X, self.terms, self.refill = X, terms, refill
        rows = X[terms.allowed_or_initial]
        self.columns = [
            j
            for j in range(X.shape[1])
            if not drop_constant or rows[:, j].min() != rows[:, j].max()
        ]
        if not self.columns:
            raise ValueError("columns are constant")
        signed = {"max": X, "min": 0.0 - X, "abs": np.abs(X)}[mode]
        self.strengths = signed * terms.weights[:, None]
        self.turn = 0
        self.order = None

    def see(self, point):
        pass

    def gain(self, row, column):
        return 0.0 if column is None else float(self.X[row, column] * self.terms.factors[row])

    def next(self, is_open):
        column = self.columns[self.turn % len(self.columns)]
        rank = self.turn // len(self.columns)
        self.turn += 1
        if self.refill:
            return _best(self.strengths[:, column], is_open), column
        if self.order is None:
            at_start = np.flatnonzero(is_open)
            self.order = {
                j: at_start[np.argsort(-self.strengths[at_start, j], kind="stable")]
                for j in self.columns
            }
        order = self.order[column]
        row = int(order[rank]) if rank < len(order) else None
        return (row if row is not None and is_open[row] else None), column


class _Draws:
    """Rows at random: evenly from a shuffled pool, or by the sums of a binary tree."""

    def __init__(self, terms, generator):
        self.terms, self.generator, self.pool = terms, generator, None

    def see(self, point):
        pass

    def gain(self, _row, _hint):
        return 0.0

    def next(self, is_open):
        if self.pool is None:
            self.pool = np.flatnonzero(is_open).tolist()
            self.drawn = 0
            self.left = dict.fromkeys(self.pool, True)
        while True:
            row = self._by_factor() if self.terms.has_factors else self._evenly()
            if row is None or is_open[row]:
                return row, None

    def _evenly(self):
        if self.drawn == len(self.pool):
            return None
        other = self.drawn + self.generator.below(len(self.pool) - self.drawn)
        self.pool[self.drawn], self.pool[other] = self.pool[other], self.pool[self.drawn]
        self.drawn += 1
        return self.pool[self.drawn - 1]

    def _by_factor(self):
        factors = self.terms.factors[self.pool]
        if not len(factors) or not any(self.left[row] for row in self.pool):
            return None
        exponent = math.frexp(factors.max())[1] - 1
        leaves = [
            math.ldexp(f, -exponent) if self.left[row] else 0.0
            for f, row in zip(factors.tolist(), self.pool, strict=True)
        ]
        leaves += [0.0] * ((1 << (len(leaves) - 1).bit_length()) - len(leaves))
        levels = [leaves]
        while len(levels[-1]) > 1:
            below = levels[-1]
            levels.append([below[i] + below[i + 1] for i in range(0, len(below), 2)])
        target, node = self.generator.uniform() * levels[-1][0], 0
        for level in levels[-2::-1]:
            left, right = level[2 * node], level[2 * node + 1]
            if target < left or not right > 0:
                node = 2 * node
            else:
                target, node = target - left, 2 * node + 1
        self.left[self.pool[node]] = False
        return self.pool[node]


def choose(
    X, k, method, *, metric="euclidean", initial=(), existing=None, one_per_group_first=False,
    min_distance=None, seed=0, generator=None, counts=None, options=None, **arguments,
):  # fmt: skip
    """(rows, gains, spent). `counts`: picks of each group so far, which are updated."""
    X = np.asarray(X, np.float64)
    generator = generator or Random(seed)
    options = options or {}
    arguments["initial"] = initial
    if method == "kmeans":
        return _kmeans(X, k, generator, options, counts, arguments)
    rounds = [1] if one_per_group_first else []
    rounds.append(arguments.pop("max_per_group", None))
    rows, gains, terms = [], [], None
    # Without a number, until nothing is open.
    wanted = len(X) if k is None else k
    for most in rounds:
        if terms is not None and len(rows) == wanted:
            break
        terms = Terms(len(X), max_per_group=most, method=method, **arguments)
        terms.left = wanted
        n_possible = int(terms.allowed_or_initial.sum())
        if n_possible == 0 or (wanted > n_possible and k is not None):
            raise TooFewRowsError("may be chosen")
        if counts is not None:
            terms.counts = counts
        if method == "topk":
            state = _TopK(X, terms, **options)
        elif method == "random":
            state = _Draws(terms, generator)
        else:
            state = _Greedy(X, terms, method, metric, existing, min_distance)

        before = list(rows) if rows else list(initial)
        is_new = not rows
        for row in before:
            if terms.whole and terms.counts.get(terms.groups[row], 0) == 0:
                terms.begin(terms.groups[row])
            if is_new:
                rows.append(row)
                gains.append(state.gain(row, None))
            terms.take(row)
            state.see(X[row])
        loses_turns = not options.get("refill", True)
        n_turns = wanted - len(before)
        while len(rows) < wanted and (not loses_turns or n_turns > 0):
            n_turns -= 1
            row, hint = state.next(terms.open())
            if row is None:
                if loses_turns:
                    continue
                break
            if terms.whole:
                terms.begin(terms.groups[row])
            for taken in (row, *terms.companions(row)):
                rows.append(taken)
                gains.append(state.gain(taken, hint))
                terms.take(taken)
                state.see(X[taken])
    may_fall_short = (
        k is None or terms.budget is not None or min_distance is not None or terms.whole
        or not options.get("refill", True)
    )  # fmt: skip
    if len(rows) < wanted and not may_fall_short:
        raise TooFewRowsError("may be chosen")
    return rows, gains, terms.spent


def _kmeans(X, k, generator, options, counts, arguments):
    cover = arguments.pop("cover", None)
    terms = Terms(len(X), method="kmeans", **arguments)
    if counts is not None:
        terms.counts = counts
    seen = np.flatnonzero(terms.allowed_or_initial) if cover == "candidates" else np.arange(len(X))
    if k > terms.allowed.sum():
        raise TooFewRowsError("may be chosen")
    Z = X[seen]
    seeding = options.get("seeding", "kmeans++")
    seeds = (
        plain._seed_rows(Z, k, generator)
        if seeding == "kmeans++"
        else plain.random(len(Z), k, generator=generator)[0]
    )
    centres = Z[seeds]
    clusters, squared = plain._assign(Z, centres)
    for _ in range(options.get("n_iterations", 10)):
        centres = plain._centres(Z, clusters, k)
        before = clusters
        clusters, squared = plain._assign(Z, centres)
        if (clusters == before).all():
            break
    spread = float(plain.sum_of_parts(squared, squared.max(), len(Z))) / len(Z)
    spread = spread if spread > 0 else 1.0

    def best(positions, distances):
        """The open one of the best value; ties within rounding go to the lower row."""
        is_open = terms.open()[seen[positions]]
        positions, distances = positions[is_open], distances[is_open]
        if not len(positions):
            return None
        if terms.has_weights:
            values = terms.weights[seen[positions]] / (distances + spread)
            good = values >= values.max() * (1 - 1e-12)
        else:
            good = distances <= distances.min() * (1 + 1e-12)
        return int(seen[positions[np.argmax(good)]])

    members = [np.flatnonzero(clusters == c) for c in range(k)]
    nearest = [rows[np.argmax(squared[rows] <= squared[rows].min() * (1 + 1e-12))]
               for rows in members]  # fmt: skip
    order = sorted(range(k), key=lambda c: (-len(members[c]), nearest[c]))
    rows, gains, waiting = [], [], []
    for c in order:
        row = best(members[c], squared[members[c]])
        if row is None:
            waiting.append(c)
            continue
        terms.take(row)
        rows.append(row)
        gains.append(float(len(members[c])))
    for c in waiting:
        row = best(np.arange(len(Z)), arithmetic.squared_distances(Z, centres[c]))
        if row is not None:
            terms.take(row)
            rows.append(row)
            gains.append(float(len(members[c])))
    if len(rows) < k and terms.budget is None:
        raise TooFewRowsError("may be chosen")
    return rows, gains, terms.spent


def choose_per_class(X, k, method, labels, kind, *, seed=0, initial=(), **arguments):
    """The same within classes, whose budgets go by the rows that may be chosen."""
    generator, counts = Random(seed), {}
    labels = np.asarray(labels)
    per_row = ("scores", "groups", "costs")
    row_terms = ("exclude", "among", "min_score", "scores", "score_weight")
    only = {name: arguments[name] for name in row_terms if name in arguments}
    terms = Terms(len(X), initial=initial, method=method, **only)
    seen = np.flatnonzero(terms.allowed_or_initial)
    if k > len(seen):
        raise TooFewRowsError("may be chosen")

    budgets = plain.class_budgets(labels[seen], k, kind)
    places = []
    for c, (label, budget) in enumerate(budgets.items()):
        if budget == 0:
            continue
        rows = np.flatnonzero(labels == label)
        position = {row: i for i, row in enumerate(rows.tolist())}
        mine = {
            name: value[rows] if name in per_row and value is not None else value
            for name, value in arguments.items()
        }
        mine["among"] = np.flatnonzero(terms.allowed[rows])
        mine["exclude"] = None
        inside = [position[row] for row in initial if row in position]
        if len(inside) > budget:
            raise TooFewRowsError("whose budget is")
        found, gains, _ = choose(
            X[rows], budget, method, generator=generator, counts=counts, initial=inside, **mine
        )
        for t, (row, gain) in enumerate(zip(found, gains, strict=True)):
            places.append(((2 * t + 1) / budget, c, int(rows[row]), gain))
    places.sort(key=lambda place: place[:2])
    return [row for *_, row, _ in places], [gain for *_, gain in places], 0.0
