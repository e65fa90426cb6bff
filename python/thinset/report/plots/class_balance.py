"""How a selection shares its places among the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thinset.report.plots.style import legend_above, new_figure, styled
from thinset.results.grouping import FULL_COLOUR, RANDOM_COLOUR, SELECTED_COLOUR
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_COLOURS = {"full data": FULL_COLOUR, "selected": SELECTED_COLOUR, "random": RANDOM_COLOUR}
_MAX_NAMED_CLASSES = 24


@styled
def class_balance(
    labels_by_arm: Mapping[str, NDArray[np.int64]], class_names: Sequence[str] | None
) -> Figure:
    """Draw the share (%) of every class in "full data", "selected" and "random", side by side.

    Labels are class numbers from 0. Raises ValueError for an arm of another name.
    """
    if unknown := sorted(set(labels_by_arm) - set(_COLOURS)):
        raise ValueError(f"arms must be among {sorted(_COLOURS)}, got {unknown}")
    n_classes = 1 + max(int(labels.max(initial=0)) for labels in labels_by_arm.values())
    n_classes = max(n_classes, 0 if class_names is None else len(class_names))
    figure = new_figure(10.4, 3.3)
    axes = figure.subplots()
    width = 0.8 / len(labels_by_arm)
    for number, (arm, labels) in enumerate(labels_by_arm.items()):
        shares = 100.0 * np.bincount(labels, minlength=n_classes) / max(len(labels), 1)
        offset = (number - (len(labels_by_arm) - 1) / 2) * width
        axes.bar(
            np.arange(n_classes) + offset, shares, width=0.9 * width, color=_COLOURS[arm],
            label=f"{arm} ({len(labels):,})",
        )  # fmt: skip
    _name_classes(axes, n_classes, class_names)
    axes.grid(visible=False, axis="x")
    axes.margins(x=0.01)
    axes.set_ylabel("share of samples (%)")
    legend_above(figure)
    return figure


def _name_classes(axes: Axes, n_classes: int, class_names: Sequence[str] | None) -> None:
    if n_classes > _MAX_NAMED_CLASSES:
        axes.set_xlabel("class number")
        return
    named = [str(number) for number in range(n_classes)] if class_names is None else class_names
    names = [shortened(name) for name in named]
    slanted = max(len(name) for name in names) * n_classes > 120
    axes.set_xticks(
        range(n_classes), names, rotation=35 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.tick_params(axis="x", length=0)
