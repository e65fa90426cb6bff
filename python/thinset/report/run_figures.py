"""Which figures a report shows, and what is written under each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thinset.report import plots
from thinset.report.document import PageFigure, figure_name
from thinset.results.overtaking import FEWEST_POINTS
from thinset.results.time_to_accuracy import scored_points

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from thinset.report.run_inputs import Reconstructions, ReportInputs
    from thinset.results.records import RunRecord

SHEET_COLUMNS = 10
SHEET_IMAGES = 60
_TRIPLES = 8


def draw_figures(inputs: ReportInputs, *, seed: int = 0) -> dict[str, PageFigure]:
    """Draw every figure that the inputs allow, by name; `seed` draws the samples to show."""
    figures = [*_training_figures(inputs.records), *_sample_figures(inputs, seed)]
    figures += _embedding_figures(inputs, seed)
    return {figure.name: figure for figure in figures}


def _training_figures(records: Sequence[RunRecord]) -> Iterator[PageFigure]:
    measured = [run for run in records if len(scored_points(run)) >= FEWEST_POINTS]
    yield from curve_figures(
        _of_comparison(measured, "time", "steps"), _of_comparison(measured, "steps", "time")
    )
    if records:
        yield PageFigure(
            "timeline",
            "Where the time of each arm went: preparation in warm colours, training in blue, "
            "evaluation in grey.",
            "Stacked bars of seconds per stage, one bar per arm",
            plots.two_phase_timeline(records),
        )


def curve_figures(timed: Sequence[RunRecord], stepped: Sequence[RunRecord]) -> Iterator[PageFigure]:
    """Draw the scores of `timed` over seconds and those of `stepped` over steps."""
    if timed:
        yield PageFigure(
            figure_name(timed[0].metric, "against seconds"),
            f"{_capital(timed)} against wall-clock time (runs of equal {timed[0].comparison}). A "
            "curve starts when its preparation is done: the bars along the axis are that cost. "
            "Thin lines: single seeds.",
            f"Line chart of {timed[0].main_metric.label} against seconds, one colour per arm",
            plots.score_against_seconds(timed),
        )
    if stepped:
        yield PageFigure(
            figure_name(stepped[0].metric, "against steps"),
            f"{_capital(stepped)} against training steps (runs of equal {stepped[0].comparison}), "
            "without preparation. Thin lines: single seeds.",
            f"Line chart of {stepped[0].main_metric.label} against steps, one colour per arm",
            plots.score_against_steps(stepped),
        )


def reconstruction_figure(shown: Reconstructions) -> PageFigure:
    """Draw samples above their embeddings and reconstructions."""
    return PageFigure(
        "reconstructions",
        "Top to bottom: samples, their embeddings (brighter is more active), reconstructions.",
        "Rows of inputs, embeddings as heat maps and reconstructions",
        plots.reconstruction_triples(shown.inputs, shown.embeddings, shown.outputs),
        is_picture=True,
    )


def _capital(records: Sequence[RunRecord]) -> str:
    label = records[0].main_metric.label
    return label[:1].upper() + label[1:]


def _of_comparison(records: Sequence[RunRecord], first: str, second: str) -> tuple[RunRecord, ...]:
    """Return the runs of the first comparison, or else of the second; never a mixture."""
    chosen = tuple(run for run in records if run.comparison == first)
    return chosen or tuple(run for run in records if run.comparison == second)


def _sample_figures(inputs: ReportInputs, seed: int) -> Iterator[PageFigure]:
    kept = inputs.selected_indices[:SHEET_IMAGES]
    yield PageFigure(
        "kept-samples",
        f"Kept: the first {len(kept)} of {len(inputs.selected_indices):,}, in selection order.",
        "Grid of selected samples",
        plots.contact_sheet(inputs.images[kept], columns=SHEET_COLUMNS),
        is_picture=True,
    )
    dropped = _dropped_sample(inputs, np.random.default_rng(seed))
    if len(dropped):
        n_dropped = len(inputs.images) - len(np.unique(inputs.selected_indices))
        yield PageFigure(
            "dropped-samples",
            f"Dropped: {len(dropped)} of {n_dropped:,}, drawn at random.",
            "Grid of samples that were not selected",
            plots.contact_sheet(inputs.images[dropped], columns=SHEET_COLUMNS),
            is_picture=True,
        )
    if inputs.labels is not None:
        arms = {"full data": inputs.labels, "selected": inputs.labels[inputs.selected_indices]}
        if inputs.random_indices is not None:
            arms["random"] = inputs.labels[inputs.random_indices]
        yield PageFigure(
            "class-balance",
            "Share of each class before and after selection.",
            "Bar chart of class shares in the full, the selected and the random set",
            plots.class_balance(arms, inputs.class_names),
        )


def _dropped_sample(inputs: ReportInputs, rng: np.random.Generator) -> NDArray[np.int64]:
    is_dropped = np.ones(len(inputs.images), dtype=bool)
    is_dropped[inputs.selected_indices] = False
    dropped = np.flatnonzero(is_dropped)
    return rng.permutation(dropped)[:SHEET_IMAGES]


def _embedding_figures(inputs: ReportInputs, seed: int) -> Iterator[PageFigure]:
    if inputs.embeddings is not None:
        yield PageFigure(
            "embedding-map",
            "The embedding space on the plane of its two leading principal components, from a "
            f"random sample of at most {plots.MAX_ROWS:,} rows; kept samples in colour.",
            "Scatter plot of embeddings, dropped samples in grey, kept ones coloured by class",
            plots.embedding_map(
                inputs.embeddings,
                inputs.selected_indices,
                inputs.labels,
                inputs.class_names,
                rng=np.random.default_rng(seed),
            ),
        )
    if inputs.reconstructions is not None:
        yield reconstruction_figure(inputs.reconstructions.first(_TRIPLES))
