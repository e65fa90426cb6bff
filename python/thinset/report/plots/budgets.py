"""Accuracies within a fixed budget: one bar per run, as in the paper's Figure 6."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from thinset.report.plots.style import INK, new_figure, styled
from thinset.results.grouping import colour_of, group_runs, label_of
from thinset.results.wording import in_lines, spoken_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from thinset.results.records import RunRecord

_TITLES = {"time": "everything counted", "training time": "training alone counted"}


@styled
def budget_bars(records: Sequence[RunRecord]) -> Figure:
    """Draw the final score of every run, arm beside arm, and each arm's mean.

    One panel for each budget and way of counting it.
    """
    groups = group_runs(records)
    panels = list(dict.fromkeys((key.comparison, key.total) for key in groups))
    figure = new_figure(10.4, 0.5 + 2.5 * len(panels))
    for axes, (comparison, total) in zip(
        figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
    ):
        arms = {
            key: runs
            for key, runs in groups.items()
            if (key.comparison, key.total) == (comparison, total)
        }
        for place, (key, runs) in enumerate(arms.items()):
            scores = [run.score for run in runs]
            mean, n = statistics.fmean(scores), len(runs)
            width = 0.8 / n
            colour = colour_of(key, groups)
            x = [place + (number - (n - 1) / 2) * width for number in range(n)]
            axes.bar(x, scores, 0.86 * width, color=colour, alpha=0.65)
            axes.plot([place - 0.42, place + 0.42], [mean, mean], color=INK, linewidth=1.2)
            spread = f" ± {statistics.stdev(scores):.1f}" if n > 1 else ""
            axes.annotate(
                f"{mean:.1f}{spread}", (place, max(scores)), xytext=(0, 4),
                textcoords="offset points", ha="center", fontsize=9.5, color=INK,
            )  # fmt: skip
        names = [in_lines(label_of(key, arms), max(12, 78 // len(arms))) for key in arms]
        axes.set_xticks(range(len(arms)), names)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        metric = records[0].main_metric
        if metric.unit == "%":
            axes.set_ylim(0, 112)
            axes.set_yticks(range(0, 101, 25))
        axes.set_ylabel(metric.axis_label)
        axes.set_title(f"{spoken_length(total)}, {_TITLES[comparison]}", fontsize=10.5, loc="left")
    return figure
