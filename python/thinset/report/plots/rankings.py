"""Scores of hyper-parameters: on a subset against on everything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from thinset.report.plots.style import RULE, new_figure, styled
from thinset.results.grouping import colours_of
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from thinset.results.ranking import ArmRanking

_COLUMNS = 3


@styled
def rankings(reference: ArmRanking, arms: Sequence[ArmRanking]) -> Figure:
    """Draw one panel per arm: each setting's accuracy there against that of the reference.

    Means over seeds, in percent. Points in rising order are settings that both rank alike.
    """
    n_columns = min(_COLUMNS, len(arms))
    n_rows = math.ceil(len(arms) / n_columns)
    figure = new_figure(10.4, 0.3 + 3.4 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True).flat
    colours = colours_of(arm.arm for arm in arms)
    for arm, axes in zip(arms, panels, strict=False):  # in this order: no panel is taken in vain
        colour = colours[arm.arm]
        x = [reference.accuracies[setting] for setting in arm.accuracies]
        axes.plot(x, list(arm.accuracies.values()), "o", color=colour, markersize=5.5)
        title = f"{shortened(str(arm.arm))}: agreement {arm.mean_agreement:.2f}"
        axes.set_title(title, fontsize=10.5, loc="left")
        axes.axline((min(x), min(x)), slope=1, color=RULE, linewidth=1.0)
        axes.set_xlabel("accuracy of the reference (%)")
        axes.set_ylabel("accuracy of the arm (%)")
        axes.tick_params(labelbottom=True)
    for axes in panels:
        axes.set_visible(False)
    return figure
