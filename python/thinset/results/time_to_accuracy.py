"""How soon an arm is as good as training on everything is in the end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.results.grouping import group_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord

_FEWEST_POINTS = 3  # of a curve; between fewer, interpolation would tell too little


@dataclass(frozen=True)
class TimeToAccuracy:
    """When the runs of one configuration reach the final full-data accuracy, seed by seed.

    Seconds are those that the comparison holds equal, evaluations included, interpolated between
    evaluations; None for a run that never gets there. `full_seconds` are those of training on
    everything on its way to its own final accuracy.
    """

    configuration: Configuration
    seeds: tuple[int, ...]
    seconds: tuple[float | None, ...]
    full_seconds: tuple[float, ...]

    @property
    def n_reached(self) -> int:
        """How many of the runs get there."""
        return sum(seconds is not None for seconds in self.seconds)

    @property
    def speedups(self) -> tuple[float | None, ...]:
        """The time that everything needs over the arm's own; None where that never gets there."""
        pairs = zip(self.full_seconds, self.seconds, strict=True)
        return tuple(full / own if own else None for full, own in pairs)


def times_to_accuracy(records: Iterable[RunRecord]) -> tuple[TimeToAccuracy, ...]:
    """Compare every configuration with training on everything in the same comparison and length.

    Those without seeds in common with it, and runs with fewer than three evaluations, are left out.
    """
    return tuple(_times_to_accuracy(group_runs(records)))


def seconds_to_reach(accuracy: float, run: RunRecord) -> float | None:
    """Return when the curve of `run` first is at `accuracy` (percent); None where it never is."""
    points = [(p.seconds, p.test_accuracy) for p in run.curve if p.test_accuracy is not None]
    if points and points[0][1] >= accuracy:
        return points[0][0]
    for (start, below), (end, above) in itertools.pairwise(points):
        if above >= accuracy:
            return start + (end - start) * (accuracy - below) / (above - below)
    return None


def _times_to_accuracy(
    groups: dict[Configuration, tuple[RunRecord, ...]],
) -> Iterator[TimeToAccuracy]:
    for configuration, runs in groups.items():
        everything = configuration._replace(arm="full", method="full", n_subset=None, split=None)
        full = {run.seed: run for run in groups.get(everything, ()) if _is_a_curve(run)}
        paired = [run for run in runs if run.seed in full and _is_a_curve(run)]
        if paired:
            goals = {run.seed: full[run.seed].final.test_accuracy for run in paired}
            yield TimeToAccuracy(
                configuration,
                tuple(goals),
                tuple(seconds_to_reach(goals[run.seed], run) for run in paired),
                tuple(_seconds_of_full(full[seed], goal) for seed, goal in goals.items()),
            )


def _is_a_curve(run: RunRecord) -> bool:
    return sum(point.test_accuracy is not None for point in run.curve) >= _FEWEST_POINTS


def _seconds_of_full(full: RunRecord, goal: float) -> float:
    seconds = seconds_to_reach(goal, full)
    return full.total_seconds if seconds is None else seconds
