"""fpsample with a k-d tree whose leaves are lists of points, in float32; for points in space."""

from __future__ import annotations

import fpsample

from dispersion_reference import furthest_from_mean

MAY_BE_WRONG = "it starts from a row of its own"


def solve(problem):
    start = furthest_from_mean(problem.X)
    return fpsample.bucket_fps_kdline_sampling(
        problem.X, problem.k, _height(problem), start_idx=start
    )


def _height(problem):
    # The heights that its documentation recommends, by the size of the work.
    return 5 if len(problem.X) < 50_000 else 7 if len(problem.X) < 500_000 else 9
