"""k-means over parts: the clusters of one call over all rows, however these are divided."""

from __future__ import annotations

import numpy as np
import pytest

import thinset
from thinset import _core


def divided(X, n_parts, generator):
    """Uneven consecutive parts with the number of their first row; some may be empty."""
    cuts = np.sort(generator.integers(0, len(X) + 1, n_parts - 1)).tolist()
    edges = zip([0, *cuts], [*cuts, len(X)], strict=True)
    return [(first, X[first:end]) for first, end in edges]


def made(parts, **options):
    return [_core.KMeansPart(X, first_row=first, n_threads=1, **options) for first, X in parts]


def select_from_parts(parts, k, *, lose=None, bfloat16=False, **options):
    """`lose`: a generator that replaces parts by new ones, which are sent all messages again."""
    coordinator = _core.KMeansCoordinator(sum(len(X) for _, X in parts), k, **options)
    members = made(parts, bfloat16=bfloat16)
    sent = []
    while not coordinator.is_done:
        message = coordinator.message
        sent.append(message)
        answers = [member.answer(message) for member in members]
        if lose is not None and lose.random() < 0.2:
            lost = int(lose.integers(len(parts)))
            (members[lost],) = made(parts[lost : lost + 1])
            for again in sent:
                last = members[lost].answer(again)
            for of_new, of_lost in zip(last, answers[lost], strict=True):
                assert of_new.tobytes() == of_lost.tobytes()
        coordinator.take(answers)
    assert coordinator.n_done <= k + options.get("n_iterations", 10) + 1
    return coordinator


def embeddings(kind, n, d, generator):
    X = generator.standard_normal((n, d)) * np.exp(generator.standard_normal(d))
    if kind == "far from the origin":
        X = X + 1000 * generator.standard_normal(d)
    elif kind == "integers":
        X = np.round(X)
    elif kind == "duplicates":
        X = X[generator.integers(0, max(1, n // 3), n)]
    elif kind == "constant columns":
        X[:, : max(1, d - 1)] = 3
    elif kind == "one row far away":
        X[generator.integers(n)] += 300
    return X


@pytest.mark.parametrize(
    "kind",
    ["far from the origin", "integers", "duplicates", "constant columns", "one row far away"],
)
def test_the_clusters_are_those_of_one_matrix(kind):
    generator = np.random.default_rng(len(kind))
    for case in range(20):
        n_parts = (1, 2, 3, 5, 8)[case % 5]
        n, d = int(generator.choice([9, 90, 300])), int(generator.choice([1, 2, 17, 40]))
        X = embeddings(kind, n, d, generator).astype(["float64", "float32", "float16"][case % 3])
        k = max(1, round(n * generator.choice([0.02, 0.15, 0.5, 0.97])))
        options = {
            "n_iterations": int(generator.choice([0, 1, 10])),
            "seeding": ("kmeans++", "random")[case % 4 == 3],
        }
        seed = int(generator.integers(2**63))
        expected = thinset.select(X, k, "kmeans", random_state=seed, **options)
        parts = divided(X, n_parts, generator)
        found = select_from_parts(parts, k, seed=seed, **options)
        assert found.indices.tolist() == expected.indices.tolist()
        assert found.gains.tolist() == expected.gains.tolist()


def test_a_new_part_takes_over_from_a_lost_one():
    generator = np.random.default_rng(3)
    X = embeddings("duplicates", 200, 5, generator)
    expected = thinset.select(X, 60, "kmeans")
    found = select_from_parts(divided(X, 3, generator), 60, lose=generator)
    assert found.indices.tolist() == expected.indices.tolist()


def test_bfloat16():
    generator = np.random.default_rng(0)
    X = generator.standard_normal((500, 6)).astype(np.float32)
    bits = (X.view(np.uint32) >> 16).astype(np.uint16)
    expected = thinset.select((bits.astype(np.uint32) << 16).view(np.float32), 90, "kmeans")
    found = select_from_parts(divided(bits, 3, generator), 90, bfloat16=True)
    assert found.indices.tolist() == expected.indices.tolist()


def test_the_order_of_rows_changes_no_centre():
    """Clusters far apart: the same sets of rows, whatever their numbers."""
    generator = np.random.default_rng(1)
    X = np.repeat(np.arange(4.0)[:, None] * 1e6, 50, axis=0) + generator.standard_normal((200, 3))
    order = generator.permutation(200)
    first = thinset.select(X, 4, "kmeans")
    second = thinset.select(X[order], 4, "kmeans", random_state=5)
    assert set(order[second.indices].tolist()) == set(first.indices.tolist())


def test_what_does_not_fit_is_refused():
    X = np.random.default_rng(2).standard_normal((60, 3))

    def begin(*parts, n_rows=60, k=6):
        coordinator = _core.KMeansCoordinator(n_rows, k)
        coordinator.take([part.answer(coordinator.message) for part in made(parts)])

    with pytest.raises(ValueError, match="part 1 must have first_row 40, got 0"):
        begin((0, X[:40]), (0, X[40:]))
    with pytest.raises(ValueError, match="all 60 rows, got 40"):
        begin((0, X[:40]))
    with pytest.raises(ValueError, match="part 0 has 3, part 1 has 2"):
        begin((0, X[:40]), (40, X[40:, :2]))
    with pytest.raises(ValueError, match="distances need values within"):
        begin((0, X[:40]), (40, 1e200 * X[40:]))
    with pytest.raises(ValueError, match=r"n_samples must be in \[1, 60\].*got 61"):
        begin((0, X), k=61)
    with pytest.raises(ValueError, match="row 7, column 1 is nan"):
        made([(0, np.where(np.arange(20).reshape(10, 2) == 15, np.nan, 1.0))])
    coordinator = _core.KMeansCoordinator(60, 6)
    (part,) = made([(0, X)])
    coordinator.take([part.answer(coordinator.message)])
    with pytest.raises(ValueError, match="all 1 parts must answer; got 2"):
        coordinator.take([part.answer(coordinator.message)] * 2)
    with pytest.raises(ValueError, match="an earlier call failed"):
        coordinator.take([part.answer(coordinator.message)])


INTEGERS = [-1, 0, 1, 2, 59, 60, 2**62, -(2**63)]


def test_no_message_or_answer_crashes():
    """Whatever is sent is answered or refused with a ValueError."""
    generator = np.random.default_rng(4)
    X = generator.standard_normal((60, 3)).astype(np.float32)
    steps = [
        *("describe", "read", "lower", "weigh", "draw", "sizes", "furthest", "move", "sums"),
        *("assign", "nearest", "first_within", "leap"),
    ]
    n_refused = 0
    for _ in range(400):
        (part,) = made([(10, X)])
        coordinator = _core.KMeansCoordinator(60, 6)
        for _ in range(6):
            message = (
                steps[generator.integers(len(steps))],
                generator.choice(INTEGERS, generator.choice([0, 1, 2, 3, 6])),
                generator.standard_normal(generator.choice([0, 1, 3, 4, 6, 18])),
            )
            try:
                answer = part.answer(message)
                coordinator.take([answer])
            except ValueError:
                n_refused += 1
                break
    assert n_refused > 300
