"""What a case is, and how hypothesis draws cases of each size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

from exactness.matrices import FAMILIES
from oracles import arithmetic

DTYPES = ("float16", "bfloat16", "float32", "float64")
METRICS = ("euclidean", "sqeuclidean", "cosine")

# A method of the library is held to its oracle as soon as it stands here and in `answers`.
OPTIONS = {
    "topk": {
        "mode": ("max", "min", "abs"),
        "refill": (True, False),
        "drop_constant": (False, True),
    },
    "max_sum": {"max_swaps": (0, 0, 1, 4)},
    # Without max_swaps: that follows from the seed.
    "max_min": {},
    "facility_location": {
        "kernel": ("distance", "distance", "gaussian", "gaussian", "cosine"),
        "bandwidth": (None, None, 1.0, 0.1, 0.01, 1e-30, 1e30),
        "max_swaps": (0, 0, 1, 4, 10**6),
    },
    "kmeans": {"n_iterations": (0, 1, 2, 3, 10), "seeding": ("kmeans++", "random")},
    "random": {"stratified": (False, True)},
}
_SWAPS_OF_MAX_MIN = (0, 1, 0, 4, 0, 10**6)
_WITH_METRIC = ("max_sum", "max_min", "facility_location")
# k-means chooses all its rows together.
_WITHOUT_INITIAL = ("kmeans",)


@dataclass(frozen=True)
class Case:
    """A question to a selector, as few numbers that its report can be repeated from."""

    method: str
    family: str
    n: int
    d: int
    k: int
    dtype: str = "float64"
    seed: int = 0
    metric: str = "euclidean"
    n_threads: int = 1
    gap: int = 0
    n_initial: int = 0
    per_class: str | None = None
    n_classes: int = 0
    options: dict = field(default_factory=dict, hash=False)

    def generator(self, purpose):
        return np.random.default_rng([self.seed, len(purpose)])

    def embeddings(self):
        """The matrix as a selector is given it (bfloat16 as its bits), and its float64 values."""
        X = FAMILIES[self.family](self.generator("X"), self.n, self.d)
        X = _within_range(X, self.dtype)
        if self.metric == "cosine":
            X = self._with_directions(X)
        stored = np.zeros((self.n, self.d + self.gap), _cast(X[:1], self.dtype).dtype)
        stored[:, self.d :] = 1
        stored[:, : self.d] = _cast(X, self.dtype)
        stored = stored[:, : self.d]
        return stored, widened(stored, self.dtype)

    def labels(self):
        """(n,) classes of uneven sizes with gaps between their numbers, or None."""
        if self.n_classes == 0:
            return None
        g = self.generator("labels")
        return (g.random(self.n) ** 2 * self.n_classes).astype(np.int64) * 3 - 4

    def initial(self, budgets=None):
        """Rows in any order; with `budgets` no more of a class than it may give."""
        rows = self.generator("initial")
        chosen = rows.permutation(self.n)[: self.n_initial].tolist()
        if budgets is None:
            return chosen
        labels, left, kept = self.labels(), dict(budgets), []
        for row in chosen:
            if left[labels[row]] > 0:
                left[labels[row]] -= 1
                kept.append(row)
        return kept

    def _with_directions(self, X):
        """Without rows or means of norm zero, which have no cosine."""
        wide = widened(_cast(X, self.dtype), self.dtype)
        X[arithmetic.norms(wide) == 0, 0] = 1.0
        groups = [slice(None)] if self.n_classes == 0 else _groups(self.labels())
        wide = widened(_cast(X, self.dtype), self.dtype)
        if any(arithmetic.norms(arithmetic.mean(wide[rows])[None])[0] == 0 for rows in groups):
            X = np.abs(X)
        return X


def _groups(labels):
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _within_range(X, dtype):
    largest = np.abs(X).max()
    limit = 0.5 * float(np.finfo("float32" if dtype == "bfloat16" else dtype).max)
    return X * (limit / largest) if largest > limit else X


def _cast(X, dtype):
    if dtype == "bfloat16":
        return (X.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return X.astype(dtype)


def widened(stored, dtype):
    if dtype == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return stored.astype(np.float64)


def _case(method, shape, choose, between):
    """A case from two sources of chance: choose(values) and between(least, most)."""
    n, d, k = shape(choose, between)
    options = {name: choose(values) for name, values in OPTIONS[method].items()}
    if options.get("kernel", "gaussian") != "gaussian":
        options["bandwidth"] = None
    stratified = options.get("stratified", False)
    in_classes = stratified or choose((False, False, True))
    kinds = ("proportional",) if stratified else ("balanced", "proportional")
    n_initial = 0 if method in _WITHOUT_INITIAL else choose((0, 0, 0, 1, 3, k // 2, k))
    case = Case(
        method,
        choose(tuple(FAMILIES)),
        n,
        d,
        k,
        dtype=choose(DTYPES),
        seed=between(0, 2**32 - 1),
        metric=_metric(options, choose) if method in _WITH_METRIC else "euclidean",
        n_threads=between(1, 8),
        gap=choose((0, 0, 1, 7)),
        n_initial=min(n_initial, k),
        per_class=choose(kinds) if in_classes else None,
        n_classes=between(1, 5) if in_classes else 0,
        options=options,
    )
    if method != "max_min":
        return case
    return replace(case, options={"max_swaps": _SWAPS_OF_MAX_MIN[case.seed % 6]})


def _metric(options, choose):
    """The cosine kernel measures directions, whatever the metric: only cosine has them for sure."""
    return "cosine" if options.get("kernel") == "cosine" else choose(METRICS)


_ODD_WIDTHS = (1, 2, 3, 15, 16, 17, 31, 32, 33, 127, 128, 129, 257, 1000)


def _small_shape(choose, between):
    n = between(1, 60)
    d = choose((between(1, 40), choose(_ODD_WIDTHS)))
    return n, d, choose((between(1, n), n))


# Elements that the oracle may read for a case of middle size: it counts in tenths of a second then.
_MID_WORK = {"topk": 10**9, "kmeans": 4 * 10**7}
_READS_PER_CALL = 30
# Its oracle measures every row against every other.
_MEASURES_ALL_PAIRS = ("facility_location",)


def _mid_shape(method):
    """Many picks from many rows, where bounds begin to leave rows out."""
    if method in _MEASURES_ALL_PAIRS:
        return _mid_shape_of_pairs
    work = _MID_WORK.get(method, 15 * 10**7)

    def shape(choose, between):
        n = between(500, 4000)
        d = round(300 ** (between(0, 1000) / 1000))
        most = max(50, min(n, work // (n * (d + _READS_PER_CALL))))
        return n, d, choose((between(50, most), most))

    return shape


def _mid_shape_of_pairs(choose, between):
    n = between(300, 1300)
    return n, round(100 ** (between(0, 1000) / 1000)), between(20, 60)


def _tall_shape_of_pairs(choose, between):
    """Past one block of 1,024 rows, and one tile of pairs."""
    return between(2050, 3100), between(1, 3), between(1, 8)


def _tall_shape(choose, between):
    """Past the 64 blocks of 1,024 rows that the column summary holds at once."""
    return between(60_000, 140_000), between(1, 3), between(1, 24)


def cases(method, size):
    """The strategy for cases of a method: "small", "mid" or "tall"."""
    if size == "small":
        return _drawn(method)
    tall = _tall_shape_of_pairs if method in _MEASURES_ALL_PAIRS else _tall_shape
    shape = {"mid": _mid_shape(method), "tall": tall}[size]
    return st.integers(0, 2**32 - 1).map(lambda seed: _spread(method, shape, seed))


@st.composite
def _drawn(draw, method):
    """Chance from hypothesis itself, which tries corners first and makes failures simpler."""
    return _case(
        method,
        _small_shape,
        choose=lambda values: draw(st.sampled_from(values)),
        between=lambda least, most: draw(st.integers(least, most)),
    )


def _spread(method, shape, seed):
    """Evenly spread over all that is possible: few large cases must not crowd into corners."""
    g = np.random.default_rng(seed)
    return _case(
        method,
        shape,
        choose=lambda values: values[g.integers(len(values))],
        between=lambda least, most: int(g.integers(least, most, endpoint=True)),
    )
