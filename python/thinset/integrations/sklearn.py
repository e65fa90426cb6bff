"""Selection as a scikit-learn estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from thinset.selection import select

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_SEEDS = np.iinfo(np.int32).max


class Selector(BaseEstimator):  # type: ignore[misc]
    """Select rows by any method of `thinset.select`, as a scikit-learn estimator.

    `fit` selects, `get_support` returns which rows were selected, and `fit_resample` returns the
    rows, so it also works in the pipelines of imbalanced-learn. It is not a transformer, because
    transformers keep every row.

    Args:
        method: one of `thinset.methods()`.
        n_samples: how many rows: an int in [1, N], or a float fraction in (0, 1].
        metric: "euclidean", "sqeuclidean" or "cosine".
        per_class: "balanced" or "proportional" to choose within each class of `y`; None to ignore
            classes.
        random_state: an int, a RandomState or None, as everywhere in scikit-learn.
        n_threads: None for all available processors.
        options: the method's own, by name, such as {"mode": "abs"} for top-k.

    Attributes:
        indices_: (k,) int64, the rows in selection order.
        gains_: (k,) float64, what each added; see thinset.Selection.
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
    ) -> None:
        self.method = method
        self.n_samples = n_samples
        self.metric = metric
        self.per_class = per_class
        self.random_state = random_state
        self.n_threads = n_threads
        self.options = options

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Selector:
        """Select rows of `X`, (N, D); `y`, (N,), holds the classes and is used only by `per_class`.

        Raises ValueError as `thinset.select` does.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32), order="C")
        labels: NDArray[Any] | None = None
        if y is not None:
            _, labels = np.unique(column_or_1d(y), return_inverse=True)
        seed = self.random_state
        if seed is not None:
            seed = int(check_random_state(seed).randint(_SEEDS))
        self.selection_ = select(
            X,
            self.n_samples,
            self.method,
            labels=labels,
            per_class=self.per_class,
            metric=self.metric,
            random_state=seed,
            n_threads=self.n_threads,
            **(self.options or {}),
        )
        self.indices_ = self.selection_.indices
        self.gains_ = self.selection_.gains
        self.n_samples_fit_ = self.selection_.n_total
        return self

    def get_support(self, indices: bool = False) -> NDArray[Any]:
        """Return a mask (N,) of the selected rows, or with `indices` their numbers, ascending."""
        check_is_fitted(self)
        if indices:
            return np.sort(self.indices_)
        mask = np.zeros(self.n_samples_fit_, bool)
        mask[self.indices_] = True
        return mask

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Select, and return the selected rows of `X` and `y` in the order chosen."""
        self.fit(X, y)
        return _rows(X, self.indices_), _rows(y, self.indices_)


def _rows(values: Any, indices: NDArray[np.int64]) -> Any:
    """The given rows of an array, list, or pandas frame or series; the type is kept."""
    return values.iloc[indices] if hasattr(values, "iloc") else np.asarray(values)[indices]
