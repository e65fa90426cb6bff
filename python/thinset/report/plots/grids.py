"""Accuracy over a grid: against the split, or against the size of the subset."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from thinset.report.grouping import colour_of, group_runs, line_style_of_method
from thinset.report.plots.style import INK, legend_above, new_figure, styled
from thinset.report.summary import paired_difference
from thinset.report.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thinset.report.grouping import Configuration
    from thinset.report.records import RunRecord
    from thinset.report.summary import PairedDifference


class _Point(NamedTuple):
    """One arm at one place of the grid."""

    mean: float
    deviation: float
    difference: PairedDifference | None


@styled
def accuracy_against_split(records: Sequence[RunRecord]) -> Figure:
    """Draw test accuracy (%) and its difference to random against the fast share of the steps.

    One line per arm; training on everything is the split 0 of all of them. Bars: sample standard
    deviation on the left, 95 % interval of the paired difference on the right.
    """
    splits = sorted({run.split for run in records if run.arm != "full"} | {0.0})
    figure, lines = _draw(records, splits, lambda run: 0.0 if run.arm == "full" else run.split)
    for axes in lines:
        axes.set_xlabel("share of the steps on the subset (%)")
        axes.set_xticks(range(len(splits)), [f"{100 * split:g}" for split in splits])
    return figure


@styled
def accuracy_against_size(records: Sequence[RunRecord]) -> Figure:
    """Draw test accuracy (%) and its difference to random against the size of the subset."""
    subsets = [run for run in records if run.arm != "full"]
    sizes = sorted({run.n_subset for run in subsets})
    figure, lines = _draw(subsets, sizes, lambda run: run.n_subset)
    n_full = records[0].n_full
    names = [f"{size:,}\n{100 * size / n_full:.3g} %" for size in sizes]
    for axes in lines:
        axes.set_xlabel("samples in the subset")
        axes.set_xticks(range(len(sizes)), names)
    return figure


def _draw(records, places, place_of):  # type: ignore[no-untyped-def]
    figure = new_figure(10.4, 4.4)
    accuracy, difference = figure.subplots(1, 2)
    groups = group_runs(records)
    by_arm: dict[tuple[str, str], dict[float, _Point]] = {}
    for key, runs in groups.items():
        place = place_of(runs[0])
        arm = (key.arm, key.method)
        by_arm.setdefault(arm, {})[place] = _point(key, runs, groups)
    n_lines = len(by_arm)
    among = list(groups)
    for number, (arm, points) in enumerate(by_arm.items()):
        key = next(key for key in among if (key.arm, key.method) == arm)
        shown = _with_full(arm, points, by_arm)
        if not shown:
            continue
        # Lines side by side: bars at one place would hide each other.
        shift = 0.028 * (number - (n_lines - 1) / 2)
        look = {"color": colour_of(key, among), "linestyle": line_style_of_method(key)}
        x = [places.index(place) + shift for place in shown]
        accuracy.errorbar(
            x, [point.mean for point in shown.values()],
            yerr=[point.deviation for point in shown.values()],
            marker="o", markersize=4, linewidth=1.6, elinewidth=0.8, label=shortened(arm[1], 34),
            **look,
        )  # fmt: skip
        _draw_differences(difference, shown, places, shift, look)
    accuracy.set_ylabel("test accuracy (%)")
    difference.set_ylabel("points against random")
    difference.axhline(0.0, color=INK, linewidth=0.8)
    legend_above(accuracy, figure)
    return figure, (accuracy, difference)


def _draw_differences(
    axes: Axes,
    shown: Mapping[float, _Point],
    places: Sequence[float],
    shift: float,
    look: dict[str, str],
) -> None:
    compared = {place: p.difference for place, p in shown.items() if p.difference is not None}
    if not compared:
        return
    means = [difference.mean for difference in compared.values()]
    reach = [
        0.0 if difference.interval is None else difference.interval[1] - difference.mean
        for difference in compared.values()
    ]
    x = [places.index(place) + shift for place in compared]
    axes.errorbar(x, means, yerr=reach, marker="o", markersize=4, linewidth=1.6, elinewidth=0.8, **look)  # type: ignore[arg-type]  # fmt: skip


def _point(
    key: Configuration,
    runs: Sequence[RunRecord],
    groups: Mapping[Configuration, Sequence[RunRecord]],
) -> _Point:
    accuracies = [run.final.test_accuracy for run in runs]
    random = key._replace(arm="random", method="random")
    difference = (
        paired_difference(runs, groups[random]) if random != key and random in groups else None
    )
    deviation = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    return _Point(statistics.fmean(accuracies), deviation, difference)


def _with_full(
    arm: tuple[str, str],
    points: dict[float, _Point],
    by_arm: Mapping[tuple[str, str], Mapping[float, _Point]],
) -> dict[float, _Point]:
    """Put training on everything in front, where the grid has a place for it."""
    full = by_arm.get(("full", "full"), {})
    if arm[0] == "full":
        return {} if arm[1] == "full" and len(by_arm) > 1 else points
    return {place: point for place, point in sorted({**full, **points}.items())}
