"""The report of a run: what was selected, what it gained, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import sections
from thinset.report.document import Shown, curve_names, write_document
from thinset.report.html import facts, join, section
from thinset.report.run_figures import draw_figures
from thinset.results import findings
from thinset.results.summaries import summarise

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from thinset.report.document import PageFigure
    from thinset.report.html import Markup
    from thinset.report.run_inputs import ReportInputs


def write_report(
    inputs: ReportInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document.

    Raises ImportError without matplotlib (the extra `report`), and ValueError where a seed occurs
    twice in one configuration or an embedding is not finite.
    """
    figures = draw_figures(inputs)
    body = _body(inputs, figures)
    return write_document(inputs.title, body, figures, inputs.records, out, overwrite=overwrite)


def _body(inputs: ReportInputs, figures: Mapping[str, PageFigure]) -> Markup:
    summaries = summarise(inputs.records)
    shown = Shown(figures)
    return join(
        [
            sections.run_masthead(inputs, summaries, findings.find(summaries)),
            sections.results(summaries, inputs.records),
            section(
                "While training",
                shown.side_by_side(*curve_names(figures)),
            ),
            section(
                "Where the time went",
                shown.full_width("timeline"),
                sections.costs(inputs.stage_seconds),
            ),
            section(
                "What was kept",
                shown.side_by_side("kept-samples", "dropped-samples"),
                shown.full_width("class-balance"),
            ),
            section(
                "Embeddings",
                shown.full_width("embedding-map"),
                shown.full_width("reconstructions"),
                facts(inputs.embedding_facts or {}),
            ),
            sections.rerun(inputs.records, inputs.command, inputs.settings),
        ]
    )
