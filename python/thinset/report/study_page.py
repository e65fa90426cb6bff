"""The report of a study: arms against random over a grid, beside what was published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thinset.report import plots, sections
from thinset.report.document import PageFigure, Shown, write_document
from thinset.report.html import details, element, facts, join, section, table
from thinset.results.findings import find, overall_headline
from thinset.results.summaries import summarise
from thinset.results.wording import PERCENT

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from thinset.report.html import Markup
    from thinset.report.run_inputs import Reproductions
    from thinset.results.findings import Finding
    from thinset.results.records import RunRecord
    from thinset.results.summaries import ArmSummary

_MAX_ROWS = 48  # of the figure of differences; more could not be read


@dataclass(frozen=True)
class PublishedFigure:
    """A figure that a paper reports, and which of our configurations stands beside it.

    `value` is in percent, or a text. `arm` and the others pick the configuration: `split` None is
    any, `comparison` None is any.
    """

    what: str
    value: float | str
    arm: str | None = None
    split: float | None = None
    comparison: str | None = None


@dataclass(frozen=True)
class StudyInputs:
    """What `write_study_report` draws; parts that are missing leave their section out.

    `subject`: what was trained on, in words. `source`: where the published figures stand.
    `left_out`: trainings that could not be made, and why.
    """

    title: str
    subject: str
    records: Sequence[RunRecord]
    command: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    published: Sequence[PublishedFigure] = ()
    reproductions: Reproductions | None = None
    embedding_facts: Mapping[str, Any] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


def write_study_report(
    inputs: StudyInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document.

    Raises ImportError without matplotlib (the extra `report`), and ValueError where a seed occurs
    twice in one configuration.
    """
    summaries = summarise(inputs.records)
    figures = {figure.name: figure for figure in _figures(inputs, summaries)}
    body = _body(inputs, summaries, figures)
    return write_document(inputs.title, body, figures, inputs.records, out, overwrite=overwrite)


def _body(
    inputs: StudyInputs, summaries: Sequence[ArmSummary], figures: Mapping[str, PageFigure]
) -> Markup:
    shown = Shown(figures)
    findings = find(summaries)
    headline = overall_headline(findings) if inputs.records else inputs.title
    return join(
        [
            element(
                "header",
                element("p", inputs.title, css_class="kicker"),
                element("h1", headline),
                element("p", inputs.subject, css_class="scope"),
            ),
            section("", *_placed(figures, shown)),
            _beside_published(inputs, summaries),
            sections.results(summaries, inputs.records),
            sections.time_to_accuracy(inputs.records),
            details("In words", element("ul", *(element("li", _told(told)) for told in findings)))
            if findings
            else "",
            section("Left out", facts(inputs.left_out)),
            section("Embeddings", facts(inputs.embedding_facts)) if inputs.embedding_facts else "",
            section("Where the time went", sections.costs(inputs.stage_seconds)),
            sections.rerun(inputs.records, inputs.command, inputs.settings),
        ]
    )


def _placed(figures: Mapping[str, PageFigure], shown: Shown) -> Iterator[Markup]:
    pair = ("accuracy-against-seconds", "accuracy-against-steps")
    for name in figures:
        if name == pair[0]:
            yield shown.side_by_side(*pair)
        elif name not in pair:
            yield shown.full_width(name)


def _told(finding: Finding) -> str:
    return f"{finding.headline}. {' '.join(finding.details)}"


