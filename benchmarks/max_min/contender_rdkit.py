"""RDKit's MaxMinPicker over a triangle of distances."""

from __future__ import annotations

import numpy as np
from rdkit.SimDivFilters.rdSimDivPickers import MaxMinPicker

from dispersion_reference import furthest_from_mean
from distance_matrix import pairwise_distances

AT_MOST = 10_000, "it needs N x N / 2 distances"


def solve(problem):
    start = furthest_from_mean(problem.X)
    n_rows = len(problem.X)
    distances = pairwise_distances(problem.X)
    triangle = np.concatenate([distances[i, :i] for i in range(n_rows)])
    return np.array(MaxMinPicker().Pick(triangle, n_rows, problem.k, [start]))
