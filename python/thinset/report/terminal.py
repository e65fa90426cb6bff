"""A comparison in plain text, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.results.findings import describe_difference, find
from thinset.results.grouping import label_of
from thinset.results.summaries import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.arm import Arm
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary


def spoken_comparison(records: Sequence[RunRecord], baseline: Arm | None = None) -> str:
    """Return a table of every arm with its difference to the baseline, and what that says."""
    summaries = summarise(records, baseline)
    among = [summary.configuration for summary in summaries]
    names = [label_of(summary.configuration, among) for summary in summaries]
    width = max(len(name) for name in names)
    rows = [
        f"{name:<{width}}  {_mean(summary)}  {_difference(summary)}"
        for name, summary in zip(names, summaries, strict=True)
    ]
    sentences = [finding.headline for finding in find(summaries)]
    return "\n".join([*rows, "", *sentences])


def _mean(summary: ArmSummary) -> str:
    deviation, metric = summary.standard_deviation, summary.metric
    spread = "" if deviation is None else f" ± {deviation:.{metric.decimals}f}"
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{summary.mean:6.{metric.decimals}f}{unit}{spread} (n = {summary.n})"


def _difference(summary: ArmSummary) -> str:
    if summary.versus_baseline is None:
        return ""
    difference = describe_difference(summary.versus_baseline, summary.metric.difference_unit)
    return f"against {summary.baseline}: {difference}"
