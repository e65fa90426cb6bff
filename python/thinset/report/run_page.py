"""The report of a run: what was selected, what it gained, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import sections
from thinset.report.cells import facts
from thinset.report.document import curve_names, write_document
from thinset.report.explorer import explorer_content
from thinset.report.final_scores import points
from thinset.report.run_figures import draw_figures
from thinset.results.findings import find
from thinset.results.headlines import overall_headline
from thinset.results.summaries import summarise
from thinset.results.wording import spoken_share

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from thinset.report.run_inputs import ReportInputs


def write_report(
    inputs: ReportInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document.

    Raises ImportError without the extra `report`, and ValueError where a seed occurs
    twice in one configuration or an embedding is not finite.
    """
    figures = {} if inputs.progress is not None else draw_figures(inputs)
    summaries = summarise(inputs.records)
    findings = find(summaries)
    content = {
        "title": inputs.title,
        "headline": overall_headline(findings, summaries),
        "scope": _scope(inputs),
        "cards": sections.cards(summaries, findings),
        "points": [] if curve_names(figures) else points(summaries),
        "next_step": inputs.next_step,
        "progress": inputs.progress,
        "results": sections.results(summaries, inputs.records),
        "curves": curve_names(figures),
        **explorer_content(inputs.explore if figures else None),
        "costs": sections.costs(inputs.stage_seconds),
        "embedding_facts": facts(inputs.embedding_facts),
        "rerun": sections.rerun(inputs.records, inputs.command, inputs.settings),
    }
    return write_document("run.html.j2", content, figures, inputs.records, out, overwrite=overwrite)


def _scope(inputs: ReportInputs) -> str:
    n, k = len(inputs.images), len(inputs.selected_indices)
    height, width, channels = inputs.images.shape[1:]
    return (
        f"{inputs.dataset_name}: {k:,} of {n:,} samples selected ({spoken_share(k, n)}), "
        f"{height} \N{MULTIPLICATION SIGN} {width} \N{MULTIPLICATION SIGN} {channels}"
    )
