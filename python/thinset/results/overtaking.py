"""When arms are better than the baseline during trainings of equally many steps."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thinset.results.grouping import group_runs
from thinset.results.summaries import baseline_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from thinset.results.arm import Arm
    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord

FEWEST_POINTS = 3
"""Of a curve; fewer say little about its course"""


@dataclass(frozen=True)
class Overtaking:
    """At which evaluations the mean score of a configuration is better than the baseline's.

    first_step: of the first such evaluation; None for never. n_better: their number among the
    n_compared evaluations, those at steps that all runs share. Means are over the `seeds` that
    both have.
    """

    configuration: Configuration
    seeds: tuple[int, ...]
    first_step: int | None
    n_better: int
    n_compared: int


def overtakings(records: Iterable[RunRecord], baseline: Arm) -> tuple[Overtaking, ...]:
    """Compare every configuration of equal steps with the baseline of the same size and length.

    Configurations without seeds in common and curves of fewer than three evaluations are omitted.
    """
    return tuple(_overtakings([run for run in records if run.comparison == "steps"], baseline))


def _overtakings(records: Sequence[RunRecord], baseline: Arm) -> Iterator[Overtaking]:
    groups = group_runs(records)
    for configuration, runs in groups.items():
        rival = baseline_of(configuration, baseline, groups)
        if rival is None or rival == configuration:
            continue
        seeds = {run.seed for run in runs} & {run.seed for run in groups[rival]}
        own = [_curve(run) for run in runs if run.seed in seeds]
        others = [_curve(run) for run in groups[rival] if run.seed in seeds]
        steps = sorted(set.intersection(*(set(curve) for curve in (*own, *others)))) if own else []
        if len(steps) < FEWEST_POINTS:
            continue
        sign = runs[0].main_metric.sign
        better = [
            step
            for step in steps
            if sign * statistics.fmean(curve[step] for curve in own)
            > sign * statistics.fmean(curve[step] for curve in others)
        ]
        yield Overtaking(
            configuration,
            tuple(sorted(seeds)),
            better[0] if better else None,
            len(better),
            len(steps),
        )


def _curve(run: RunRecord) -> dict[int, float]:
    """The score at each step at which there is one."""
    scores = ((point.step, point.scores.get(run.metric)) for point in run.curve)
    return {step: score for step, score in scores if score is not None}
