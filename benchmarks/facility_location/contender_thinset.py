from __future__ import annotations

import thinset


def why_not():
    if "facility_location" not in thinset.methods():
        return "this thinset has no method facility_location"
    return None


def solve(problem):
    selection = thinset.select(
        problem.X,
        problem.k,
        "facility_location",
        metric="euclidean",
        n_threads=problem.n_threads,
    )
    return selection.indices
