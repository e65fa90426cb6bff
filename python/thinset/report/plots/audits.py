"""The accuracies of an audit: every set in every use."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from thinset.report.plots.style import INK, legend_above, new_figure, styled
from thinset.results.audit import THE_SET
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from thinset.results.audit import Audit, AuditRow

_Look: TypeAlias = tuple[str, bool, str]
_LONGEST_NAME = 60
_SPREAD = 0.8
"""Share of the height of a row that marks take"""
_OURS, _OTHERS = "#D55E00", "#0072B2"


@styled
def audit_accuracies(audit: Audit) -> Figure:
    """Draw the mean accuracy of each set, a row for each kind of labels, a panel per network.

    Ways of training are side by side in a row, so that their bars do not cover each other. Bars:
    sample standard deviation over networks. Filled dots are trained without augmentation, open ones
    with it, diamonds by stored steps.
    """
    places = list(dict.fromkeys((row.name, row.labels) for row in audit.rows))
    looks: dict[tuple[str, str], dict[_Look, None]] = {}
    for row in sorted(audit.rows, key=_order):
        looks.setdefault((row.name, row.labels), {})[_look(row)] = None
    most = max(map(len, looks.values()))
    figure = new_figure(10.4, 1.2 + (0.16 + 0.12 * most) * len(places))
    panels = figure.subplots(1, len(audit.networks), squeeze=False, sharey=True)[0]
    for axes, network in zip(panels, audit.networks, strict=True):
        for row in audit.rows:
            if row.network != network:
                continue
            place, look = (row.name, row.labels), _look(row)
            marker, is_filled, label = look
            among = list(looks[place])
            # Around the middle of the row, which is 1 high.
            shift = _SPREAD / most * (among.index(look) - (len(among) - 1) / 2)
            colour = _OURS if row.name == THE_SET else _OTHERS
            axes.errorbar(
                [row.mean],
                [places.index(place) + shift],
                xerr=[row.standard_deviation or 0.0],
                marker=marker,
                markersize=6,
                color=colour,
                markerfacecolor=colour if is_filled else "white",
                elinewidth=0.9,
                linestyle="none",
            )
            axes.plot(
                [], [], marker=marker, linestyle="none", color=INK,
                markerfacecolor=INK if is_filled else "white",
                label=label if label not in axes.get_legend_handles_labels()[1] else None,
            )  # fmt: skip
        axes.set_xlabel(f"test accuracy of {network} (%)")
        axes.grid(visible=False, axis="y")
    names = [shortened(f"{name}, {labels} labels", _LONGEST_NAME) for name, labels in places]
    panels[0].set_yticks(range(len(places)), names)
    panels[0].set_ylim(len(places) - 0.5, -0.5)
    legend_above(figure)
    return figure


def _order(row: AuditRow) -> tuple[bool, str, bool]:
    """Training before replays, and each without a change before it with one."""
    return row.way != "training", row.way, row.is_augmented


def _look(row: AuditRow) -> _Look:
    """Marker, whether it is filled, and the label of a row."""
    if row.way == "replay":
        return "D", True, "stored steps"
    if row.way == "replay from new weights":
        return "D", False, "stored steps, new initial weights"
    return (
        ("o", False, "with augmentation")
        if row.is_augmented
        else ("o", True, "without augmentation")
    )
