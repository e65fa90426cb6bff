"""The report of a study: arms against random over a grid, beside what was published."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import plots, sections
from thinset.report.cells import facts, table
from thinset.report.document import PageFigure, curve_names, write_document
from thinset.results.arm import FULL, RANDOM, Arm
from thinset.results.findings import find, name_of, overall_headline
from thinset.results.summaries import summarise
from thinset.results.wording import PERCENT

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from thinset.report.cells import Table
    from thinset.report.run_inputs import Reconstructions
    from thinset.results.grouping import Configuration
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary

_MAX_ROWS = 48  # of the figure of differences; more could not be read


@dataclass(frozen=True)
class PublishedFigure:
    """A figure that a paper reports, and which of our configurations stands beside it.

    `value` is in the unit of the metric, or a text. `arm` and the others pick the configuration:
    `split` None is any, `comparison` None is any.
    """

    what: str
    value: float | str
    arm: Arm | None = None
    split: float | None = None
    comparison: str | None = None


@dataclass(frozen=True)
class StudyInputs:
    """What `write_study_report` draws; parts that are missing leave their section out.

    `subject`: what was trained on, in words. `source`: where the published figures stand.
    `baseline`: see summarise. `left_out`: trainings that could not be made, and why.
    """

    title: str
    subject: str
    records: Sequence[RunRecord]
    command: str
    baseline: Arm | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    published: Sequence[PublishedFigure] = ()
    reconstructions: Reconstructions | None = None
    embedding_facts: Mapping[str, Any] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


def write_study_report(
    inputs: StudyInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document.

    Raises ImportError without the extra `report`, and ValueError where a seed occurs
    twice in one configuration.
    """
    summaries = summarise(inputs.records, inputs.baseline)
    figures = {figure.name: figure for figure in _figures(inputs, summaries)}
    findings = find(summaries)
    baseline = summaries[0].baseline if summaries else None
    content = {
        "title": inputs.title,
        "headline": overall_headline(findings, baseline) if inputs.records else inputs.title,
        "scope": inputs.subject,
        "rows": list(_rows(figures)),
        "published": _beside_published(inputs, summaries),
        "results": sections.results(summaries, inputs.records),
        "times": sections.time_to_accuracy(inputs.records),
        "findings": findings,
        "left_out": facts(inputs.left_out),
        "embedding_facts": facts(inputs.embedding_facts),
        "costs": sections.costs(inputs.stage_seconds),
        "rerun": sections.rerun(inputs.records, inputs.command, inputs.settings),
    }
    return write_document(
        "study.html.j2", content, figures, inputs.records, out, overwrite=overwrite
    )


def _rows(figures: Mapping[str, PageFigure]) -> Iterator[list[str]]:
    """The names of the figures, row by row."""
    curves = curve_names(figures)
    for name in figures:
        if name in curves[:1]:
            yield curves
        elif name not in curves:
            yield [name]


