"""k-means: the row nearest to each centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from thinset.selection.method import Method


@dataclass(frozen=True, eq=False)
class KMeansOptions:
    """Options of `kmeans`.

    n_iterations: largest number of Lloyd iterations (>= 0); stops earlier if no row changes its
        cluster.
    seeding: the initial centres: "kmeans++" (each seed is drawn with probability proportional to
        its squared distance to those before it) or "random" (k rows drawn at random: faster, and
        usually a little worse).
    """

    n_iterations: int = 10
    seeding: Literal["kmeans++", "random"] = "kmeans++"


KMEANS = Method(
    "kmeans",
    "one row per k-means cluster, nearest to its centre; gains are cluster sizes",
    KMeansOptions,
    metrics=("euclidean", "sqeuclidean"),
)
