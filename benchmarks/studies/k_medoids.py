"""Costs and processor time of k-medoids: facility_location with exchanges beside FasterPAM.

    python benchmarks/studies/k_medoids.py
    python benchmarks/studies/k_medoids.py cifar10=EMBEDDINGS.npy:432 mnist=EMBEDDINGS.npy:200

Takes the digits of scikit-learn, isotropic rows, clusters of unit-norm rows of 384 elements, a
cloud of points in the plane, and every NAME=FILE.npy:K given. Each contender runs once per round,
in turns, on one thread. The time of FasterPAM (package kmedoids, random medoids, one seed per
round) includes its matrix of distances, in float32 by scikit-learn. Costs are measured in float64,
relative to the mean of FasterPAM's. "of best" is the proved bound of `certificates`: the cost of
facility_location with exchanges is at most this many times the smallest of any k rows.
"""

from __future__ import annotations

import argparse
import statistics
import time

import kmedoids
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances

import thinset
from thinset import _core

_NO_LIMIT = 10**9


def generated():
    """Name -> (embeddings, k)."""
    g = np.random.default_rng(0)
    centres = g.normal(size=(100, 384))
    rows = centres[g.integers(0, 100, 10_000)] + 0.7 * g.normal(size=(10_000, 384))
    cloud = np.concatenate([g.normal(size=(5_000, 2)), g.uniform(-3, 3, size=(5_000, 2))])
    return {
        "digits": (load_digits().data.astype(np.float32), 100),
        "isotropic": (g.normal(size=(5_000, 32)).astype(np.float32), 200),
        "clusters": ((rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32), 432),
        "plane": (cloud.astype(np.float32), 432),
    }


def by_greedy(X, k, _):
    return thinset.select(X, k, "facility_location", n_threads=1).indices


def by_exchanges(X, k, _):
    return thinset.select(X, k, "facility_location", max_swaps=_NO_LIMIT, n_threads=1).indices


def by_fasterpam(X, k, seed):
    distances = pairwise_distances(X)
    return kmedoids.fasterpam(distances, k, random_state=seed, n_cpu=1).medoids.astype(np.int64)


CONTENDERS = {"greedy": by_greedy, "exchanges": by_exchanges, "FasterPAM": by_fasterpam}


def race(X, k, n_rounds):
    """Per contender: its costs and its seconds, one of each per round."""
    costs = {name: [] for name in CONTENDERS}
    seconds = {name: [] for name in CONTENDERS}
    for seed in range(n_rounds):
        for name, solve in CONTENDERS.items():
            start = time.process_time()
            indices = solve(X, k, seed)
            seconds[name].append(time.process_time() - start)
            costs[name].append(_core.sum_of_nearest_distances(X, indices, n_threads=1))
    return costs, seconds


def show(name, X, k, n_rounds):
    costs, seconds = race(X, k, n_rounds)
    base = statistics.mean(costs["FasterPAM"])
    best = thinset.select(X, k, "facility_location", max_swaps=_NO_LIMIT, n_threads=1)
    proved = best.certificates["sum_of_nearest_distances_over_best_possible"]
    columns = [f"{name}, {k:,} of {len(X):,} x {X.shape[1]}"]
    for contender in CONTENDERS:
        relative = [100 * (cost / base - 1) for cost in costs[contender]]
        columns.append(
            f"{statistics.mean(relative):+.3f} % ± {statistics.stdev(relative):.3f}, "
            f"{statistics.mean(seconds[contender]):.3g} ± "
            f"{statistics.stdev(seconds[contender]):.2g} s"
        )
    print(" | ".join([*columns, f"{proved:.4f}"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="NAME=FILE.npy:K")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    jobs = generated()
    for text in arguments.files:
        name, _, rest = text.partition("=")
        path, _, k = rest.rpartition(":")
        jobs[name] = (np.load(path), int(k))
    print(" | ".join(["data", *CONTENDERS, "of best"]), flush=True)
    for name, (X, k) in jobs.items():
        show(name, X, k, arguments.rounds)


if __name__ == "__main__":
    main()
