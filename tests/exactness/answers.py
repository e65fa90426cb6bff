"""The library's answer to a case, and the right one."""

from __future__ import annotations

import numpy as np

import thinset
from oracles import selection as oracle
from oracles.random import Random


def library(case):
    """(indices, gains) of thinset.select; a selector under test has this form."""
    X, _ = case.embeddings()
    if case.dtype == "bfloat16":
        import torch

        X = torch.from_numpy(X.view(np.int16)).view(torch.bfloat16)
    labels = case.labels()
    selection = thinset.select(
        X,
        case.k,
        case.method,
        labels=labels,
        per_class=case.per_class,
        metric=case.metric,
        random_state=case.seed,
        n_threads=case.n_threads,
        initial_subset=_initial(case) or None,
        **case.options,
    )
    return selection.indices.tolist(), selection.gains.tolist()


# Method -> its oracle on one matrix: (case, X, k, rows chosen before, generator).
ORACLES = {
    "topk": lambda case, X, k, initial, _: oracle.topk(X, k, initial=initial, **case.options),
    "max_sum": lambda case, X, k, initial, _: oracle.max_sum(
        X, k, metric=case.metric, initial=initial, **case.options
    ),
    "max_min": lambda case, X, k, initial, _: oracle.max_min(
        X, k, metric=case.metric, initial=initial, **case.options
    ),
    "facility_location": lambda case, X, k, initial, _: oracle.facility_location(
        X, k, metric=case.metric, initial=initial, **_with_bandwidth(case)
    ),
    "kmeans": lambda case, X, k, _, generator: oracle.kmeans(
        X, k, generator=generator, **case.options
    ),
    "random": lambda _, X, k, initial, generator: oracle.random(
        len(X), k, initial=initial, generator=generator
    ),
}


def expected(case, method=None):
    """(indices, gains) of the case's oracle, or of `method` in its place."""
    method = method or ORACLES[case.method]
    _, X = case.embeddings()
    generator = Random(case.seed)
    initial = _initial(case)
    if case.per_class is None:
        return method(case, X, case.k, initial, generator)

    def choose(rows, budget):
        position = {row: i for i, row in enumerate(rows.tolist())}
        inside = [position[row] for row in initial if row in position]
        return method(case, X[rows], budget, inside, generator)

    return oracle.per_class(case.labels(), case.k, case.per_class, choose)


def _with_bandwidth(case):
    """The options; the default bandwidth is that of all rows, also within classes."""
    options = dict(case.options)
    if options["kernel"] == "gaussian" and options["bandwidth"] is None:
        options["bandwidth"] = oracle.median_distance(case.embeddings()[1], case.metric)
    return options


def _initial(case):
    if case.per_class is None:
        return case.initial()
    return case.initial(oracle.class_budgets(case.labels(), case.k, case.per_class))