def _figures(inputs: StudyInputs, summaries: Sequence[ArmSummary]) -> Iterator[PageFigure]:
    """Draw what the records allow: each figure needs something that varies between them."""
    records = inputs.records
    timed = [run for run in records if run.comparison != "steps"]
    if inputs.reproductions is not None:
        shown = inputs.reproductions
        yield PageFigure(
            "reproductions",
            "Inputs, embeddings (brighter is more active) and reproductions: top, middle and "
            "bottom rows.",
            "Rows of inputs, embeddings as heat maps and reproductions",
            plots.reproduction_triples(shown.inputs, shown.embeddings, shown.outputs),
            is_picture=True,
        )
    for comparison in dict.fromkeys(run.comparison for run in records):
        runs = [run for run in records if run.comparison == comparison]
        suffix = "" if comparison == records[0].comparison else f"-{comparison.replace(' ', '-')}"
        yield from _grid_figures(runs, suffix)
    curves = [run for run in timed if len(run.curve) > 2 and run.comparison == timed[0].comparison]
    if curves:
        yield PageFigure(
            "loss-against-seconds",
            "Loss against elapsed time. The training loss is on what each phase shows: on a subset "
            "it falls faster because there is less to learn. Thin lines: single seeds.",
            "Line charts of training and test loss against seconds, one colour per arm",
            plots.loss_against_seconds(curves),
        )
        yield PageFigure(
            "accuracy-against-seconds",
            "Test accuracy against elapsed time. The bars along the axis are the cost of preparing "
            "a subset. Thin lines: single seeds.",
            "Line chart of test accuracy against seconds, one colour per arm",
            plots.accuracy_against_seconds(curves),
        )
        yield PageFigure(
            "accuracy-against-steps",
            "Test accuracy against training steps, preparation left out. Thin lines: single seeds.",
            "Line chart of test accuracy against steps, one colour per arm",
            plots.accuracy_against_steps(curves),
        )
    if timed:
        yield PageFigure(
            "fixed-budget",
            "Final test accuracy of every run within the budget; the line is the arm's mean.",
            "Bars of test accuracy, one per run, grouped by arm",
            plots.budget_bars(timed),
        )
    for comparison in dict.fromkeys(run.comparison for run in records):
        compared = [
            summary
            for summary in summaries
            if summary.configuration.comparison == comparison and summary.versus_random is not None
        ]
        if compared and len(compared) <= _MAX_ROWS:
            yield PageFigure(
                f"differences-to-random-{comparison.replace(' ', '-')}",
                f"Each arm against random selection of the same size on the same seeds, at equal "
                f"{comparison}: the mean, and its 95{PERCENT} interval where there are at least "
                "two seeds.",
                "Dots with intervals, one row per arm, around zero",
                plots.differences_to_random(
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


def _beside_full(summaries: Sequence[ArmSummary], comparison: str) -> list[ArmSummary]:
    """What is compared with everything as it is; nothing without another way to train on all."""
    compared = [
        summary
        for summary in summaries
        if summary.configuration.comparison == comparison and summary.versus_full is not None
    ]
    is_wanted = any(summary.configuration.arm == "full" for summary in compared)
    return compared if is_wanted else []


def _grid_figures(runs: Sequence[RunRecord], suffix: str) -> Iterator[PageFigure]:
    subsets = [run for run in runs if run.arm != "full"]
    if len({run.total for run in runs}) != 1:
        return
    if len({run.split for run in subsets}) > 1 and len({run.n_subset for run in subsets}) == 1:
        yield PageFigure(
            f"accuracy-against-split{suffix}",
            "Left: test accuracy by the share of the steps spent on the subset, mean and standard "
            "deviation over seeds; 0 is training on everything. Right: the difference to random on "
            f"the same seeds with its 95{PERCENT} interval.",
            "Lines of test accuracy and of its difference to random against the split",
            plots.accuracy_against_split(runs),
        )
    if len({run.n_subset for run in subsets}) > 1 and len({run.split for run in subsets}) == 1:
        yield PageFigure(
            f"accuracy-against-size{suffix}",
            "Left: test accuracy by the size of the subset, mean and standard deviation over "
            f"seeds. Right: the difference to random on the same seeds with its 95{PERCENT} "
            "interval.",
            "Lines of test accuracy and of its difference to random against the subset's size",
            plots.accuracy_against_size(runs),
        )


def _beside_published(inputs: StudyInputs, summaries: Sequence[ArmSummary]) -> Markup | str:
    if not inputs.published:
        return ""
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
    note = f"Here: {inputs.subject}; lengths and settings as told below."
    return section(
        "Beside the paper",
        table((inputs.source, "published", "here"), rows),
        element("p", note, css_class="note"),
    )


def _ours(published: PublishedFigure, summaries: Sequence[ArmSummary]) -> str:
    wanted = {
        "method": published.arm,
        "split": published.split,
        "comparison": published.comparison,
    }
    found = [
        summary
        for summary in summaries
        if all(
            value is None or getattr(summary.configuration, name) == value
            for name, value in wanted.items()
        )
    ]
    if published.arm is None or len(found) != 1:
        return "not measured here"
    (ours,) = found
    deviation = ours.standard_deviation
    spread = "" if deviation is None else f" ± {deviation:.1f}"
    return f"{ours.mean:.1f}{spread}{PERCENT} (n = {ours.n})"
