"""Scores over a grid: against the split, or against the size of the subset."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from thinset.report.plots.style import INK, legend_above, new_figure, styled
from thinset.results.arm import FULL
from thinset.results.arm_words import plain_name
from thinset.results.grouping import colour_of, group_runs, line_style_of_arm
from thinset.results.summaries import baseline_of, paired_difference
from thinset.results.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from thinset.results.arm import Arm
    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord
    from thinset.results.summaries import PairedDifference


class _Point(NamedTuple):
    """One arm at one place of the grid."""

    mean: float
    deviation: float
    difference: PairedDifference | None


@styled
def score_against_split(records: Sequence[RunRecord], baseline: Arm | None) -> Figure:
    """Draw scores and their differences to the baseline against the fast share of the steps.

    One line per arm; training on everything is the split 0 of all of them. Bars: sample standard
    deviation on the left, 95 % interval of the paired difference on the right.
    """
    splits = sorted({_split_of(run) for run in records} | {0.0})
    figure, panels = _draw(records, splits, _split_of, baseline)
    for axes in panels:
        axes.set_xlabel("share of the steps on the subset (%)")
        axes.set_xticks(range(len(splits)), [f"{100 * split:g}" for split in splits])
    return figure


@styled
def score_against_size(records: Sequence[RunRecord], baseline: Arm | None) -> Figure:
    """Draw scores and their differences to the baseline against the size of the subset."""
    subsets = [run for run in records if run.fast_phase is not None]
    sizes = sorted({_size_of(run) for run in subsets})
    figure, panels = _draw(subsets, sizes, _size_of, baseline)
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
    baseline: Arm | None,
) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw scores and, with a baseline, differences, one line per arm, over places side by side."""
    figure = new_figure(10.4, 4.4)
    panels = tuple(figure.subplots(1, 1 if baseline is None else 2, squeeze=False)[0])
    score = panels[0]
    groups = group_runs(records)
    by_arm: dict[Arm, dict[float, _Point]] = {}
    keys: dict[Arm, Configuration] = {}
    for key, runs in groups.items():
        keys.setdefault(key.arm, key)
        point = _point(key, runs, groups, baseline)
        by_arm.setdefault(key.arm, {})[place_of(runs[0])] = point
    for number, arm in enumerate(by_arm):
        shown = _with_full(arm, by_arm)
        if not shown:
            continue
        # Lines side by side: bars at one place would hide each other.
        shift = 0.028 * (number - (len(by_arm) - 1) / 2)
        look = {
            "color": colour_of(keys[arm], groups),
            "linestyle": line_style_of_arm(arm),
        }
        score.errorbar(
            [places.index(place) + shift for place in shown],
            [point.mean for point in shown.values()],
            yerr=[point.deviation for point in shown.values()],
            marker="o", markersize=4, linewidth=1.6, elinewidth=0.8,
            label=shortened(plain_name(arm), 40), **look,
        )  # fmt: skip
        if baseline is not None:
            _draw_differences(panels[1], shown, places, shift, look)
    metric = records[0].main_metric
    score.set_ylabel(metric.axis_label)
    if baseline is not None:
        panels[1].set_ylabel(f"{metric.difference_unit} against {plain_name(baseline)}".strip())
        panels[1].axhline(0.0, color=INK, linewidth=0.8)
    legend_above(figure)
    return figure, panels


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
    baseline: Arm | None,
) -> _Point:
    scores = [run.score for run in runs]
    beside = None if baseline is None else baseline_of(key, baseline, groups)
    difference = None
    if beside is not None and beside != key:
        difference = paired_difference(runs, groups[beside])
    deviation = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return _Point(statistics.fmean(scores), deviation, difference)


def _split_of(run: RunRecord) -> float:
    return 0.0 if run.fast_phase is None else run.fast_phase.split


def _size_of(run: RunRecord) -> int:
    assert run.fast_phase is not None
    return run.fast_phase.n_samples


def _with_full(arm: Arm, by_arm: Mapping[Arm, Mapping[float, _Point]]) -> dict[float, _Point]:
    """Put training on everything in front, where the grid has a place for it."""
    points = by_arm[arm]
    full = by_arm.get(FULL, {})
    if not arm.has_fast_phase:
        is_alone = len(by_arm) == 1 or arm != FULL
        return dict(points) if is_alone else {}
    return dict(sorted({**full, **points}.items()))
