"""fpsample's plain sampling, in float32; its bucket methods are for points in space."""

from __future__ import annotations

import fpsample

from dispersion_reference import furthest_from_mean

MAY_BE_WRONG = "float32 swaps near ties"


def solve(problem):
    start = furthest_from_mean(problem.X)
    return fpsample.fps_sampling(problem.X, problem.k, start_idx=start)