def _figures(inputs: StudyInputs, summaries: Sequence[ArmSummary]) -> Iterator[PageFigure]:
    """Draw what the records allow: each figure needs something that varies between them."""
    records = inputs.records
    label = records[0].main_metric.label if records else ""
    title = label[:1].upper() + label[1:]
    timed = [run for run in records if run.comparison != "steps"]
    if inputs.reconstructions is not None:
        shown = inputs.reconstructions
        yield PageFigure(
            "reconstructions",
            "Inputs, embeddings (brighter is more active) and reconstructions: top, middle and "
            "bottom rows.",
            "Rows of inputs, embeddings as heat maps and reconstructions",
            plots.reconstruction_triples(shown.inputs, shown.embeddings, shown.outputs),
            is_picture=True,
        )
    for comparison in dict.fromkeys(run.comparison for run in records):
        runs = [run for run in records if run.comparison == comparison]
        suffix = "" if comparison == records[0].comparison else f"-{comparison.replace(' ', '-')}"
        yield from _grid_figures(runs, suffix, summaries[0].baseline)
    curves = [run for run in timed if len(run.curve) > 2 and run.comparison == timed[0].comparison]
    if any(point.scores.get("loss") is not None for run in curves for point in run.curve):
        yield PageFigure(
            "loss-against-seconds",
            "Loss against elapsed time. The training loss is on what each phase shows: on a subset "
            "it falls faster because there is less to learn. Thin lines: single seeds.",
            "Line charts of training and test loss against seconds, one colour per arm",
            plots.loss_against_seconds(curves),
        )
    if curves:
        yield PageFigure(
            f"{records[0].metric}-against-seconds",
            f"{title} against elapsed time. The bars along the axis are the cost of preparing "
            "a subset. Thin lines: single seeds.",
            f"Line chart of {label} against seconds, one colour per arm",
            plots.score_against_seconds(curves),
        )
        yield PageFigure(
            f"{records[0].metric}-against-steps",
            f"{title} against training steps, preparation left out. Thin lines: single seeds.",
            f"Line chart of {label} against steps, one colour per arm",
            plots.score_against_steps(curves),
        )
    if timed:
        yield PageFigure(
            "fixed-budget",
            f"Final {label} of every run within the budget; the line is the arm's mean.",
            f"Bars of {label}, one per run, grouped by arm",
            plots.budget_bars(timed),
        )
    for comparison in dict.fromkeys(run.comparison for run in records):
        compared = [
            summary
            for summary in summaries
            if summary.configuration.comparison == comparison
            and summary.versus_baseline is not None
        ]
        if compared and len(compared) <= _MAX_ROWS:
            yield PageFigure(
                f"differences-to-{_file_name(compared[0])}-{comparison.replace(' ', '-')}",
                f"Each arm against {_name_of_baseline(compared[0])} on the same seeds, at equal "
                f"{comparison}: the mean, and its 95{PERCENT} interval where there are at least "
                "two seeds.",
                "Dots with intervals, one row per arm, around zero",
                plots.differences_to_baseline(
                    compared, [summary.configuration for summary in summaries]
                ),
            )
        beside_full = _beside_full(summaries, comparison)
        if 0 < len(beside_full) <= _MAX_ROWS:
            yield PageFigure(
                f"differences-to-full-{comparison.replace(' ', '-')}",
                f"Each arm against training on everything as it is on the same seeds, at equal "
                f"{comparison}: the mean, and its 95{PERCENT} interval where there are at least "
                "two seeds.",
                "Dots with intervals, one row per arm, around zero",
                plots.differences_to_full(
                    beside_full, [summary.configuration for summary in summaries]
                ),
            )


def _file_name(summary: ArmSummary) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(summary.baseline)).strip("-")


def _name_of_baseline(summary: ArmSummary) -> str:
    if summary.baseline == RANDOM:
        return "random selection of the same size"
    return "" if summary.baseline is None else name_of(summary.baseline)


def _beside_full(summaries: Sequence[ArmSummary], comparison: str) -> list[ArmSummary]:
    """What is compared with everything as it is; nothing without another way to train on all."""
    compared = [
        summary
        for summary in summaries
        if summary.configuration.comparison == comparison and summary.versus_full is not None
    ]
    is_wanted = any(summary.configuration.arm.kind == "full" for summary in compared)
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
            f"{runs[0].metric}-against-split{suffix}",
            f"Left: {label} by the share of the steps spent on the subset, mean and standard "
            "deviation over seeds; 0 is training on everything. Right: the difference to "
            f"{baseline} on the same seeds with its 95{PERCENT} interval.",
            f"Lines of {label} and of its difference to {baseline} against the split",
            plots.score_against_split(runs, baseline),
        )
    if len(sizes) > 1 and len(splits) == 1:
        yield PageFigure(
            f"{runs[0].metric}-against-size{suffix}",
            f"Left: {label} by the size of the subset, mean and standard deviation over "
            f"seeds. Right: the difference to {baseline} on the same seeds with its 95{PERCENT} "
            "interval.",
            f"Lines of {label} and of its difference to {baseline} against the subset's size",
            plots.score_against_size(runs, baseline),
        )


def _beside_published(inputs: StudyInputs, summaries: Sequence[ArmSummary]) -> Table | None:
    if not inputs.published:
        return None
    rows = [
        (
            published.what,
            published.value
            if isinstance(published.value, str)
            else f"{published.value:g}{PERCENT}",
            _ours(published, summaries),
        )
        for published in inputs.published
    ]
    return table((inputs.source, "published", "here"), rows)


def _ours(published: PublishedFigure, summaries: Sequence[ArmSummary]) -> str:
    found = [s for s in summaries if _is_beside(published, s.configuration)]
    if published.arm is None or len(found) != 1:
        return "not measured here"
    (ours,) = found
    deviation = ours.standard_deviation
    spread = "" if deviation is None else f" ± {deviation:.1f}"
    return f"{ours.mean:.1f}{spread}{PERCENT} (n = {ours.n})"


def _is_beside(published: PublishedFigure, configuration: Configuration) -> bool:
    fast = configuration.fast_phase
    return (
        configuration.arm == published.arm
        and (published.split is None or (fast is not None and fast.split == published.split))
        and published.comparison in (None, configuration.comparison)
    )
