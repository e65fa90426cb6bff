"""The report of a study: arms against a baseline over a grid, and against published figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import sections
from thinset.report.cells import facts, table
from thinset.report.document import curve_names, write_document
from thinset.report.explorer import explorer_content
from thinset.report.final_scores import points
from thinset.report.measures_table import measures_of_sets
from thinset.report.study_figures import draw_figures
from thinset.results.arm import Arm  # noqa: TC001 - decode looks it up
from thinset.results.findings import find
from thinset.results.headlines import overall_headline
from thinset.results.metrics import METRICS
from thinset.results.summaries import summarise

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from thinset.report.cells import NextStep, Progress, Table
    from thinset.report.document import PageFigure
    from thinset.report.explorer.inputs import Explore
    from thinset.report.run_inputs import Reconstructions
    from thinset.results.grouping import Configuration
    from thinset.results.measures import Measures
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary


@dataclass(frozen=True)
class PublishedFigure:
    """A figure that a paper reports, and the configuration to compare it with.

    `value` is in the unit of the metric, or a text. `arm`, `split` and `comparison` pick the
    configuration; None for `split` or `comparison` is any.
    """

    what: str
    value: float | str
    arm: Arm | None = None
    split: float | None = None
    comparison: str | None = None


@dataclass(frozen=True)
class ShownSet:
    """A small training set: images (n, H, W, C), class i modulo n_classes in turn."""

    name: str
    images: NDArray[Any]
    n_classes: int


@dataclass(frozen=True)
class StudyInputs:
    """What `write_study_report` shows; a part that is missing leaves its section out.

    `explore`: gives what the explorer of a selection shows.
    `subject`: the data that was trained on, in words. `source`: where the figures were published.
    `baseline`: see summarise. `left_out`: trainings that failed, with the reason. `sets`: small
    sets of learned images that were trained on. `measures`: of the images of subsets, by the text
    of the arm. `n_generators`: of each kind, which seeds take turns through. `next_step`: what the
    page advises. `progress`: of an unfinished study, whose page
    has no plots.
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
    explore: Explore | None = None
    embedding_facts: Mapping[str, Any] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    sets: Sequence[ShownSet] = ()
    measures: Sequence[Measures] = ()
    n_generators: int = 1
    next_step: NextStep | None = None
    progress: Progress | None = None


def write_study_report(
    inputs: StudyInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document.

    Raises ImportError without the extra `report`, and ValueError where a seed occurs
    twice in one configuration.
    """
    summaries = summarise(inputs.records, inputs.baseline)
    drawn = () if inputs.progress is not None else draw_figures(inputs, summaries)
    figures = {figure.name: figure for figure in drawn}
    findings = find(summaries)
    baseline = summaries[0].baseline if summaries else None
    content = {
        "title": inputs.title,
        "headline": overall_headline(findings, summaries) if inputs.records else inputs.title,
        "scope": inputs.subject,
        "next_step": inputs.next_step,
        "progress": inputs.progress,
        "points": [] if curve_names(figures) else points(summaries),
        "rows": list(_rows(figures)),
        **explorer_content(inputs.explore if figures else None),
        "published": _beside_published(inputs, summaries),
        "results": sections.results(summaries, inputs.records),
        "overtaken": sections.overtaken(inputs.records, baseline),
        "measures": measures_of_sets(inputs.measures, inputs.n_generators),
        "extractor": inputs.measures[0].extractor if inputs.measures else "",
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


def _beside_published(inputs: StudyInputs, summaries: Sequence[ArmSummary]) -> Table | None:
    if not inputs.published:
        return None
    unit = (summaries[0].metric if summaries else METRICS["accuracy"]).unit
    rows = [
        (
            published.what,
            published.value
            if isinstance(published.value, str)
            else sections.with_unit(f"{published.value:g}", unit),
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
    decimals, deviation = ours.metric.few_decimals, ours.standard_deviation
    spread = "" if deviation is None else f" ± {deviation:.{decimals}f}"
    score = sections.with_unit(f"{ours.mean:.{decimals}f}{spread}", ours.metric.unit)
    return f"{score} (n = {ours.n})"


def _is_beside(published: PublishedFigure, configuration: Configuration) -> bool:
    fast = configuration.fast_phase
    return (
        configuration.arm == published.arm
        and (published.split is None or (fast is not None and fast.split == published.split))
        and published.comparison in (None, configuration.comparison)
    )
