"""fpsample with a k-d tree of buckets, in float32; for points in space."""

from __future__ import annotations

import fpsample

from dispersion_reference import furthest_from_mean

MAY_BE_WRONG = "it starts from a row of its own"


def solve(problem):
    start = furthest_from_mean(problem.X)
    return fpsample.bucket_fps_kdtree_sampling(problem.X, problem.k, start_idx=start)
