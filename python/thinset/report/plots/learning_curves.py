"""Scores and image quality against the size of the training data, and generators in training."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from thinset.report.plots.style import legend_above, new_figure, styled
from thinset.results.arm import FULL, Arm
from thinset.results.arm_words import made_images
from thinset.results.learning_curves import logarithmic_fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thinset.results.measures import Measures
    from thinset.results.records import RunRecord

_LIGHTEST = 0.6  # the share of white in the lightest shade
_LABELS = {
    "discriminator_loss": "loss of the discriminator",
    "generator_loss": "loss of the generator",
    "loss": "loss in training",
    "negative_elbo": "negative lower bound (nats)",
    "fid": "FID[classifier]",
    "agreement": "share in the asked class",
    "diversity": "diversity (1: as the data)",
}


@styled
def learning_curves(records: Sequence[RunRecord], colours: Mapping[Arm, str]) -> Figure:
    """Draw the score of each arm against the number of real images, with a logarithmic fit.

    `colours`: of the arms on the page, in the order of the legend.
    """
    figure = new_figure(10.4, 5.0)
    axes = figure.subplots()
    for arm, colour in colours.items():
        by_size = _by_size((run.n_full, run.score) for run in records if run.arm == arm)
        if not by_size:
            continue
        sizes = list(by_size)
        means = [statistics.fmean(scores) for scores in by_size.values()]
        spreads = [
            statistics.stdev(by_size[size]) if len(by_size[size]) > 1 else 0.0 for size in sizes
        ]
        fit = logarithmic_fit(
            [size for size in sizes for _ in by_size[size]],
            [score for size in sizes for score in by_size[size]],
        )
        name = "original" if arm == FULL else made_images(arm)
        label = name if fit is None else f"{name} (R² {fit.r_squared:.2f})"
        axes.errorbar(
            sizes, means, spreads, color=colour, marker="o", markersize=4, capsize=2,
            linestyle="none" if fit else "-", linewidth=1, label=label,
        )  # fmt: skip
        if fit is not None:
            fitted = [fit.intercept + fit.slope * math.log(size) for size in sizes]
            axes.plot(sizes, fitted, color=colour, linewidth=1)
    _sizes_below(axes, sorted({run.n_full for run in records}))
    axes.set_ylabel(records[0].main_metric.axis_label)
    legend_above(figure)
    return figure


@styled
def fid_against_size(measures: Sequence[Measures], colours: Mapping[Arm, str]) -> Figure:
    """Draw the FID of each augmentation against the number of real images.

    `colours`: of the arms on the page.
    """
    figure = new_figure(10.4, 4.4)
    axes = figure.subplots()
    names = dict.fromkeys(one.augmentation for one in measures)
    for name in names:
        arm = Arm(augment=name)
        by_size = _by_size((one.n_real, one.fid) for one in measures if one.augmentation == name)
        sizes = list(by_size)
        means = [statistics.fmean(fids) for fids in by_size.values()]
        around = [
            [mean - min(by_size[size]) for size, mean in zip(sizes, means, strict=True)],
            [max(by_size[size]) - mean for size, mean in zip(sizes, means, strict=True)],
        ]
        axes.errorbar(
            sizes, means, around, color=colours[arm], marker="o", markersize=4, capsize=2,
            linewidth=1, label=made_images(arm),
        )  # fmt: skip
    _sizes_below(axes, sorted({one.n_real for one in measures}))
    axes.set_ylabel("FID[classifier]")
    axes.set_ylim(bottom=0)
    legend_above(figure)
    return figure


@styled
def generator_curves(
    trained: Mapping[str, tuple[Sequence[int], Mapping[str, Sequence[float]]]], colour: str
) -> Figure:
    """Draw each loss and score against steps, a panel for each and a line for each size.

    `trained`: steps and scores by the name of the size, in ascending order. `colour`: of the
    generator; smaller sizes are lighter.
    """
    shades = _shades(colour, len(trained))
    metrics = list(dict.fromkeys(name for _, scores in trained.values() for name in scores))
    columns = min(3, len(metrics))
    rows = math.ceil(len(metrics) / columns)
    figure = new_figure(10.4, 2.9 * rows + 0.3)
    panels: Any = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, metric in zip(panels, metrics, strict=False):
        for shade, (label, (steps, scores)) in zip(shades, trained.items(), strict=True):
            if metric in scores:
                axes.plot(steps, scores[metric], color=shade, linewidth=1.2, label=label)
        axes.set_title(_LABELS.get(metric, metric), fontsize=10)
        axes.set_xlabel("steps")
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    legend_above(figure)
    return figure


def _shades(colour: str, n: int) -> list[tuple[float, ...]]:
    """Shades of a colour, from the lightest to itself."""
    from matplotlib.colors import to_rgb

    strengths = [1.0 - _LIGHTEST * (n - 1 - place) / max(n - 1, 1) for place in range(n)]
    return [tuple(1.0 - s * (1.0 - part) for part in to_rgb(colour)) for s in strengths]


def _by_size(values: Iterable[tuple[int, float]]) -> dict[int, list[float]]:
    """Values by the size they were measured at, in ascending order of the sizes."""
    by_size: dict[int, list[float]] = {}
    for size, value in sorted(values, key=lambda pair: pair[0]):
        by_size.setdefault(size, []).append(value)
    return by_size


def _sizes_below(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("real training images")
