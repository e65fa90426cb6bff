"""A search over configurations of training, on everything and on subsets."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from thinset.experiments.ranking.points import Point, points_of, search_results
from thinset.experiments.workbench import Where, Workbench

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.experiments.settings import SearchSettings
    from thinset.results import RunRecord
    from thinset.results.ranking import Trained


class Search:
    """Every configuration trained by every arm; records lie in one folder and are not repeated.

    A later call may ask for more arms, seeds, learning rates and widths in the same folder.
    """

    def __init__(self, where: Where, settings: SearchSettings, *, figure: str = "") -> None:
        self._points = tuple(points_of(settings))
        fixed = ("training", "total", "reference_total", "size")
        self._bench = Workbench(where, settings, fixed=fixed, figure=figure)
        self.folder = self._bench.folder
        self.data = self._bench.data
        self.settings = settings

    def train(self, note: Callable[[str], None] | None = None) -> None:
        """Train what is missing; see Workbench.train_missing."""
        trainings = {point.name: functools.partial(self._train, point) for point in self._points}
        self._bench.train_missing(trainings, note)

    def results(self) -> tuple[dict[str, list[Trained]], dict[str, float], list[RunRecord]]:
        """What is trained so far; see search_results."""
        return search_results(self._points, self.folder.records, self.left_out)

    @property
    def left_out(self) -> dict[str, str]:
        """Those trainings of the search that could not be made, by name, and why."""
        return self.folder.left_out_of(point.name for point in self._points)

    def _train(self, point: Point) -> None:
        rate, width = point.configuration
        training = dataclasses.replace(self.settings.training, learning_rate=rate, width=width)
        self._bench.train(point.cell, training, point.name)
