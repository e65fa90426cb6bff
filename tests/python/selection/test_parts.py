"""Parts of the rows, each as if on a machine of its own, select what one call selects."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import thinset
from oracles import selection as oracle
from thinset import _core

METRICS = ("euclidean", "sqeuclidean", "cosine")


def uneven(n, n_parts):
    """Bounds of parts, some of one row or of none."""
    cuts = sorted((n * i * i) // (n_parts * n_parts) for i in range(1, n_parts))
    return [0, *cuts, n]


class Machines:
    """A coordinator over parts of X, each held by an object of the core."""

    def __init__(self, X, n_parts, k, kind, metric, **options):
        bounds = uneven(len(X), n_parts)
        self.firsts = bounds[:-1]
        self.arrays = [X[a:b] for a, b in itertools.pairwise(bounds)]
        self.metric, self.n_rows, self.options = metric, len(X), options
        ranges = [_core.column_range(array, **options) for array in self.arrays]
        low = np.min([low for low, _ in ranges], axis=0)
        high = np.max([high for _, high in ranges], axis=0)
        _core.check_column_range(low, high, metric=metric)
        self.sums = sum(_core.exact_column_sums(array, **options) for array in self.arrays)
        self.parts = [
            kind(array, k, metric=metric, n_threads=1, **options) for array in self.arrays
        ]
        self.rows, self.gains = [], []

    def start(self, gain):
        """Each part's furthest row from the mean, and the furthest of these."""
        found = []
        for first, array in zip(self.firsts, self.arrays, strict=True):
            row = _core.furthest_from_mean(
                array, self.sums, self.n_rows, metric=self.metric, **self.options
            )
            if row < len(array):
                found.append((first + row, widened(array[row : row + 1])))
        points = np.concatenate([point for _, point in found])
        winner = _core.furthest_from_mean(points, self.sums, self.n_rows, metric=self.metric)
        self.pick([found[winner][0]], points[winner : winner + 1], [gain])

    def pick(self, rows, points, gains):
        for part, first, array in zip(self.parts, self.firsts, self.arrays, strict=True):
            own = [row - first if first <= row < first + len(array) else -1 for row in rows]
            part.pick(points, np.array(own, np.int64))
        self.rows += rows
        self.gains += gains

    def best(self, *arguments):
        """Candidates of all parts, best first, and the largest value of a row that is none."""
        found, unseen = [], -np.inf
        for part, first in zip(self.parts, self.firsts, strict=True):
            values, rows, points = part.best(*arguments)
            found += [
                (-value, first + row, points[i : i + 1])
                for i, (value, row) in enumerate(zip(values.tolist(), rows.tolist(), strict=True))
            ]
            if arguments and len(rows) == arguments[0]:
                unseen = max(unseen, values[-1])
        return sorted(found, key=lambda candidate: candidate[:2]), unseen


