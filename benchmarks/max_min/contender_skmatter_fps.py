"""scikit-matter's FPS: a matrix-vector product per step, in float64."""

from __future__ import annotations

from skmatter.sample_selection import FPS

from dispersion_reference import furthest_from_mean

MAY_BE_WRONG = "distances as differences of squared norms and products swap near ties"


def solve(problem):
    start = furthest_from_mean(problem.X)
    return FPS(initialize=start, n_to_select=problem.k).fit(problem.X).selected_idx_
