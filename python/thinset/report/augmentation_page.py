"""The page of an augmentation experiment: accuracy and image quality by size of the data."""

from __future__ import annotations

import functools
import statistics
from typing import TYPE_CHECKING

from thinset.report import sections
from thinset.report.augmentation_figures import draw_figures
from thinset.report.augmentation_headline import TWICE, augmentation_headline, spoken_baseline
from thinset.report.cells import NONE, Cell, facts, table
from thinset.report.document import write_document
from thinset.report.generator_trainings import scored_by_others
from thinset.report.measures_table import MEASURE_COLUMNS, measure_cells
from thinset.results.arm import FULL, Arm
from thinset.results.arm_options import generator_of
from thinset.results.learning_curves import LogarithmicFit, logarithmic_fit
from thinset.results.summaries import paired_difference
from thinset.results.verdicts import verdict_of
from thinset.results.wording import MINUS, spoken_length

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from thinset.report.augmentation_inputs import (
        AugmentationInputs,
        PublishedTable,
        SizeResults,
    )
    from thinset.report.cells import Table
    from thinset.results.records import RunRecord
    from thinset.results.summaries import PairedDifference


def write_augmentation_report(
    inputs: AugmentationInputs, out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the page, its plots and its records into the folder `out`; see write_document.

    Raises ImportError without the extra `report`, and FileNotFoundError where nothing is finished.
    """
    if not inputs.sizes:
        raise FileNotFoundError("nothing is finished yet; run the experiment first")
    records = inputs.records
    figures = {figure.name: figure for figure in draw_figures(inputs)}
    stages: dict[str, float] = {}
    for size in inputs.sizes:
        for stage, seconds in size.stage_seconds.items():
            stages[f"{stage}, {size.name}"] = seconds
    content = {
        "title": inputs.title,
        "headline": augmentation_headline(inputs),
        "scope": inputs.subject,
        "next_step": inputs.next_step,
        "curves": [name for name in figures if name.startswith("learning-curves")],
        "grids": [name for name in figures if name.startswith("grid")],
        "trainings": [name for name in figures if name.startswith("training-of")],
        "quality": [name for name in figures if name.startswith("fid")],
        "accuracy": list(_by_length(inputs, lambda runs: _scores(inputs, runs, "accuracy"))),
        "validation": list(
            _by_length(inputs, lambda runs: _scores(inputs, runs, "validation accuracy"))
        ),
        "differences": [
            (f"Against {spoken_baseline(baseline)}, {length}", found)
            for baseline in inputs.baselines
            for length, found in _by_length(
                inputs, functools.partial(_differences, inputs, baseline=baseline)
            )
        ],
        "fits": list(_by_length(inputs, lambda runs: _fits(inputs, runs))),
        "published": [(one.what, _beside(inputs, one), one.remark) for one in inputs.published],
        "published_metrics": {one.metric for one in inputs.published},
        "source": inputs.source,
        "measures": _measures(inputs),
        "shared_generators": _shared_generators(inputs),
        "extractors": sorted({one.extractor for size in inputs.sizes for one in size.measures}),
        "correlation": _correlation(inputs),
        "scored_by_others": facts(scored_by_others(inputs)),
        "collapses": facts(
            {
                f"{shown.name}, {size.name}": shown.collapse
                for size in inputs.sizes
                for shown in size.shown
                if shown.collapse is not None
            }
        ),
        "left_out": facts(
            {
                f"{name}, {size.name}": why
                for size in inputs.sizes
                for name, why in size.left_out.items()
            }
        ),
        "costs": sections.costs(stages),
        "rerun": sections.rerun(records, inputs.command, inputs.settings),
    }
    return write_document(
        "augmentation.html.j2", content, figures, records, out, overwrite=overwrite
    )


def _name(arm: Arm) -> str:
    """A short name for the head of a table: the augmentation of everything, by its own name."""
    if arm == FULL:
        return "original"
    if arm == TWICE:
        return "original twice"
    return arm.augment if arm == Arm(augment=arm.augment) and arm.augment else str(arm)


def _arms(inputs: AugmentationInputs, among: Sequence[RunRecord]) -> list[Arm]:
    """The arms that were trained, in the order in which they were given."""
    trained = {run.arm for run in among}
    return [arm for arm in inputs.arms if arm in trained]


def _by_length(
    inputs: AugmentationInputs, make: Callable[[Sequence[RunRecord]], Table | None]
) -> Iterator[tuple[str, Table]]:
    """A table for each length of training that has one, with the length in words."""
    for total in inputs.lengths:
        found = make([run for run in inputs.records if run.total == total])
        if found is not None:
            yield spoken_length(total), found


def _runs(size: SizeResults, among: Sequence[RunRecord], arm: Arm) -> list[RunRecord]:
    """The runs of one arm at one size, sorted by seed."""
    wanted = [run for run in size.records if run in among and run.arm == arm]
    return sorted(wanted, key=lambda run: run.seed)


def _longest(inputs: AugmentationInputs, size: SizeResults) -> list[RunRecord]:
    """The runs of the longest training that one size has."""
    totals = {run.total for run in size.records}
    longest = [total for total in inputs.lengths if total in totals][-1:]
    return [run for run in size.records if run.total in longest]


def _header(arms: Sequence[Arm]) -> tuple[str, ...]:
    return ("size", "images", *map(_name, arms))


def _spread(scores: Sequence[float], decimals: int) -> str:
    text = f"{statistics.fmean(scores):.{decimals}f}"
    return text if len(scores) < 2 else f"{text} ± {statistics.stdev(scores):.{decimals}f}"


def _scores(inputs: AugmentationInputs, among: Sequence[RunRecord], metric: str) -> Table | None:
    """Mean and deviation of a metric, a row for each size; None where no run has it."""
    arms = _arms(inputs, among)
    rows: list[list[Cell | str]] = []
    for size in inputs.sizes:
        by_arm = {
            arm: [
                value
                for run in _runs(size, among, arm)
                if metric in run.final and (value := run.final[metric].value) is not None
            ]
            for arm in arms
        }
        means = [statistics.fmean(scores) for scores in by_arm.values() if scores]
        if not means:
            continue
        n_images = next(run.n_full for run in size.records)
        cells = [
            Cell(
                _spread(scores, 2) if scores else NONE,
                f"n = {len(scores)}" if scores else "",
                is_strong=bool(scores) and statistics.fmean(scores) == max(means),
            )
            for scores in by_arm.values()
        ]
        rows.append([size.name, f"{n_images:,}", *cells])
    return table(_header(arms), rows) if rows else None


def _difference(
    size: SizeResults, among: Sequence[RunRecord], arm: Arm, baseline: Arm
) -> PairedDifference | None:
    runs, others = _runs(size, among, arm), _runs(size, among, baseline)
    return paired_difference(runs, others) if runs and others else None


def _differences(
    inputs: AugmentationInputs, among: Sequence[RunRecord], *, baseline: Arm
) -> Table | None:
    arms = [arm for arm in _arms(inputs, among) if arm != baseline]
    rows: list[list[Cell | str]] = []
    for size in inputs.sizes:
        found = [_difference(size, among, arm, baseline) for arm in arms]
        if any(found):
            n_images = next(run.n_full for run in size.records)
            rows.append([size.name, f"{n_images:,}", *map(_difference_cell, found)])
    return table(_header(arms), rows) if rows else None


def _difference_cell(found: PairedDifference | None) -> Cell:
    if found is None:
        return Cell(NONE)
    if found.interval is None:
        return Cell(_signed(found.mean), "n = 1")
    low, high = found.interval
    around = f"({_signed(low)} to {_signed(high)})"
    return Cell(_signed(found.mean), around, is_strong=verdict_of(found) in ("better", "worse"))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)


def _fits(inputs: AugmentationInputs, among: Sequence[RunRecord]) -> Table | None:
    rows = []
    for arm in _arms(inputs, among):
        runs = [run for size in inputs.sizes for run in _runs(size, among, arm)]
        fit = logarithmic_fit([run.n_full for run in runs], [run.score for run in runs])
        if fit is not None:
            rows.append(
                (
                    _name(arm),
                    _formula(fit),
                    f"{fit.r_squared:.3f}",
                )
            )
    return table(("arm", "accuracy (%)", "R²"), rows) if rows else None


def _formula(fit: LogarithmicFit) -> str:
    text = f"{fit.intercept:.2f} {'-' if fit.slope < 0 else '+'} {abs(fit.slope):.2f} ln(images)"
    return text.replace("-", MINUS)


def _beside(inputs: AugmentationInputs, published: PublishedTable) -> Table:
    """The paper's scores, and ours below each where there are any."""
    sizes = {f"{100 * size.share:g}": size for size in inputs.sizes}
    rows: list[list[Cell | str]] = []
    for percent, *scores in published.rows:
        size = sizes.get(f"{percent:g}")
        cells = [
            Cell(f"{score:.2f}", "" if size is None else _ours(inputs, size, published, arm))
            for arm, score in zip(published.arms, scores, strict=True)
        ]
        rows.append([f"{percent:g}\N{NO-BREAK SPACE}%", *cells])
    return table(("size", *map(_name, published.arms)), rows)


def _ours(
    inputs: AugmentationInputs, size: SizeResults, published: PublishedTable, arm: Arm
) -> str:
    if published.metric == "fid":
        return ""  # FID of other features must not stand beside it
    scores = [run.score for run in _longest(inputs, size) if run.arm == arm]
    return f"here {statistics.fmean(scores):.2f}" if scores else ""


def _measures(inputs: AugmentationInputs) -> Table | None:
    rows: list[list[Cell | str]] = []
    for size in inputs.sizes:
        for name in dict.fromkeys(one.augmentation for one in size.measures):
            found = [one for one in size.measures if one.augmentation == name]
            n_generators = None if generator_of(name) is None else inputs.n_generators
            rows.append([size.name, name, *measure_cells(found, n_generators)])
    return table(("size", "augmentation", *MEASURE_COLUMNS), rows) if rows else None


def _shared_generators(inputs: AugmentationInputs) -> str:
    """What seeds leave out where some share a generator; empty where none do."""
    generators = {generator_of(one.augmentation) for size in inputs.sizes for one in size.measures}
    generators |= {run.arm.generator for run in inputs.records}
    seeds = {one.seed for size in inputs.sizes for one in size.measures}
    seeds |= {run.seed for run in inputs.records}
    n = inputs.n_generators
    if generators <= {None} or len({seed % n for seed in seeds}) == len(seeds):
        return ""
    serve = "One generator of each kind serves" if n == 1 else f"{n} generators of each kind serve"
    return (
        f"{serve} the {len(seeds)} seeds: for generated images, the spread is over draws of "
        f"{'one generator' if n == 1 else 'these generators'}, and leaves out "
        f"{'that' if n == 1 else 'part of that'} between trainings of the generator."
    )


def _correlation(inputs: AugmentationInputs) -> Table | None:
    """Whether FID tells which augmentation helps: its correlation with accuracy at each size.

    Accuracy is that of the longest training.
    """
    rows = []
    for size in inputs.sizes:
        pairs = []
        for name in dict.fromkeys(one.augmentation for one in size.measures):
            runs = [run.score for run in _longest(inputs, size) if run.arm == Arm(augment=name)]
            if runs:
                fids = [one.fid for one in size.measures if one.augmentation == name]
                pairs.append((statistics.fmean(fids), statistics.fmean(runs)))
        if len(pairs) > 2 and all(len(set(values)) > 1 for values in zip(*pairs, strict=True)):
            value = statistics.correlation(*zip(*pairs, strict=True))
            rows.append((size.name, _signed(value), str(len(pairs))))
    return (
        table(("size", "correlation of FID and accuracy", "augmentations"), rows) if rows else None
    )