def widened(rows):
    if rows.dtype == np.uint16:
        return (rows.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return rows.astype(np.float64)


def in_parts(X, k, method, metric, n_parts, at_once=1, **options):
    kind = {"max_min": _core.MaxMinPart, "max_sum": _core.MaxSumPart}[method]
    machines = Machines(X, n_parts, k, kind, metric, **options)
    machines.start(np.inf if method == "max_min" else 0.0)
    n_rounds = 0
    while len(machines.rows) < k:
        n_rounds += 1
        candidates, unseen = machines.best(*([at_once] if method == "max_min" else []))
        chosen = candidates[:1]
        # A pick lowers ranks: a candidate that is still above all rows that were not seen is next.
        while at_once > 1 and len(machines.rows) + len(chosen) < k:
            left = [c for c in candidates if all(c[1] != other[1] for other in chosen)]
            if not left:
                break
            points = np.concatenate([c[2] for c in left])
            new = _core.ranks(points, chosen[-1][2][0], metric=metric)
            candidates = [
                (-min(-c[0], rank), *c[1:]) for c, rank in zip(left, new.tolist(), strict=True)
            ]
            candidates.sort(key=lambda candidate: candidate[:2])
            if not -candidates[0][0] > unseen:
                break
            chosen.append(candidates[0])
        gains = [-value for value, _, _ in chosen]
        if metric == "euclidean" and method == "max_min":
            gains = np.sqrt(gains).tolist()
        machines.pick([c[1] for c in chosen], np.concatenate([c[2] for c in chosen]), gains)
    return machines.rows, machines.gains, n_rounds


def matrix(kind, dtype):
    rng = np.random.default_rng(7)
    n_columns = {"plane": 2, "space": 3, "wide": 500}.get(kind, 64)
    X = rng.normal(size=(150 if kind == "wide" else 700, n_columns))
    if kind == "integers":
        X = rng.integers(1, 4, size=(700, 6))
    if kind == "duplicates":
        X = X[rng.integers(0, 40, 700)]
    if dtype == "bfloat16":
        return (X.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return X.astype(dtype)


def assert_parts_equal_one_call(X, k, method, metric, n_parts, at_once=1, **options):
    rows, gains, n_rounds = in_parts(X, k, method, metric, n_parts, at_once, **options)
    whole = _core.select(X, k, method=method, metric=metric, n_threads=1, **options)
    assert rows == whole.indices.tolist()
    assert np.array(gains).tobytes() == whole.gains.tobytes()
    return n_rounds


@pytest.mark.parametrize("method", ["max_min", "max_sum"])
@pytest.mark.parametrize("kind", ["plane", "space", "general", "wide", "integers", "duplicates"])
def test_any_number_of_parts_selects_the_same(method, kind):
    X = matrix(kind, "float32")
    for n_parts, metric in zip((1, 2, 3, 5, 8), METRICS + METRICS[:2], strict=True):
        assert_parts_equal_one_call(X, 70, method, metric, n_parts)


@pytest.mark.parametrize("method", ["max_min", "max_sum"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_any_element_type_gives_the_same_bits(method, dtype):
    X = matrix("general", dtype)
    for metric in METRICS:
        assert_parts_equal_one_call(X, 40, method, metric, 3, bfloat16=dtype == "bfloat16")


@pytest.mark.parametrize("kind", [_core.MaxMinPart, _core.MaxSumPart])
def test_a_part_may_be_shards_and_use_threads(kind):
    X = matrix("general", "float32")
    parts = [kind(X, 9), kind([X[:100], X[100:101], X[101:]], 9, n_threads=2)]
    for part in parts:
        part.pick(X[[5, 300]].astype(np.float64), np.array([5, -1]))
    for one, other in zip(parts[0].best(), parts[1].best(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_tree_and_the_projection_serve_parts_too():
    rng = np.random.default_rng(3)
    assert_parts_equal_one_call(rng.random((9000, 2), np.float32), 500, "max_min", "euclidean", 3)
    assert_parts_equal_one_call(rng.random((9000, 64), np.float32), 150, "max_min", "euclidean", 2)


@pytest.mark.parametrize("kind", ["plane", "general", "integers", "duplicates"])
def test_several_picks_in_one_round_are_the_same_picks(kind):
    for metric in METRICS:
        X = matrix(kind, "float32")
        n_rounds = assert_parts_equal_one_call(X, 60, "max_min", metric, 3, at_once=16)
        assert n_rounds < 59


def exactly_furthest(X, metric):
    """By fractions; the lower of rows that are equally far."""
    rows = [[Fraction(float(x)) for x in row] for row in X]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    if metric != "cosine":
        squares = [
            sum((len(X) * x - s) ** 2 for x, s in zip(row, sums, strict=True)) for row in rows
        ]
        return squares.index(max(squares))
    # The signed square of the cosine orders as the cosine does.
    dots = [sum(x * s for x, s in zip(row, sums, strict=True)) for row in rows]
    cosines = [
        dot * abs(dot) / sum(x * x for x in row) for dot, row in zip(dots, rows, strict=True)
    ]
    return cosines.index(min(cosines))


@pytest.mark.parametrize("metric", METRICS)
def test_the_start_is_exact_for_integers(metric):
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shape = rng.integers(3, 40), rng.integers(1, 6)
        X = rng.integers(-2, 3, size=shape).astype(np.float32)
        X[~X.any(1)] = 1
        expected = exactly_furthest(X, metric)
        assert oracle.start(X.astype(np.float64), metric) == expected
        for method in ("max_min", "max_sum"):
            assert thinset.select(X, 1, method, metric=metric).indices[0] == expected
            assert in_parts(X, 1, method, metric, 2)[0] == [expected]


@pytest.mark.parametrize("metric", METRICS)
def test_weights_do_not_make_the_start_inexact(metric):
    """Weighted distances of mirrored rows tie; so do those of rows with halved scores."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X = rng.integers(-2, 3, size=(rng.integers(3, 12), 3)).astype(np.float32)
        X[~X.any(1)] = 1
        scores = rng.integers(1, 4, size=len(X)).astype(np.float64)
        chosen = thinset.select(X, 1, "max_min", metric=metric, scores=scores).indices[0]
        weights = scores / 2.0 ** (np.frexp(scores.max())[1] - 1)
        rows = [[Fraction(float(x)) for x in row] for row in X]
        sums = [sum(column) for column in zip(*rows, strict=True)]
        if metric == "cosine":
            # No rounding decides between 50 digits.
            values = [weighted_cosine(row, sums, w) for row, w in zip(rows, weights, strict=True)]
            assert values[chosen] >= max(values) - Fraction(1, 10**40)
            first = next(i for i, v in enumerate(values) if v >= max(values) - Fraction(1, 10**40))
            assert chosen == first
            continue
        power = 2 if metric == "euclidean" else 1
        values = [
            Fraction(float(w)) ** power
            * sum((len(X) * x - s) ** 2 for x, s in zip(row, sums, strict=True))
            for row, w in zip(rows, weights, strict=True)
        ]
        assert chosen == values.index(max(values))


def weighted_cosine(row, sums, weight):
    import decimal

    with decimal.localcontext(prec=60):
        square = sum(x * x for x in row) * sum(s * s for s in sums)
        if square == 0:
            return Fraction(0)
        root = Fraction((decimal.Decimal(int(square))).sqrt())
        dot = sum(x * s for x, s in zip(row, sums, strict=True))
        return Fraction(float(weight)) * (1 - dot / root)


def test_the_mean_is_the_nearest_number_for_every_partition():
    rng = np.random.default_rng(0)
    X = np.ldexp(rng.normal(size=(400, 5)), rng.integers(-200, 200, size=(400, 5)))
    X[:, 0] = rng.integers(0, 100, 400)
    expected = [float(sum(map(Fraction, column.tolist())) / len(X)) for column in X.T]
    for n_parts in (1, 2, 7):
        machines = Machines(X, n_parts, 1, _core.MaxMinPart, "euclidean")
        assert _core.exact_mean(machines.sums, len(X)).tolist() == expected
    assert expected == oracle.arithmetic.mean(X).tolist()


@pytest.mark.parametrize("kind", [_core.MaxMinPart, _core.MaxSumPart])
def test_parts_without_rows_have_no_candidates(kind):
    part = kind(np.empty((0, 3), np.float32), 5)
    part.pick(np.ones((2, 3)), np.array([-1, -1]))
    values, rows, points = part.best()
    assert len(values) == len(rows) == 0
    assert points.shape == (0, 3)
    low, high = _core.column_range(np.empty((0, 3), np.float32))
    assert (low == np.inf).all()
    assert (high == -np.inf).all()
    assert not _core.exact_column_sums(np.empty((0, 3), np.float32)).any()


@pytest.mark.parametrize("kind", [_core.MaxMinPart, _core.MaxSumPart])
def test_wrong_picks_are_refused_and_change_nothing(kind):
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    part = kind(X, 3)
    with pytest.raises(ValueError, match=r"best\(\) needs a pick"):
        part.best()
    for points, rows, message in [
        (np.ones((1, 2)), [-1], "points must have 3 columns"),
        (np.ones((2, 3)), [-1], "points must have 3 columns"),
        (np.full((1, 3), 0.1), [-1], "points must be rows of float32: point 0 holds 0.1"),
        (np.full((1, 3), np.nan), [-1], "points must be rows of float32"),
        (np.full((1, 3), 1e300), [-1], "points must be rows of float32"),
        (np.ones((1, 3)), [2], "point 0 is not row 2 of this part: they differ in column 0"),
        (np.ones((1, 3)), [4], r"rows must be -1 or in \[0, 4\): entry 0 is 4"),
        (X[[1, 1]].astype(np.float64), [1, 1], "row 1 is picked twice"),
        (np.ones((4, 3)), [-1] * 4, "at most n_samples = 3 picks, got 4"),
    ]:
        with pytest.raises(ValueError, match=message):
            part.pick(points, np.array(rows))
    part.pick(X[:1].astype(np.float64), np.array([0]))
    with pytest.raises(ValueError, match="row 0 of this part was picked before"):
        part.pick(X[:1].astype(np.float64), np.array([0]))
    assert part.best()[1].tolist() == [3]


def test_what_cannot_be_selected_from_is_refused():
    X = np.ones((4, 3), np.float32)
    X[2, 1] = np.nan
    for refused in (_core.column_range, _core.exact_column_sums):
        with pytest.raises(ValueError, match="row 2, column 1 is nan"):
            refused(X)
    for kind in (_core.MaxMinPart, _core.MaxSumPart):
        with pytest.raises(ValueError, match="row 2, column 1 is nan"):
            kind(X, 2)
        with pytest.raises(ValueError, match="n_samples must be at least 1"):
            kind(X[:2], 0)
        with pytest.raises(ValueError, match="row 0 is all zeros"):
            kind(X[:2] * 0, 2, metric="cosine")
    with pytest.raises(ValueError, match="distances need values within"):
        _core.check_column_range(np.zeros(1), np.array([1e130]))
    with pytest.raises(ValueError, match="distances need a column whose values differ"):
        _core.check_column_range(np.zeros(1), np.array([1e-130]))
    with pytest.raises(ValueError, match="n_rows must be at least 1"):
        _core.exact_mean(np.zeros((3, 68), np.int64), 0)
    with pytest.raises(ValueError, match="sums must have shape"):
        _core.exact_mean(np.zeros((3, 2), np.int64), 1)
    with pytest.raises(ValueError, match="within"):
        _core.exact_mean(np.full((3, 68), 2**63 - 1), 1)
