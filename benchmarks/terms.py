"""What terms cost beside a plain selection, and what continuing with new rows costs.

    python benchmarks/terms.py [--rows 50000] [--columns 128] [--samples 1000] [--rounds 5]

Prints processor time on one thread. Each kind of selection runs once per round, so that a change of
the machine's load falls on all of them; ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings

import numpy as np

import thinset
from embedding_data import embeddings

METHODS = ("topk", "max_min", "max_sum", "kmeans", "random")


def seconds(X, k, method, **terms):
    start = time.process_time()
    thinset.select(X, k, method, n_threads=1, **terms)
    return time.process_time() - start


def terms_beside_plain(X, k, method, rounds):
    """Kind -> (median seconds, median ratio to the plain call of the same round)."""
    n = len(X)
    g = np.random.default_rng(0)
    costs = g.random(n) + 0.5
    kinds = {
        "plain": {},
        "a tenth excluded": {"exclude": g.permutation(n)[: n // 10]},
        "3 per group": {"groups": g.integers(0, max(k, 2), n), "max_per_group": 3},
        "scores from 0.1 to 1": {"scores": 0.1 + 0.9 * g.random(n)},
        "scores from 0.9 to 1": {"scores": 0.9 + 0.1 * g.random(n)},
        "costs": {"costs": costs, "budget": float(np.sort(costs)[:k].sum())},
    }
    times = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, terms in kinds.items():
            times[kind].append(seconds(X, k, method, **terms))
    return {
        kind: (
            statistics.median(of_kind),
            statistics.median(a / b for a, b in zip(of_kind, times["plain"], strict=True)),
        )
        for kind, of_kind in times.items()
    }


def continuing(X, k, method, share_new, rounds):
    """Median seconds: of all rows at once, and of new rows beside the old selection."""
    n_old = round(len(X) * (1 - share_new))
    old, new = X[:n_old], X[n_old:]
    selected = old[thinset.select(old, k, method).indices]
    n_more = max(1, round(k * share_new))
    both = [
        (seconds(X, k + n_more, method), seconds(new, n_more, method, existing=selected))
        for _ in range(rounds)
    ]
    return tuple(statistics.median(times) for times in zip(*both, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=128)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", thinset.ConstantColumnsWarning)
    X = embeddings("correlated", arguments.rows, arguments.columns)
    k, rounds = arguments.samples, arguments.rounds
    for method in arguments.methods:
        print(method)
        for kind, (median, ratio) in terms_beside_plain(X, k, method, rounds).items():
            print(f"  {kind:24} {median:8.3f} s {ratio:6.2f}")
        if method in ("max_min", "max_sum"):
            for share in (0.5, 0.1, 0.02):
                whole, more = continuing(X, k, method, share, rounds)
                print(f"  {share:4.0%} new: {more:8.3f} s; all rows at once {whole:8.3f} s")


if __name__ == "__main__":
    main()
