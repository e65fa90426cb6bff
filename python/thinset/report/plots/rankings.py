"""Rankings of candidates by small data, against the ranking by everything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from thinset.report.plots.style import INK, RULE, new_figure, styled
from thinset.results.grouping import colours_of
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from thinset.results.ranking import Ranker, Ranking

_COLUMNS = 3


@styled
def rankings(reference: Ranking, others: Sequence[Ranking], labels: Mapping[Ranker, str]) -> Figure:
    """Draw one panel per ranking: each candidate's accuracy there against that of the reference.

    Means over seeds, in percent. Points in rising order are candidates that both rank alike.

    Args:
        labels: the names of all rankings of the page, whose arms share the colours.
    """
    n_columns = min(_COLUMNS, len(others))
    n_rows = math.ceil(len(others) / n_columns)
    figure = new_figure(10.4, 0.3 + 3.4 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True).flat
    colours = colours_of(ranker.arm for ranker in labels)
    for ranking, axes in zip(others, panels, strict=False):  # so that no panel is taken in vain
        colour = colours[ranking.ranker.arm]
        x = [reference.accuracies[candidate] for candidate in ranking.accuracies]
        axes.plot(x, list(ranking.accuracies.values()), "o", color=colour, markersize=5.5)
        title = f"{shortened(labels[ranking.ranker])}: {ranking.mean_agreement:.2f}"
        axes.set_title(title, fontsize=10.5, loc="left")
        axes.axline((min(x), min(x)), slope=1, color=RULE, linewidth=1.0)
        axes.set_xlabel("accuracy of the reference (%)")
        axes.set_ylabel("accuracy of the arm (%)")
        axes.tick_params(labelbottom=True)
    for axes in panels:
        axes.set_visible(False)
    return figure


@styled
def agreements(
    reference: Ranking, others: Sequence[Ranking], labels: Mapping[Ranker, str]
) -> Figure:
    """Draw a line per ranking: its agreement with the reference, with the interval.

    Behind the name stands the share of the reference's time that it took.
    """
    figure = new_figure(10.4, 1.0 + 0.42 * len(others))
    axes = figure.subplots()
    colours = colours_of(ranker.arm for ranker in labels)
    for row, ranking in enumerate(others):
        colour = colours[ranking.ranker.arm]
        if ranking.agreement_interval is not None:
            axes.plot(ranking.agreement_interval, (row, row), "-", color=colour, linewidth=2.0)
        axes.plot(ranking.mean_agreement, row, "o", color=colour, markersize=7.0)
    axes.axvline(0.0, color=RULE, linewidth=1.0)
    if reference.agreement:
        axes.axvline(reference.mean_agreement, color=INK, linewidth=1.0, linestyle="--")
        axes.text(
            reference.mean_agreement,
            1.0,
            "reference, other seeds",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=9.0,
        )
    names = [
        f"{shortened(labels[ranking.ranker], 40)}  "
        f"({100 * ranking.seconds / reference.seconds:.0f}% of the time)"
        for ranking in others
    ]
    axes.set_yticks(range(len(others)), names)
    axes.set_ylim(len(others) - 0.5, -0.5)
    axes.set_xlabel("agreement with the reference (Kendall's tau-b)")
    return figure
