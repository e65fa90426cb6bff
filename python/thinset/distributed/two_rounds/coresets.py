"""Composable coresets: what both dispersion methods have in common.

Round 1: each worker selects from its part, with the method itself. Round 2: the method selects from
all of these rows together. A last round measures how good the answer is over all rows.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import numpy as np

from thinset.distributed.algorithm import Algorithm
from thinset.selection.matrix_input import HostMatrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from thinset import _core
    from thinset.distributed.engine import Engine
    from thinset.distributed.held_rows import HeldRows
    from thinset.distributed.messages import Arrays


class CoresetRows:
    """The rows of one part, from which the method chooses its coreset."""

    def __init__(
        self,
        rows: HeldRows,
        *,
        method: str,
        metric: str,
        options: Mapping[str, Any],
        coreset_size: int,
        n_threads: int,
    ) -> None:
        self.rows = rows
        self.metric = metric
        self.n_threads = n_threads
        self._method = method
        self._options = options
        self._size = coreset_size

    def coreset(self) -> Arrays:
        """Row numbers in the whole matrix, ascending, and the rows."""
        chosen = self.rows.matrix.choose(
            min(self._size, self.rows.part.n_rows),
            method=self._method,
            metric=self.metric,
            n_threads=self.n_threads,
            **self._options,
        )
        rows = np.sort(chosen.indices)
        (points,) = self.rows.points(rows)
        return rows + self.rows.part.first_row, points


class TwoRounds(Algorithm):
    """Steps: the coresets and the choice from them, then the measures of that choice."""

    work = CoresetRows

    def settings(self) -> dict[str, Any]:
        request = self.request
        return {
            "method": request.method,
            "metric": request.metric,
            "options": request.options,
            "coreset_size": self._coreset_size,
            "n_threads": request.n_threads,
        }

    @property
    def _coreset_size(self) -> int:
        return self.request.coreset_size or self.request.n_samples

    def params(self) -> dict[str, Any]:
        return {"rounds": 2, "coreset_size": self._coreset_size, "n_parts": len(self.parts)}

    def step(self, engine: Engine) -> bool:
        if not self.rows:
            self._choose(engine)
            return False
        self.measure(engine)
        return True

    def _choose(self, engine: Engine) -> None:
        answers = engine.call("coreset")
        rows = np.concatenate([numbers for numbers, _ in answers])
        if len(rows) < self.request.n_samples:
            raise ValueError(
                f"coreset_size = {self._coreset_size} gives {len(rows):,} rows from "
                f"{len(self.parts)} parts, fewer than n_samples = {self.request.n_samples}; "
                "raise it"
            )
        # As they are in the whole matrix, so that ties go to the lower row.
        chosen = self.chosen_from([points for _, points in answers])
        self.rows = rows[chosen.indices].tolist()
        self.gains = chosen.gains.tolist()

    def chosen_from(self, points: list[NDArray[Any]]) -> _core.SelectionResult:
        """The choice of the method from candidates alone."""
        return self._matrix(points).choose(
            self.request.n_samples,
            method=self.request.method,
            metric=self.request.metric,
            n_threads=self.request.n_threads,
            **self.request.options,
        )

    def _matrix(self, arrays: list[NDArray[Any]]) -> HostMatrix:
        return HostMatrix(arrays, self.parts[0].dtype == "bfloat16")

    @abc.abstractmethod
    def measure(self, engine: Engine) -> None:
        """Compute `figures` over all rows."""
