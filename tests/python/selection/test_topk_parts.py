"""Top-k over parts: the picks of one call over all rows, however these are divided."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from thinset import _core

pytestmark = pytest.mark.filterwarnings("ignore::thinset.ConstantColumnsWarning")


def divided(X, n_parts, generator):
    """Uneven consecutive parts with the number of their first row; some may be empty."""
    cuts = np.sort(generator.integers(0, len(X) + 1, n_parts - 1)).tolist()
    edges = zip([0, *cuts], [*cuts, len(X)], strict=True)
    return [(first, X[first:end]) for first, end in edges]


def select_from_parts(parts, k, *, bfloat16=False, max_depth=None, **options):
    n_rows = sum(len(X) for _, X in parts)
    coordinator = _core.TopKCoordinator(
        n_rows, parts[0][1].shape[1], k, max_depth=max_depth, **options
    )
    n_rounds = 0
    while not coordinator.is_done:
        lists = [
            _core.top_k_lists(
                X,
                coordinator.depth,
                first_row=first,
                mode=options.get("mode", "max"),
                taken=coordinator.taken,
                bfloat16=bfloat16,
                n_threads=2,
            )
            for first, X in parts
        ]
        coordinator.deal(lists)
        n_rounds += 1
    return coordinator, n_rounds


def embeddings(kind, n, d, generator):
    X = generator.standard_normal((n, d))
    if kind == "integers":
        X = np.round(2 * X)
    elif kind == "relu":
        X = np.maximum(X, 0) * generator.choice([1, -1])
    elif kind == "equal columns":
        X = np.repeat(X[:, :1], d, axis=1)
        X[generator.random(n) < 0.5] = 0
    elif kind == "zeros":
        X = np.where(generator.random((n, d)) < 0.5, 0.0, -0.0)
        X[generator.integers(0, n, 4), 0] = -1
    elif kind == "constant columns":
        X[:, : max(1, d // 2)] = 3
    return X


@pytest.mark.parametrize("n_parts", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    "kind", ["normal", "integers", "relu", "equal columns", "zeros", "constant columns"]
)
def test_the_picks_are_those_of_one_matrix(kind, n_parts):
    generator = np.random.default_rng([n_parts, len(kind)])
    for case in range(12):
        n, d = int(generator.choice([9, 300, 1500])), int(generator.choice([1, 2, 7, 17]))
        X = embeddings(kind, n, d, generator).astype(["float64", "float32", "float16"][case % 3])
        k = max(1, round(n * generator.choice([0.03, 0.2, 0.9, 1.0])))
        initial = generator.permutation(n)[: min(k, 3 * (case % 2))]
        options = {
            "mode": ("max", "min", "abs")[case % 3],
            "refill": case % 4 != 3,
            "drop_constant": kind == "constant columns" and d > 1 and case % 2 == 0,
            "initial_subset": initial,
        }
        expected = thinset.select(X, k, **options)
        found, _ = select_from_parts(
            divided(X, n_parts, generator), k, max_depth=[None, 30][case % 2], **options
        )
        assert found.indices.tolist() == expected.indices.tolist()
        assert found.gains.tobytes() == expected.gains.tobytes()
        assert tuple(found.constant_columns.tolist()) == expected.constant_columns


def test_bfloat16():
    generator = np.random.default_rng(0)
    X = generator.standard_normal((500, 6)).astype(np.float32)
    bits = (X.view(np.uint32) >> 16).astype(np.uint16)
    expected = thinset.select((bits.astype(np.uint32) << 16).view(np.float32), 90)
    found, _ = select_from_parts(divided(bits, 3, generator), 90, bfloat16=True)
    assert found.indices.tolist() == expected.indices.tolist()


def test_one_round_is_enough_for_values_that_differ():
    X = np.random.default_rng(1).standard_normal((4000, 32))
    parts = [(0, X[:100]), (100, X[100:])]
    found, n_rounds = select_from_parts(parts, 400)
    assert found.indices.tolist() == thinset.select(X, 400).indices.tolist()
    assert n_rounds == 1


def test_all_constant_columns_are_refused():
    X = np.ones((6, 2))
    with pytest.raises(ValueError, match="all 2 columns are constant"):
        select_from_parts([(0, X[:2]), (2, X[2:])], 3, drop_constant=True)


def test_bad_lists_are_refused():
    X = np.random.default_rng(2).standard_normal((60, 3))
    first = _core.top_k_lists(X[:40], 17)
    rest = _core.top_k_lists(X[40:], 17, first_row=40)

    def deal(*lists, **options):
        coordinator = _core.TopKCoordinator(60, 3, 30, **options)
        assert coordinator.depth == 22
        coordinator.deal(lists)

    with pytest.raises(ValueError, match="these have 40 of 60 rows"):
        deal(first)
    with pytest.raises(ValueError, match="that of column 0 is not; use the same mode"):
        deal(first, rest, mode="min")
    with pytest.raises(ValueError, match="column 0 holds nan of row"):
        deal(first, (20, rest[1], rest[2] * np.nan, rest[3]))
    with pytest.raises(ValueError, match=r"of rows in \[0, 60\)"):
        deal(first, (20, rest[1] + 60, rest[2], rest[3]))
    with pytest.raises(ValueError, match="must be as top_k_lists returns them"):
        deal(first, (20, rest[1][:2], rest[2], rest[3]))
    with pytest.raises(ValueError, match="must be as long as requested, 20; got 21"):
        deal(first, (20, *(np.zeros((3, 21), t) for t in (np.int64, np.float64)), rest[3]))
    nothing = (20, *(np.zeros((3, 0), t) for t in (np.int64, np.float64)), rest[3])
    coordinator = _core.TopKCoordinator(60, 3, 30)
    with pytest.raises(ValueError, match="as long as requested, 22, and without the rows"):
        coordinator.deal([(40, *nothing[1:]), nothing])
    with pytest.raises(ValueError, match="an earlier call failed"):
        coordinator.deal([first, rest])
    with pytest.raises(ValueError, match="not initialised"):
        _core.TopKCoordinator.__new__(_core.TopKCoordinator).is_done  # noqa: B018
    with pytest.raises(ValueError, match="row 7, column 1 is nan"):
        _core.top_k_lists(np.where(np.arange(20).reshape(10, 2) == 15, np.nan, 1.0), 3)
    with pytest.raises(ValueError, match=r"n_samples must be in \[1, 60\].*got 61"):
        _core.TopKCoordinator(60, 3, 61)
    with pytest.raises(ValueError, match="first_row must be in"):
        _core.top_k_lists(X, 3, first_row=-1)
