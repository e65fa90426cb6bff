"""The time that an arm needs to reach the final score of full-data training."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.results.arm import FULL
from thinset.results.grouping import group_runs
from thinset.results.summaries import baseline_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord

_FEWEST_POINTS = 3  # of a curve; interpolation between fewer would be too rough


@dataclass(frozen=True)
class TimeToAccuracy:
    """The times at which runs of one configuration reach the final full-data score, by seed.

    Seconds are those that the comparison equalises, evaluations included, interpolated between
    evaluations; None for a run that never reaches it. `full_seconds` are those of full-data
    training until its own final accuracy.
    """

    configuration: Configuration
    seeds: tuple[int, ...]
    seconds: tuple[float | None, ...]
    full_seconds: tuple[float, ...]

    @property
    def n_reached(self) -> int:
        """The number of runs that reach it."""
        return sum(seconds is not None for seconds in self.seconds)

    @property
    def speedups(self) -> tuple[float | None, ...]:
        """The time of full-data training divided by the arm's; None if the arm never reaches it."""
        pairs = zip(self.full_seconds, self.seconds, strict=True)
        return tuple(full / own if own else None for full, own in pairs)


def times_to_accuracy(records: Iterable[RunRecord]) -> tuple[TimeToAccuracy, ...]:
    """Compare every configuration with training on everything in the same comparison and length.

    Configurations without common seeds, and runs with fewer than three evaluations, are omitted.
    """
    return tuple(_times_to_accuracy(group_runs(records)))


def seconds_to_reach(score: float, run: RunRecord) -> float | None:
    """Return when the curve of `run` first is as good as `score`; None if it never is."""
    sign = run.main_metric.sign
    goal = sign * score
    points = [(seconds, sign * value) for seconds, value in scored_points(run)]
    if points and points[0][1] >= goal:
        return points[0][0]
    for (start, below), (end, above) in itertools.pairwise(points):
        if above >= goal:
            return start + (end - start) * (goal - below) / (above - below)
    return None


def scored_points(run: RunRecord) -> list[tuple[float, float]]:
    """Return seconds and score of each evaluation that has one, by the run's main metric."""
    points = ((point.seconds, point.scores.get(run.metric)) for point in run.curve)
    return [(seconds, value) for seconds, value in points if value is not None]


def _times_to_accuracy(
    groups: dict[Configuration, tuple[RunRecord, ...]],
) -> Iterator[TimeToAccuracy]:
    for configuration, runs in groups.items():
        everything = baseline_of(configuration, FULL, groups)
        runs_of_full = () if everything is None else groups[everything]
        full = {run.seed: run for run in runs_of_full if _is_a_curve(run)}
        paired = [run for run in runs if run.seed in full and _is_a_curve(run)]
        if paired:
            goals = {run.seed: full[run.seed].score for run in paired}
            yield TimeToAccuracy(
                configuration,
                tuple(goals),
                tuple(seconds_to_reach(goals[run.seed], run) for run in paired),
                tuple(_seconds_of_full(full[seed], goal) for seed, goal in goals.items()),
            )


def _is_a_curve(run: RunRecord) -> bool:
    return len(scored_points(run)) >= _FEWEST_POINTS


def _seconds_of_full(full: RunRecord, goal: float) -> float:
    seconds = seconds_to_reach(goal, full)
    return full.total_seconds if seconds is None else seconds
