"""Final scores as points on a line with their intervals, for templates/parts.html.j2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.report.sections import by_comparison
from thinset.results.grouping import colour_of, label_of
from thinset.results.student import mean_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.grouping import Configuration
    from thinset.results.summaries import ArmSummary

_MOST_POINTS = 24


def points(summaries: Sequence[ArmSummary]) -> list[dict[str, Any]]:
    """Return the final score of each arm as a place on a line, with its interval, by comparison.

    Empty for more arms than can be read. Places are in percent of the width. The interval is the
    95 % Student t interval of the mean.
    """
    among = [summary.configuration for summary in summaries]
    if len(summaries) > _MOST_POINTS:
        return []
    return [
        {"title": title, "rows": _on_one_line(arms, among), "metric": arms[0].metric.axis_label}
        for _, title, arms in by_comparison(summaries)
    ]


def _on_one_line(
    arms: Sequence[ArmSummary], among: Sequence[Configuration]
) -> list[dict[str, Any]]:
    intervals = [_possible(mean_interval(arm.scores), arm.metric.unit) for arm in arms]
    bounds = [bound for interval in intervals if interval is not None for bound in interval]
    low, high = (function([*bounds, *(arm.mean for arm in arms)]) for function in (min, max))
    reach = (high - low) or max(abs(high), 1.0)

    def place(value: float) -> float:
        return round(4.0 + 92.0 * (value - low) / reach, 2)

    rows = []
    for arm, interval in zip(arms, intervals, strict=True):
        decimals = arm.metric.few_decimals
        around = (
            "" if interval is None else " to ".join(f"{bound:.{decimals}f}" for bound in interval)
        )
        if arm.n > 1 and len(set(arm.scores)) == 1:
            around = "the same for all seeds"  # a replay of fixed weights has nothing random
        start, end = (arm.mean, arm.mean) if interval is None else interval
        rows.append(
            {
                "name": label_of(arm.configuration, among),
                "colour": colour_of(arm.configuration, among),
                "place": place(arm.mean),
                "start": place(start),
                "width": round(place(end) - place(start), 2),
                "value": arm.metric.spoken(arm.mean, decimals),
                "interval": around,
                "n": arm.n,
            }
        )
    return rows


def _possible(interval: tuple[float, float] | None, unit: str) -> tuple[float, float] | None:
    """The part of an interval that the metric can take: no percentage is above 100."""
    if interval is None or unit != "%":
        return interval
    return max(interval[0], 0.0), min(interval[1], 100.0)
