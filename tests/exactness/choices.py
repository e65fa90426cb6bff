"""Cases of selections on terms, and the answers of the library and of the oracle to them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

import thinset
from exactness.matrices import FAMILIES
from oracles import choice as oracle

METHODS = ("topk", "max_min", "max_sum", "kmeans", "random")
OPTIONS = {
    "topk": {"mode": ("max", "min", "abs"), "refill": (True, True, False)},
    "kmeans": {"n_iterations": (0, 2, 10), "seeding": ("kmeans++", "random")},
}
_PER_ROW = ("scores", "groups", "costs")
_FAMILIES = (
    "normal", "lattice", "duplicates", "near_duplicates", "tight_clusters", "sphere", "rank_two",
    "decaying_spectrum", "relu", "bits", "offset", "outlier",
)  # fmt: skip
N_THREADS = (1, 2, 3, 7)


@dataclass(frozen=True, repr=False)
class Question:
    """Arguments of `select`, all by name."""

    X: np.ndarray
    k: int | None
    method: str
    metric: str = "euclidean"
    seed: int = 0
    initial: tuple[int, ...] = ()
    labels: np.ndarray | None = None
    per_class: str | None = None
    options: dict = field(default_factory=dict)
    terms: dict = field(default_factory=dict)

    def __repr__(self) -> str:
        terms = {
            name: value.tolist() if isinstance(value, np.ndarray) and value.ndim == 1 else value
            for name, value in self.terms.items()
        }
        terms["existing"] = np.shape(self.terms.get("existing"))
        return (
            f"{self.method}, {self.X.dtype} of {self.X.shape}, k={self.k}, {self.metric}, "
            f"seed={self.seed}, initial={self.initial}, {self.per_class}, {self.options}, {terms}"
        )

    def with_terms(self, **changed):
        return dataclasses.replace(self, terms={**self.terms, **changed})


def library(question, n_threads=1, X=None):
    """(rows, gains, spent) of the core."""
    q = question
    chosen = thinset.select(
        q.X if X is None else X,
        q.k,
        q.method,
        metric=q.metric,
        random_state=q.seed,
        initial_subset=list(q.initial) or None,
        labels=q.labels,
        per_class=q.per_class,
        n_threads=n_threads,
        **q.options,
        **q.terms,
    )
    return chosen.indices.tolist(), chosen.gains.tolist(), chosen.spent or 0.0


def right(question):
    q = question
    common = {"metric": q.metric, "seed": q.seed, "initial": q.initial, "options": q.options}
    if q.per_class is None:
        return oracle.choose(q.X, q.k, q.method, **common, **q.terms)
    return oracle.choose_per_class(q.X, q.k, q.method, q.labels, q.per_class, **common, **q.terms)


@st.composite
def questions(draw, method, sizes=(1, 60)):
    """Every argument that goes with the method, in combination."""
    g = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def chance(share):
        return bool(g.random() < share)

    n, d = int(g.integers(sizes[0], sizes[1], endpoint=True)), int(g.integers(1, 20))
    if chance(0.2):
        d = int(g.integers(1, 70))
    dtype = ("float32", "float64", "float16")[g.integers(3)]
    metrics = ("euclidean", "sqeuclidean", "cosine")
    metric = metrics[g.integers(3)] if method in {"max_min", "max_sum"} else "euclidean"
    X = FAMILIES[draw(st.sampled_from(_FAMILIES))](g, n + 20, d)
    X = np.clip(X, -6e4, 6e4).astype(dtype)
    if metric == "cosine":
        X[:, 0] = np.abs(X[:, 0]) + 1
    X, elsewhere = X[:n], X[n:]
    terms = {}
    if chance(0.4):
        terms["exclude"] = g.permutation(n)[: g.integers(0, n, endpoint=True)]
    if chance(0.3):
        terms["among"] = g.integers(0, n, g.integers(1, 2 * n, endpoint=True))
    if chance(0.5):
        scores = g.random(n) + 0.01 if chance(0.6) else g.integers(1, 4, n) / 2.0
        if method != "max_min" and chance(0.2):
            scores[g.random(n) < 0.3] = 0.0
        if method == "random" and not (scores > 0).any():
            scores[0] = 1.0
        terms["scores"] = scores
        if chance(0.5):
            terms["score_weight"] = float(g.choice([0.0, 0.5, 1.0, 2.0, 3.7]))
        if chance(0.2):
            terms["min_score"] = float(np.quantile(scores, 0.3))
    in_classes = chance(0.2)
    if chance(0.5):
        terms["groups"] = g.integers(0, max(1, n // int(g.integers(1, 6))), n)
        kind = g.integers(4)
        if kind == 1 and not in_classes and method != "kmeans":
            terms["whole_groups"] = True
        elif kind > 1:
            terms["max_per_group"] = int(g.integers(1, 4))
        one_first = method != "kmeans" and not in_classes and not terms.get("whole_groups")
        if one_first and chance(0.3):
            terms["one_per_group_first"] = True
        if not terms.keys() & {"whole_groups", "max_per_group", "one_per_group_first"}:
            terms["max_per_group"] = n  # groups need a rule: one that changes nothing
    if chance(0.4) and not in_classes:
        terms["costs"] = g.random(n) + 0.05 if chance(0.6) else g.integers(1, 5, n) / 4.0
        terms["budget"] = float(terms["costs"].max() + g.random() * terms["costs"].sum())
    if method == "max_min" and chance(0.3):
        spread = np.abs(X.astype(float) - X.astype(float).mean(0)).max() + 1e-3
        terms["min_distance"] = float(spread * g.random())
    if method in {"max_min", "max_sum"} and chance(0.3):
        terms["existing"] = elsewhere[: g.integers(1, 20, endpoint=True)]
    if method == "kmeans" and chance(0.5):
        terms["cover"] = ("all", "candidates")[g.integers(2)]
    options = {name: values[g.integers(len(values))]
               for name, values in OPTIONS.get(method, {}).items()}  # fmt: skip
    if terms.get("one_per_group_first") and method == "topk":
        options["refill"] = True
    n_most = n
    k = int(g.integers(1, n_most, endpoint=True))
    if "exclude" in terms or "among" in terms:
        k = max(1, min(k, n // 2))
    is_open = ("budget" in terms or "min_distance" in terms) and not in_classes and chance(0.5)
    if is_open and method != "kmeans" and options.get("refill", True):
        k = None
    initial = ()
    if method != "kmeans" and not terms.get("whole_groups") and chance(0.25):
        most = 3 if k is None else min(k, 3)
        initial = tuple(g.permutation(n)[: g.integers(1, most, endpoint=True)].tolist())
        if "costs" in terms:
            terms["budget"] += float(terms["costs"][list(initial)].sum())
        if terms.get("max_per_group", 3) < 3:
            initial = initial[:1]
    if terms.get("whole_groups") and chance(0.25):
        # Whole groups only, or none.
        groups = terms["groups"]
        of_group = np.flatnonzero(groups == groups[g.integers(n)])
        if k is None or len(of_group) <= k:
            initial = tuple(g.permutation(of_group).tolist())
            if "costs" in terms:
                terms["budget"] += float(terms["costs"][list(initial)].sum())
    labels, per_class = None, None
    if in_classes:
        labels = g.integers(0, 3, n)
        per_class = ("balanced", "proportional")[g.integers(2)]
        initial = ()
    if not terms:
        terms["exclude"] = np.zeros(0, np.int64)
    return Question(X, k, method, metric, int(g.integers(2**32)), initial, labels, per_class,
                    options, terms)  # fmt: skip
