"""A comparison in plain text, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.results.findings import describe_difference, find
from thinset.results.grouping import label_of
from thinset.results.summaries import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary


def spoken_comparison(records: Sequence[RunRecord]) -> str:
    """Return a table of every arm with its difference to random, and what that says in words."""
    summaries = summarise(records)
    among = [summary.configuration for summary in summaries]
    names = [label_of(summary.configuration, among) for summary in summaries]
    width = max(len(name) for name in names)
    rows = [
        f"{name:<{width}}  {_accuracy(summary)}  {_difference(summary)}"
        for name, summary in zip(names, summaries, strict=True)
    ]
    sentences = [finding.headline for finding in find(summaries)]
    return "\n".join([*rows, "", *sentences])


def _accuracy(summary: ArmSummary) -> str:
    deviation = summary.standard_deviation
    spread = "" if deviation is None else f" ± {deviation:.2f}"
    return f"{summary.mean:6.2f} %{spread} (n = {summary.n})"


def _difference(summary: ArmSummary) -> str:
    if summary.versus_random is None:
        return ""
    return f"against random: {describe_difference(summary.versus_random)}"
