"""Which figures the page of a study shows, and what is written under each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import plots
from thinset.report.document import PageFigure, figure_name
from thinset.report.run_figures import curve_figures, reconstruction_figure
from thinset.results.arm import FULL, RANDOM
from thinset.results.arm_words import plain_name
from thinset.results.grouping import group_runs
from thinset.results.overtaking import FEWEST_POINTS
from thinset.results.time_to_accuracy import scored_points
from thinset.results.wording import PERCENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from thinset.report.study_page import ShownSet, StudyInputs
    from thinset.results.arm import Arm
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary

_MAX_CURVES = 16  # in one figure; its legend would leave no room for more
_MAX_ROWS = 48  # of a figure of differences; more are not readable


def draw_figures(inputs: StudyInputs, summaries: Sequence[ArmSummary]) -> Iterator[PageFigure]:
    """Draw every figure that the records allow; a grid needs two sizes or splits."""
    records = inputs.records
    timed = [run for run in records if run.comparison != "steps"]
    if inputs.reconstructions is not None:
        yield reconstruction_figure(inputs.reconstructions)
    for comparison in dict.fromkeys(run.comparison for run in records):
        runs = [run for run in records if run.comparison == comparison]
        suffix = "" if comparison == records[0].comparison else comparison
        yield from _grid_figures(runs, suffix, summaries[0].baseline)
    long = [run for run in records if len(run.curve) >= FEWEST_POINTS]
    curves = [run for run in long if timed and run.comparison == timed[0].comparison]
    if any(point.scores.get("loss") is not None for run in curves for point in run.curve):
        yield PageFigure(
            "loss-against-seconds",
            "Loss against elapsed time. Training loss is measured on the data of each phase: it "
            "falls faster on a subset, where there is less to learn. Thin lines: single seeds.",
            "Line charts of training and test loss against seconds, one colour per arm",
            plots.loss_against_seconds(curves),
        )
    yield from curve_figures(curves, curves)
    scored = [run for run in long if len(scored_points(run)) >= FEWEST_POINTS]
    if not timed and len(group_runs(scored)) <= _MAX_CURVES:
        yield from curve_figures((), scored)
    if timed:
        label = timed[0].main_metric.label
        yield PageFigure(
            "fixed-budget",
            f"Final {label} of every run within the budget; the line is the arm's mean.",
            f"Bars of {label}, one per run, grouped by arm",
            plots.budget_bars(timed),
        )
    for comparison in dict.fromkeys(run.comparison for run in records):
        yield from _difference_figures(summaries, comparison)
    yield from _fixed_layers_figure(records)
    yield from _set_figures(inputs.sets)


def _difference_figures(summaries: Sequence[ArmSummary], comparison: str) -> Iterator[PageFigure]:
    among = [summary.configuration for summary in summaries]
    arms = [arm for arm in summaries if arm.configuration.comparison == comparison]
    compared = [arm for arm in arms if arm.versus_baseline is not None]
    if 0 < len(compared) <= _MAX_ROWS:
        figure = plots.differences_to_baseline(compared, among)
        yield _difference_figure(compared[0].baseline, comparison, figure)
    beside_full = _beside_full(arms)
    if 0 < len(beside_full) <= _MAX_ROWS:
        yield _difference_figure(FULL, comparison, plots.differences_to_full(beside_full, among))


def _difference_figure(baseline: Arm | None, comparison: str, figure: Figure) -> PageFigure:
    return PageFigure(
        figure_name("differences to", baseline, comparison),
        f"Each way to train against {_described(baseline)} on the same seeds, at equal "
        f"{comparison}: the mean, with its 95{PERCENT} interval if there are at least two seeds.",
        "Dots with intervals, one row per arm, around zero",
        figure,
    )


def _described(baseline: Arm | None) -> str:
    if baseline == RANDOM:
        return "random selection of the same size"
    if baseline == FULL:
        return "training on everything"
    return "a baseline" if baseline is None else plain_name(baseline)


def _beside_full(arms: Sequence[ArmSummary]) -> list[ArmSummary]:
    """The arms to compare with plain full-data training; none unless another arm uses all data."""
    compared = [arm for arm in arms if arm.versus_full is not None]
    is_wanted = any(arm.configuration.arm.kind == "full" for arm in compared)
    return compared if is_wanted and compared[0].baseline != FULL else []


def _grid_figures(
    runs: Sequence[RunRecord], suffix: str, baseline: Arm | None
) -> Iterator[PageFigure]:
    label = runs[0].main_metric.label
    phases = [run.fast_phase for run in runs if run.fast_phase is not None]
    splits, sizes = {phase.split for phase in phases}, {phase.n_samples for phase in phases}
    if len({run.total for run in runs}) != 1:
        return
    if len(splits) > 1 and len(sizes) == 1:
        yield PageFigure(
            figure_name(runs[0].metric, "against split", suffix),
            *_grid_words(
                label,
                "the share of the steps spent on the subset; 0 is training on everything",
                baseline,
            ),
            plots.score_against_split(runs, baseline),
        )
    if len(sizes) > 1 and len(splits) == 1:
        yield PageFigure(
            figure_name(runs[0].metric, "against size", suffix),
            *_grid_words(label, "the size of the subset", baseline),
            plots.score_against_size(runs, baseline),
        )


def _grid_words(label: str, place: str, baseline: Arm | None) -> tuple[str, str]:
    """The caption and the description of a grid; without a baseline there are no differences."""
    if baseline is None:
        caption = f"The {label} by {place}: mean and standard deviation over seeds."
        return caption, f"Lines of {label} by {place}"
    caption = (
        f"Left: {label} by {place}: mean and standard deviation over seeds. Right: the difference "
        f"to {plain_name(baseline)} on the same seeds, with its 95{PERCENT} interval."
    )
    return caption, f"Lines of {label} and of its difference to {plain_name(baseline)} by {place}"


def _fixed_layers_figure(records: Sequence[RunRecord]) -> Iterator[PageFigure]:
    """Against the number of fixed layers, where arms differ in it."""
    runs = [
        run
        for run in records
        if run.arm.distilled is not None and run.arm.distilled.fixed_layers is not None
    ]
    if len({(run.total, run.fast_phase) for run in runs}) != 1:
        return
    label = runs[0].main_metric.label
    if len({run.arm for run in runs}) > 1:
        yield PageFigure(
            figure_name(runs[0].metric, "by fixed layers"),
            f"The {label} by the number of first layers that start from the same weights in "
            "distillation and training; all others start from new ones. Mean and standard "
            "deviation over seeds.",
            f"Lines of {label} by the number of fixed layers, and of the control",
            plots.score_by_fixed_layers(runs),
        )


def _set_figures(sets: Sequence[ShownSet]) -> Iterator[PageFigure]:
    for shown in sets:
        n_rows = -(-len(shown.images) // shown.n_classes)
        yield PageFigure(
            figure_name("images", shown.name),
            f"{shown.name}: the images that it was trained on, a column for each class, in their "
            "order. Grey levels and colours are stretched over all images.",
            f"A grid of {n_rows} x {shown.n_classes} images",
            plots.contact_sheet(shown.images, columns=shown.n_classes),
            is_picture=True,
        )
