"""Computes figures of a selection from embeddings, with progress, also for a loaded selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from thinset import _core
from thinset.selection.figures import RATIOS, Certificates, Figures, ObjectiveFigures, ratio
from thinset.selection.reporting import progress_callback, progress_of_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from thinset.selection.matrix_input import HostMatrix
    from thinset.selection.reporting import Progress


class Subset(NamedTuple):
    """Rows of a matrix whose figures are wanted."""

    matrix: HostMatrix
    indices: NDArray[np.int64]
    metric: str
    n_threads: int
    method: str

    @property
    def has_pairs(self) -> bool:
        return len(self.indices) > 1

    def figure(self, name: str, report: Callable[[int, int], None] | None) -> float:
        """One figure of `ObjectiveFigures`, or one bound of `Certificates`."""
        self._require_rows()
        return self.matrix.figure(
            name, self.indices, metric=self.metric, n_threads=self.n_threads, progress=report
        )

    def predicted_seconds(self) -> dict[str, tuple[float, float, float]]:
        """Seconds of each figure and bound: at least, likely and at most."""
        n_rows, n_columns = self.matrix.shape
        return _core.estimate_figures(
            n_rows,
            n_columns,
            self.matrix.dtype_name,
            len(self.indices),
            metric=self.metric,
            n_threads=self.n_threads,
        )

    def figures_on_demand(self, progress: Progress) -> tuple[ObjectiveFigures, Certificates]:
        """Figures that are computed on first access, optionally with a progress bar for each."""
        # A callable belongs to the call that received it, which has ended by then.
        bar = progress is True

        def compute(name: str) -> float:
            with progress_callback(bar, name) as report:
                return self.figure(name, report)

        objective = ObjectiveFigures({}, compute, has_pairs=self.has_pairs)
        certificates = Certificates(
            {}, compute, objective, has_pairs=self.has_pairs, method=self.method
        )
        return objective, certificates

    def compute_objective(self, objective: ObjectiveFigures, progress: Progress) -> None:
        """Compute all figures that are not known yet."""
        names = ObjectiveFigures.defined(self.has_pairs, self.method)
        self._compute("objective", [(objective, name) for name in names], progress)

    def compute_certificates(
        self, certificates: Certificates, objective: ObjectiveFigures, progress: Progress
    ) -> None:
        """Compute all bounds and ratios that are not known yet, and the figures that they need."""
        names = Certificates.defined(self.has_pairs, self.method)
        ratios = [name for name in names if name in RATIOS]
        wanted: list[tuple[Figures, str]] = [
            (certificates, name) for name in names if name not in RATIOS
        ]
        wanted += [(objective, RATIOS[name][0]) for name in ratios]
        self._compute("certificates", wanted, progress)
        for name in ratios:
            figure, bound = RATIOS[name]
            certificates.remember(name, ratio(objective[figure], certificates[bound]))

    def _require_rows(self) -> None:
        if len(self.indices) == 0:
            raise ValueError("a selection without rows has no figures; lower min_distance")

    def _compute(self, label: str, wanted: list[tuple[Figures, str]], progress: Progress) -> None:
        missing = [(figures, name) for figures, name in wanted if name not in figures.known]
        if not missing:
            return
        self._require_rows()
        # Their times differ by orders of magnitude; predicting them takes milliseconds.
        predicted = {} if progress in {None, False} else self.predicted_seconds()
        weights = {name: predicted[name][1] if predicted else 1.0 for _, name in missing}
        with progress_of_parts(progress, label, weights) as report_of:
            for figures, name in missing:
                figures.remember(name, self.figure(name, report_of(name)))
