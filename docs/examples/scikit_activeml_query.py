"""Active learning with scikit-activeml, where thinset chooses what to label next.

`Farthest` is a query strategy like those of the library: it asks for the samples that are furthest
from all labelled ones. `python docs/examples/scikit_activeml_query.py` takes a few seconds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from skactiveml.base import SingleAnnotatorPoolQueryStrategy
from skactiveml.utils import is_labeled
from sklearn.linear_model import LogisticRegression

import thinset
from thinset.data import import_dataset


class Farthest(SingleAnnotatorPoolQueryStrategy):
    """The samples that are furthest from the labelled ones and from one another (max-min)."""

    def query(
        self,
        X: Any,
        y: Any,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Return the rows of `X` to label next, (batch_size,), and their distances if asked."""
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        _, rows = self._transform_candidates(candidates, X, y)
        labelled = np.flatnonzero(is_labeled(y, self.missing_label_))
        selection = thinset.select(  # thinset
            np.asarray(X, np.float32),
            len(labelled) + batch_size,
            "max_min",
            initial_subset=labelled,
        )
        chosen = selection.indices[len(labelled) :]
        if not return_utilities:
            return chosen
        utilities = np.full((batch_size, len(X)), np.nan)
        utilities[:, rows] = 0.0
        utilities[np.arange(batch_size), chosen] = selection.gains[len(labelled) :]
        return chosen, utilities


def main(folder: Path) -> float:
    """Label 200 training digits in ten rounds; return the accuracy on the test digits, 0..1."""
    digits = import_dataset("digits", folder)
    train, test = digits["train"], digits["test"]
    pixels = train.images.reshape(len(train), -1) / 255
    answers = np.asarray(train.labels, float)

    y = np.full(len(train), np.nan)  # nothing is labelled yet
    strategy = Farthest()
    for _ in range(10):
        rows = strategy.query(pixels, y, batch_size=20)
        y[rows] = answers[rows]  # what an annotator would say

    known = ~np.isnan(y)
    model = LogisticRegression(max_iter=1000).fit(pixels[known], y[known])
    return float(model.score(test.images.reshape(len(test), -1) / 255, test.labels))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(f"test accuracy {main(Path(scratch) / 'digits'):.1%}")  # noqa: T201
