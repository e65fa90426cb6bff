"""The smallest distance between chosen rows: greedy, with exchanges, and how far it may rise.

    python benchmarks/studies/smallest_distance.py
    python benchmarks/studies/smallest_distance.py cifar10=EMBEDDINGS.npy:432

First, 150 small random matrices (20 to 30 rows of 2 or 10 elements, normal or of a few integers;
3 to 6 picks), whose best smallest distance is found by branch and bound. Then the digits of
scikit-learn, isotropic rows, clusters of unit-norm rows of 384 elements, points in the plane, and
every NAME=FILE.npy:K given. Figures are relative to the best, or to the greedy choice where the
best is not known. "by balls" is the bound that follows from balls that hold many rows (Gonzalez
1985, Jung 1901) alone; "proved" is `upper_bound_of_smallest_pairwise_distance`. Processor seconds
on one thread, the median of three runs in turns.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from sklearn.datasets import load_digits

import thinset
from thinset import _core

_NO_LIMIT = 10**9
_N_SMALL = 150
_BOUND = "upper_bound_of_smallest_pairwise_distance"


def small_matrices():
    """(rows, k), from seed 0."""
    g = np.random.default_rng(0)
    for i in range(_N_SMALL):
        n, k = int(g.integers(20, 31)), int(g.integers(3, 7))
        shape = (n, (2, 10)[i % 2])
        yield (g.integers(0, 6, shape).astype(float) if i % 5 == 4 else g.normal(size=shape)), k


def large_matrices():
    """Name -> (rows, k)."""
    g = np.random.default_rng(0)
    centres = g.normal(size=(100, 384))
    rows = centres[g.integers(0, 100, 10_000)] + 0.7 * g.normal(size=(10_000, 384))
    return {
        "digits": (load_digits().data.astype(np.float32), 100),
        "isotropic": (g.normal(size=(5_000, 32)).astype(np.float32), 200),
        "clusters": ((rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32), 432),
        "plane": (g.uniform(size=(10_000, 2)).astype(np.float32), 432),
    }


def best_smallest(X, k):
    """The largest smallest distance of any k rows: a search for k rows that are all far enough."""
    apart = np.sqrt(np.square(X[:, None] - X[None]).sum(axis=-1))
    values = np.unique(apart)
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high + 1) // 2
        neighbours = [
            sum(1 << j for j in np.flatnonzero(row >= values[middle]).tolist() if j != i)
            for i, row in enumerate(apart)
        ]
        if _has_clique(neighbours, (1 << len(X)) - 1, k):
            low = middle
        else:
            high = middle - 1
    return float(values[low])


def _has_clique(neighbours, among, size):
    if size == 0:
        return True
    while among.bit_count() >= size:
        lowest = among & -among
        among ^= lowest
        if _has_clique(neighbours, among & neighbours[lowest.bit_length() - 1], size - 1):
            return True
    return False


def by_balls(X, k, gains):
    radii = np.sort(np.square(X - X.mean(axis=0, dtype=float)).sum(axis=1))[::-1]
    return min(
        np.sqrt(min(gains[(k - 1) // m] ** 2, radii[k - m - 1]) * 2 * (m + 1) / m)
        for m in range(1, k)
    )


def smallest(X, rows):
    return _core.smallest_pairwise_distance(X, rows)


def report_small():
    found = {"greedy": [], "exchanges": [], "by balls": [], "proved": []}
    for X, k in small_matrices():
        best = best_smallest(X, k)
        greedy = thinset.select(X, k, "max_min")
        swapped = thinset.select(X, k, "max_min", max_swaps=_NO_LIMIT)
        found["greedy"].append(smallest(X, greedy.indices) / best)
        found["exchanges"].append(smallest(X, swapped.indices) / best)
        found["by balls"].append(by_balls(X, k, greedy.gains) / best)
        found["proved"].append(greedy.certificates[_BOUND] / best)
    print(f"{_N_SMALL} small matrices, over the best: least, median, most")
    for name, shares in found.items():
        print(f"  {name:10} {min(shares):.3f} {statistics.median(shares):.3f} {max(shares):.3f}")


def seconds_of(call):
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def report_large(name, X, k):
    X = np.asarray(X)
    calls = {
        "greedy": lambda: thinset.select(X, k, "max_min", n_threads=1),
        "exchanges": lambda: thinset.select(X, k, "max_min", max_swaps=_NO_LIMIT, n_threads=1),
        "proved": lambda: getattr(_core, _BOUND)(X, np.arange(k), n_threads=1),
    }
    seconds = {kind: [] for kind in calls}
    results = {}
    for _ in range(3):
        for kind, call in calls.items():
            taken, results[kind] = seconds_of(call)
            seconds[kind].append(taken)
    greedy, swapped = results["greedy"], results["exchanges"]
    of_greedy = smallest(X, greedy.indices)
    print(
        f"{name} {X.shape[0]} x {X.shape[1]}, k = {k}: exchanges "
        f"{smallest(X, swapped.indices) / of_greedy:.4f} ({swapped.params['n_swaps']} made), "
        f"by balls {by_balls(X, k, greedy.gains) / of_greedy:.3f}, "
        f"proved {results['proved'] / of_greedy:.3f}; seconds "
        + ", ".join(f"{kind} {statistics.median(s):.3f}" for kind, s in seconds.items()),
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="NAME=FILE.npy:K")
    matrices = large_matrices()
    for argument in parser.parse_args().files:
        name, rest = argument.split("=", 1)
        path, k = rest.rsplit(":", 1)
        matrices[name] = (np.load(path, mmap_mode="r"), int(k))
    report_small()
    for name, (X, k) in matrices.items():
        report_large(name, X, k)


if __name__ == "__main__":
    main()
