"""Each arm's gain over a baseline, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report.plots.style import INK, QUIET_INK, new_figure, row_height, styled
from thinset.results.arm_words import plain_name
from thinset.results.grouping import colour_of, label_of
from thinset.results.wording import in_lines, spoken_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from thinset.results.grouping import Configuration
    from thinset.results.metrics import Metric
    from thinset.results.summaries import ArmSummary, PairedDifference


def differences_to_baseline(
    summaries: Sequence[ArmSummary], among: Sequence[Configuration]
) -> Figure:
    """Draw the score minus that of the baseline on the same seeds, one row per arm.

    The dot is the mean over the seeds, the bar its 95 % interval. Arms stand in the order of
    the table, never sorted by what they scored. `among`: everything on the page, which decides
    the colours.
    """
    rows = [(summary.configuration, summary.versus_baseline) for summary in summaries]
    baseline = summaries[0].baseline
    assert baseline is not None
    return _draw(rows, among, plain_name(baseline), summaries[0].metric)


def differences_to_full(summaries: Sequence[ArmSummary], among: Sequence[Configuration]) -> Figure:
    """Draw the same against training on everything as it is."""
    rows = [(summary.configuration, summary.versus_full) for summary in summaries]
    return _draw(rows, among, "everything", summaries[0].metric)


@styled
def _draw(
    rows: Sequence[tuple[Configuration, PairedDifference | None]],
    among: Sequence[Configuration],
    baseline: str,
    metric: Metric,
) -> Figure:
    shown = [configuration for configuration, _ in rows]
    names = [in_lines(label_of(key, shown), 40) for key in shown]
    figure = new_figure(10.4, 0.9 + row_height(names) * len(rows))
    axes = figure.subplots()
    for row, (configuration, difference) in enumerate(rows):
        assert difference is not None
        colour = colour_of(configuration, among)
        if difference.interval is not None:
            axes.plot(difference.interval, [row, row], color=colour, linewidth=7, alpha=0.3)
        axes.plot([difference.mean], [row], "o", color=colour, markersize=7)
        axes.annotate(
            spoken_points(difference.mean), (difference.mean, row), xytext=(0, 7),
            textcoords="offset points", ha="center", fontsize=9, color=INK,
        )  # fmt: skip
    axes.axvline(0.0, color=QUIET_INK, linewidth=1.1)
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.75)
    axes.grid(visible=False, axis="y")
    unit = f"{metric.difference_unit} of " if metric.difference_unit else ""
    axes.set_xlabel(f"{unit}{metric.label} against {baseline} on the same seeds")
    return figure
