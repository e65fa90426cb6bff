"""A comparison in plain text, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.results.arm_words import plain_name
from thinset.results.findings import find
from thinset.results.grouping import code_of
from thinset.results.headlines import overall_headline
from thinset.results.summaries import summarise
from thinset.results.verdicts import describe_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thinset.results.arm import Arm
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary


def spoken_comparison(records: Sequence[RunRecord], baseline: Arm | None = None) -> str:
    """Return a table of every arm with its difference to the baseline, and what that says."""
    summaries = summarise(records, baseline)
    among = [summary.configuration for summary in summaries]
    is_one_comparison = len({configuration.comparison for configuration in among}) == 1
    names = [
        code_of(one, among) + ("" if is_one_comparison else f", equal {one.comparison}")
        for one in among
    ]
    width = max(len(name) for name in names)
    rows = [
        f"{name:<{width}}  {_mean(summary)}  {_difference(summary)}"
        for name, summary in zip(names, summaries, strict=True)
    ]
    findings = find(summaries)
    sentences = dict.fromkeys(
        [overall_headline(findings, summaries), *(finding.headline for finding in findings)]
    )
    return "\n".join([*rows, "", *(f"{sentence}." for sentence in sentences)])


def _mean(summary: ArmSummary) -> str:
    deviation, metric = summary.standard_deviation, summary.metric
    spread = "" if deviation is None else f" ± {deviation:.{metric.decimals}f}"
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{summary.mean:6.{metric.decimals}f}{unit}{spread} (n = {summary.n})"


def _difference(summary: ArmSummary) -> str:
    if summary.versus_baseline is None:
        return ""
    difference = describe_difference(summary.versus_baseline, summary.metric.difference_unit)
    assert summary.baseline is not None
    return f"against {plain_name(summary.baseline)}: {difference}"
