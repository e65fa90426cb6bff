"""Scores of distilled images by the number of layers that start from known weights."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from thinset.report.plots.style import legend_above, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from thinset.results.records import RunRecord

_LOOKS = {
    False: ("these layers as in the distillation", "#0072B2", "-"),
    True: ("control: all layers new", "#D55E00", "--"),
}


@styled
def score_by_fixed_layers(records: Sequence[RunRecord]) -> Figure:
    """Draw the score against the number of fixed layers, with the control on new weights.

    `records`: of arms that are distilled with `fixed_layers`. Bars: sample standard deviation over
    seeds.
    """
    figure = new_figure(10.4, 4.4)
    axes = figure.subplots()
    by_layers: dict[bool, dict[int, list[float]]] = {}
    for run in records:
        rule = run.arm.distilled
        assert rule is not None
        assert rule.fixed_layers is not None
        line = by_layers.setdefault(run.arm.has_new_weights, {})
        line.setdefault(rule.fixed_layers, []).append(run.score)
    for is_new, line in sorted(by_layers.items()):
        label, colour, style = _LOOKS[is_new]
        places = sorted(line)
        axes.errorbar(
            places,
            [statistics.fmean(line[place]) for place in places],
            [statistics.stdev(line[place]) if len(line[place]) > 1 else 0.0 for place in places],
            color=colour,
            linestyle=style,
            marker="o",
            markersize=4,
            capsize=2,
            label=label,
        )
    axes.set_xticks(sorted({place for line in by_layers.values() for place in line}))
    axes.set_xlabel("first layers with the same initial weights in distillation and training")
    axes.set_ylabel(records[0].main_metric.axis_label)
    legend_above(figure)
    return figure
