"""Accuracy over a grid: against the split, or against the size of the subset."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from thinset.report.plots.style import INK, legend_above, new_figure, styled
from thinset.results.grouping import colour_of, group_runs, line_style_of_method
from thinset.results.summaries import paired_difference
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord
    from thinset.results.summaries import PairedDifference


class _Arm(NamedTuple):
    """What one line shows."""

    kind: str
    method: str


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
    figure, panels = _draw(records, splits, lambda run: 0.0 if run.arm == "full" else run.split)
    for axes in panels:
        axes.set_xlabel("share of the steps on the subset (%)")
        axes.set_xticks(range(len(splits)), [f"{100 * split:g}" for split in splits])
    return figure


@styled
def accuracy_against_size(records: Sequence[RunRecord]) -> Figure:
    """Draw test accuracy (%) and its difference to random against the size of the subset."""
    subsets = [run for run in records if run.arm != "full"]
    sizes = sorted({run.n_subset for run in subsets})
    figure, panels = _draw(subsets, sizes, lambda run: run.n_subset)
    n_full = records[0].n_full
    names = [f"{size:,}\n{100 * size / n_full:.3g} %" for size in sizes]
    for axes in panels:
        axes.set_xlabel("samples in the subset")
        axes.set_xticks(range(len(sizes)), names)
    return figure


def _draw(
    records: Sequence[RunRecord],
    places: Sequence[float],
    place_of: Callable[[RunRecord], float],
) -> tuple[Figure, tuple[Axes, Axes]]:
    """Draw accuracies and differences, one line per arm, over places side by side."""
    figure = new_figure(10.4, 4.4)
    accuracy, difference = figure.subplots(1, 2)
    groups = group_runs(records)
    by_arm: dict[_Arm, dict[float, _Point]] = {}
    keys: dict[_Arm, Configuration] = {}
    for key, runs in groups.items():
        arm = _Arm(key.arm, key.method)
        keys.setdefault(arm, key)
        by_arm.setdefault(arm, {})[place_of(runs[0])] = _point(key, runs, groups)
    for number, arm in enumerate(by_arm):
        shown = _with_full(arm, by_arm)
        if not shown:
            continue
        # Lines side by side: bars at one place would hide each other.
        shift = 0.028 * (number - (len(by_arm) - 1) / 2)
        look = {
            "color": colour_of(keys[arm], groups),
            "linestyle": line_style_of_method(arm.method),
        }
        accuracy.errorbar(
            [places.index(place) + shift for place in shown],
            [point.mean for point in shown.values()],
            yerr=[point.deviation for point in shown.values()],
            marker="o", markersize=4, linewidth=1.6, elinewidth=0.8,
            label=shortened(arm.method, 34), **look,
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
    look: dict[str, Any],
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
    axes.errorbar(
        x, means, yerr=reach, marker="o", markersize=4, linewidth=1.6, elinewidth=0.8, **look
    )


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


def _with_full(arm: _Arm, by_arm: Mapping[_Arm, Mapping[float, _Point]]) -> dict[float, _Point]:
    """Put training on everything in front, where the grid has a place for it."""
    points = by_arm[arm]
    full = by_arm.get(_Arm("full", "full"), {})
    if arm.kind == "full":
        is_alone = len(by_arm) == 1 or arm.method != "full"
        return dict(points) if is_alone else {}
    return dict(sorted({**full, **points}.items()))
