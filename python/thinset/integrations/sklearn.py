"""Selection as a scikit-learn estimator."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from thinset.selection import select

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_SEEDS = np.iinfo(np.int32).max
_CONTAINERS = ("default", "pandas", "polars")


class Selector(BaseEstimator):  # type: ignore[misc]
    """Select rows by any method of `thinset.select`, as a scikit-learn estimator.

    `fit` selects, `get_support` returns which rows were selected, and `fit_resample` returns the
    rows. It works as a step of the Pipeline of imbalanced-learn, which may drop rows in `fit` and
    keeps all of them in `predict`. It does not work in the Pipeline of scikit-learn, whose steps
    are transformers: they keep every row.

    Args:
        method: one of `thinset.methods()`.
        n_samples: how many rows: an int in [1, N], or a float fraction in (0, 1].
        metric: "euclidean", "sqeuclidean" or "cosine".
        per_class: "balanced" or "proportional" to choose within each class of `y`; None to ignore
            classes.
        random_state: an int, a RandomState or None, as everywhere in scikit-learn.
        n_threads: None for all available processors.
        options: the method's own, by name, such as {"mode": "abs"} for top-k.
        weigh: whether `fit` also computes `sample_weight_`. It costs nothing for kmeans; for the
            other methods, N * k distances.

    Attributes:
        indices_: (k,) int64, the rows in selection order.
        gains_: (k,) float64, what each added; see thinset.Selection.
        sample_weight_: (k,) float64, if `weigh`: how many of the N rows each selected row stands
            for, itself included, in selection order; the sum is N. For kmeans this is the size of
            its cluster, for other methods the number of rows that it is the nearest selected row
            of. With `per_class`, within its class. A final estimator takes it as `sample_weight`.
        selection_: the whole thinset.Selection.
        n_features_in_: as everywhere in scikit-learn.
        feature_names_in_: as everywhere in scikit-learn.
    """

    def __init__(
        self,
        method: str = "topk",
        n_samples: float = 0.1,
        *,
        metric: str = "euclidean",
        per_class: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
        options: dict[str, Any] | None = None,
        weigh: bool = False,
    ) -> None:
        self.method = method
        self.n_samples = n_samples
        self.metric = metric
        self.per_class = per_class
        self.random_state = random_state
        self.n_threads = n_threads
        self.options = options
        self.weigh = weigh

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Selector:
        """Select rows of `X`, (N, D); `y`, (N,), holds the classes and is used only by `per_class`.

        sample_weight: (N,), at least 0. Rows of weight 0 are never selected; the others are
        preferred by weight, as by the `scores` of `thinset.select`. Equal weights change nothing.
        Raises ValueError as `thinset.select` does, and for weights of
        another shape, below 0, or all 0.
        """
        rows: NDArray[Any] = validate_data(self, X, dtype=(np.float64, np.float32), order="C")
        labels: NDArray[Any] | None = None
        if y is not None:
            _, labels = np.unique(column_or_1d(y), return_inverse=True)
        seed = self.random_state
        if seed is not None:
            seed = int(check_random_state(seed).randint(_SEEDS))
        self.selection_ = select(
            rows,
            self.n_samples,
            self.method,
            labels=labels,
            per_class=self.per_class,
            metric=self.metric,
            random_state=seed,
            n_threads=self.n_threads,
            **_preferences(sample_weight, rows),
            **(self.options or {}),
        )
        self.indices_ = self.selection_.indices
        self.gains_ = self.selection_.gains
        self.n_samples_fit_ = self.selection_.n_total
        if self.weigh:
            self.sample_weight_ = self._stood_for(
                rows, labels, is_weighted=sample_weight is not None
            )
        return self

    def get_support(self, indices: bool = False) -> NDArray[Any]:
        """Return a mask (N,) of the selected rows, or with `indices` their numbers, ascending."""
        check_is_fitted(self)
        if indices:
            return np.sort(self.indices_)
        mask = np.zeros(self.n_samples_fit_, bool)
        mask[self.indices_] = True
        return mask

    def fit_resample(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        """Select, and return the selected rows of `X` and `y` in the order chosen.

        They have the types of `X` and `y`, or `X` the type that `set_output` asked for.
        """
        self.fit(X, y, sample_weight)
        return self._contained(_rows(X, self.indices_)), _rows(y, self.indices_)

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Selector:
        """Set the type of the rows that `fit_resample` returns; None changes nothing.

        "default" is the type of `X`. Without this call, `sklearn.set_config(transform_output=...)`
        decides. Raises ValueError for another name.
        """
        if transform is not None:
            if transform not in _CONTAINERS:
                raise ValueError(
                    f"transform must be one of {', '.join(_CONTAINERS)}, got {transform!r}"
                )
            # By this name, sklearn.base.clone copies it.
            self._sklearn_output_config = {"transform": transform}
        return self

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the names of the columns: those of `X`, or x0, x1, ...; none is left out."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{number}" for number in range(self.n_features_in_)]
        return np.asarray(names, dtype=object)

    def _contained(self, rows: Any) -> Any:
        own = getattr(self, "_sklearn_output_config", {})
        container = own.get("transform", get_config()["transform_output"])
        if container == "default" or type(rows).__module__.partition(".")[0] == container:
            return rows
        library = importlib.import_module(container)
        columns = [str(name) for name in self.get_feature_names_out()]
        index = {"index": self.indices_} if container == "pandas" else {}
        return library.DataFrame(dict(zip(columns, np.asarray(rows).T, strict=True)), **index)

    def _stood_for(
        self, X: NDArray[Any], labels: NDArray[Any] | None, *, is_weighted: bool
    ) -> NDArray[np.float64]:
        """How many rows each selected row stands for."""
        if self.method == "kmeans" and not is_weighted:
            return np.array(self.gains_)  # the sizes of the clusters
        counts = np.zeros(len(self.indices_))
        classes = np.zeros(len(X), np.int64) if self.per_class is None else labels
        assert classes is not None
        metric = "cosine" if self.metric == "cosine" else "euclidean"
        of_selected = classes[self.indices_]
        for number in np.unique(of_selected):
            places = np.flatnonzero(of_selected == number)
            members = X[classes == number]
            nearest = pairwise_distances_argmin(members, X[self.indices_[places]], metric=metric)
            counts[places] = np.bincount(nearest, minlength=len(places))
        return counts


def _preferences(sample_weight: ArrayLike | None, X: NDArray[Any]) -> dict[str, Any]:
    """The arguments of `select` for weights: rows of weight 0 may not be chosen."""
    if sample_weight is None:
        return {}
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(f"sample_weight must have one entry per row, got shape {weights.shape}")
    check_consistent_length(X, weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight must be at least 0, got {weights[row]:g} in row {row}")
    is_left_out = weights == 0
    if is_left_out.all():
        raise ValueError("sample_weight must be above 0 for at least one row, all are 0")
    preferences: dict[str, Any] = {}
    if is_left_out.any():
        preferences["exclude"] = np.flatnonzero(is_left_out)
    used = weights[~is_left_out]
    if used.min() < used.max():
        preferences["scores"] = np.where(is_left_out, used.min(), weights)
    return preferences


def _rows(values: Any, indices: NDArray[np.int64]) -> Any:
    """The given rows of an array, list, or frame or series of pandas or polars, in its type."""
    if hasattr(values, "iloc"):
        return values.iloc[indices]
    if type(values).__module__.partition(".")[0] == "polars":
        return values[indices]
    return np.asarray(values)[indices]
