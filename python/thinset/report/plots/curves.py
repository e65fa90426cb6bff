"""Scores while training, against wall-clock seconds and against steps."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from thinset.report.plots.style import INK, QUIET_INK, legend_above, new_figure, styled
from thinset.results.grouping import colour_of, group_runs, label_of, line_style_of
from thinset.results.wording import shortened, spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from thinset.results.records import CurvePoint, RunRecord

    Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

# Preparation shorter than this share of the axis could not be seen and is not marked.
_VISIBLE_SHARE = 0.01
_LONG_SHARE = 0.25


@styled
def score_against_seconds(records: Sequence[RunRecord]) -> Figure:
    """Draw the score that arms are compared by against wall-clock seconds since the work began.

    Every seed is a thin line, their mean a strong one. The cost of preparing a subset (encoder,
    encoding, selection, writing) is drawn as a bar along the time axis, before the curve starts.
    """
    figure = new_figure(5.6, 3.9)
    axes = figure.subplots()
    _draw_arms(axes, records, "seconds")
    _draw_preparation(axes, [run for run in records if run.comparison != "training time"])
    legend_above(figure)
    axes.set_xlabel(_seconds_label(records))
    return figure


@styled
def score_against_steps(records: Sequence[RunRecord]) -> Figure:
    """Draw the score that arms are compared by against training steps.

    A line marks the start of fine-tuning.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(5.6, 3.9)
    axes = figure.subplots()
    _draw_arms(axes, records, "step")
    _draw_phase_change(axes, records)
    legend_above(figure)
    axes.set_xlabel("training steps")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def loss_against_seconds(records: Sequence[RunRecord]) -> Figure:
    """Draw training loss and test loss against wall-clock seconds, on logarithmic axes of loss.

    The training loss is that on what the phase shows, the mean since the point before.
    """
    figure = new_figure(10.4, 4.1)
    train, test = figure.subplots(1, 2)
    _draw_arms(train, records, "seconds", lambda _, point: point.train_loss)
    legend_above(figure)
    _draw_arms(test, records, "seconds", lambda _, point: point.scores.get("loss"))
    for axes, name in ((train, "training loss"), (test, "test loss")):
        axes.set_yscale("log")
        _label_decades(axes)
        axes.set_ylabel(name)
        axes.set_xlabel(_seconds_label(records))
    return figure


def mean_curve(curves: Sequence[Curve]) -> Curve | None:
    """Average curves over the range that all of them cover, interpolating between their points.

    None for fewer than two curves, and where no range is common to all.
    """
    if len(curves) < 2:
        return None
    start = max(x[0] for x, _ in curves)
    end = min(x[-1] for x, _ in curves)
    if start > end:
        return None
    grid = np.unique(np.concatenate([x for x, _ in curves]))
    grid = grid[(grid >= start) & (grid <= end)]
    return grid, np.mean([np.interp(grid, x, y) for x, y in curves], axis=0)


def _draw_arms(
    axes: Axes,
    records: Sequence[RunRecord],
    x: Literal["step", "seconds"],
    y: Callable[[RunRecord, CurvePoint], float | None] = lambda run, point: point.scores.get(
        run.metric
    ),
) -> None:
    groups = group_runs(records)
    for key, runs in groups.items():
        colour = colour_of(key, groups)
        style = line_style_of(key, list(groups))
        curves = [curve for run in runs if len((curve := _curve_of(run, x, y))[0]) > 0]
        mean = mean_curve(curves)
        for at, values in curves:
            strength: dict[str, Any] = (
                {"linewidth": 2.4} if mean is None else {"linewidth": 0.9, "alpha": 0.4}
            )
            axes.plot(at, values, color=colour, linestyle=style, **strength)
        if mean is not None:
            axes.plot(*mean, color=colour, linestyle=style, linewidth=2.4)
        label = f"{shortened(label_of(key, groups), 48)}, n = {len(runs)}"
        axes.plot([], [], color=colour, linestyle=style, linewidth=2.4, label=label)
    axes.set_xlim(left=0)
    axes.set_ylabel(records[0].main_metric.axis_label)


def _seconds_label(records: Sequence[RunRecord]) -> str:
    if all(run.comparison == "training time" for run in records):
        return "wall-clock seconds of training, preparation not counted"
    return "wall-clock seconds, selection cost included"


def _label_decades(axes: Axes) -> None:
    """Label the powers of ten, and the more steps between them the shorter the axis is."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axes.get_ylim()
    steps = [1.0]
    if high < 4 * low:
        steps += [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    elif high < 30 * low:
        steps += [2.0, 5.0]
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _curve_of(run: RunRecord, x: str, y: Callable[[RunRecord, CurvePoint], float | None]) -> Curve:
    values = [(float(getattr(point, x)), y(run, point)) for point in run.curve]
    measured = [(at, value) for at, value in values if value is not None]
    return (
        np.array([at for at, _ in measured], dtype=np.float64),
        np.array([value for _, value in measured], dtype=np.float64),
    )


def _draw_preparation(axes: Axes, records: Sequence[RunRecord]) -> None:
    groups = group_runs(records)
    right = axes.get_xlim()[1]
    row = 0
    for key, runs in groups.items():
        seconds = statistics.fmean(sum(run.preparation_seconds.values()) for run in runs)
        if seconds < _VISIBLE_SHARE * right:
            continue
        height = 0.035 + 0.095 * row
        row += 1
        across = axes.get_xaxis_transform()
        colour = colour_of(key, groups)
        axes.plot(
            [0, seconds], [height, height], transform=across, color=colour, linewidth=5,
            solid_capstyle="butt", alpha=0.75,
        )  # fmt: skip
        # Inside of the axes: beside the bar or, if it is long, above its start.
        is_long = seconds > _LONG_SHARE * right
        axes.annotate(
            f"preparing {shortened(label_of(key, groups))}: {spoken_seconds(seconds)}",
            (0 if is_long else seconds, height), xycoords=across,
            xytext=(3, 5) if is_long else (6, 0), textcoords="offset points", ha="left",
            va="bottom" if is_long else "center", fontsize=9.5, color=INK,
        )  # fmt: skip
    if row:
        low, high = axes.get_ylim()
        axes.set_ylim(low - (0.08 + 0.095 * row) * (high - low), high)


def _draw_phase_change(axes: Axes, records: Sequence[RunRecord]) -> None:
    two_phase = [run for run in records if len(run.phases) == 2 and run.fast_phase is not None]
    starts = {run.phases[0].steps for run in two_phase}
    if len(starts) != 1:
        return
    start = starts.pop()
    if start == 0 or all(run.phases[1].steps == 0 for run in two_phase):
        return
    axes.axvline(start, color=QUIET_INK, linewidth=0.9, linestyle=(0, (2, 3)))
    axes.annotate(
        shortened(two_phase[0].phases[1].name), (start, 0.02), xycoords=axes.get_xaxis_transform(),
        xytext=(5, 0), textcoords="offset points", fontsize=9.5, color=QUIET_INK,
    )  # fmt: skip
