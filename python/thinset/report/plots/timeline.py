"""Where the seconds of each arm went."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from thinset.report.plots.style import INK, legend_above, new_figure, row_height, styled
from thinset.results.grouping import group_runs, label_of
from thinset.results.wording import in_lines, shortened, spoken_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from thinset.results.records import RunRecord

# Preparation in warm tones, training in blue, evaluation in grey.
_PREPARATION_COLOURS = ("#B65F32", "#D98E4A", "#EDBE77", "#F5DFB0", "#C9A66B", "#8F5A3C")
_PHASE_COLOURS = ("#5FA3D3", "#1F5F99", "#0F3557", "#9CC8E8")
_EVALUATION_COLOUR = "#BDBDB8"


@styled
def two_phase_timeline(records: Sequence[RunRecord]) -> Figure:
    """Draw one stacked bar per arm: preparation stages, phases and evaluation in mean seconds."""
    groups = group_runs(records)
    bars = [mean_stage_seconds(runs) for runs in groups.values()]
    names = [in_lines(f"{label_of(key, groups)}, equal {key.comparison}", 36, 4) for key in groups]
    figure = new_figure(10.4, 1.2 + row_height(names, 0.46) * len(bars))
    axes = figure.subplots()
    for stage, colour in _stage_colours(records).items():
        seconds = [bar.get(stage, 0.0) for bar in bars]
        starts = [_seconds_before(bar, stage) for bar in bars]
        axes.barh(
            range(len(bars)), seconds, left=starts, height=0.62, color=colour,
            edgecolor="white", linewidth=0.8, label=shortened(stage),
        )  # fmt: skip
    for row, bar in enumerate(bars):
        axes.annotate(
            spoken_seconds(sum(bar.values())), (sum(bar.values()), row), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=9.5, color=INK,
        )  # fmt: skip
    axes.set_yticks(range(len(bars)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    axes.set_xlabel("wall-clock seconds, mean over seeds")
    legend_above(figure)
    return figure


def mean_stage_seconds(runs: Sequence[RunRecord]) -> dict[str, float]:
    """Return mean seconds per stage in the order of the work; evaluation comes last."""
    stages = [_stage_seconds(run) for run in runs]
    names = dict.fromkeys(name for stage in stages for name in stage)
    ordered = [name for name in names if name != "evaluation"] + ["evaluation"]
    return {name: statistics.fmean(stage.get(name, 0.0) for stage in stages) for name in ordered}


def _stage_seconds(run: RunRecord) -> dict[str, float]:
    seconds = dict(run.preparation_seconds)
    for phase in run.phases:
        seconds[phase.name] = seconds.get(phase.name, 0.0) + phase.seconds
    seconds["evaluation"] = seconds.get("evaluation", 0.0) + run.evaluation_seconds
    return seconds


def _seconds_before(bar: Mapping[str, float], stage: str) -> float:
    before = 0.0
    for name, seconds in bar.items():
        if name == stage:
            break
        before += seconds
    return before


def _stage_colours(records: Sequence[RunRecord]) -> dict[str, str]:
    preparation = dict.fromkeys(stage for run in records for stage in run.preparation_seconds)
    phases = dict.fromkeys(phase.name for run in records for phase in run.phases)
    colours = {
        stage: _PREPARATION_COLOURS[number % len(_PREPARATION_COLOURS)]
        for number, stage in enumerate(preparation)
    }
    for number, phase in enumerate(phases):
        colours.setdefault(phase, _PHASE_COLOURS[number % len(_PHASE_COLOURS)])
    return {**colours, "evaluation": _EVALUATION_COLOUR}
