"""One selection against random samples and everything, at equal steps and at equal time."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

from thinset.duration import Duration
from thinset.experiments.cells import Cell, cell_of
from thinset.experiments.explored import explored
from thinset.experiments.finished import Finished
from thinset.experiments.next_steps import after_run
from thinset.experiments.refreshing import Refresher
from thinset.experiments.settings import RunSettings
from thinset.experiments.shown_settings import shown_settings
from thinset.report import Progress, ReportInputs, write_report
from thinset.results import FULL, RANDOM, Arm, RunRecord, load_records
from thinset.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.where import Where
    from thinset.experiments.workbench import Workbench
    from thinset.results.records import Comparison

Settings = RunSettings


def make(
    recipe: FigureRecipe,
    settings: RunSettings,
    where: Where,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Do everything `settings` asks for, and write the page; returns its path.

    Every stage stores its result in the folder. The same call on the same folder resumes where the
    last one stopped, even within a training. See RunFolder and `prepare_data` for what is refused.
    """
    from thinset.experiments.trial import require_enough_samples
    from thinset.experiments.workbench import Workbench

    fixed = tuple(field.name for field in dataclasses.fields(RunSettings))
    bench = Workbench(where, settings, fixed=fixed, figure=recipe.name)
    with bench.folder.removed_if_refused():
        require_enough_samples((settings.size,), bench.data.train)
    refresh = Refresher(lambda: write_page(recipe, Finished.read(where.out, RunSettings)))
    _train_at_equal_steps(bench, settings, note, refresh)
    _train_at_equal_time(bench, settings, note, refresh)
    bench.store_shown()
    return write_page(recipe, Finished.read(where.out, RunSettings))


def _arms(settings: RunSettings) -> tuple[Arm, Arm, Arm]:
    return settings.arm, RANDOM, FULL


def _cell(
    settings: RunSettings, arm: Arm, total: Duration, comparison: Comparison, seed: int
) -> Cell:
    return cell_of(
        arm,
        size=settings.size,
        split=settings.split,
        total=total,
        comparison=comparison,
        seed=seed,
    )


def _train_at_equal_steps(
    bench: Workbench,
    settings: RunSettings,
    note: Callable[[str], None] | None,
    refresh: Callable[[], None],
) -> None:
    cells = (
        _cell(settings, arm, settings.steps, "steps", seed)
        for seed in settings.seeds
        for arm in _arms(settings)
    )
    _train(bench, settings, cells, note, refresh)


def _train_at_equal_time(
    bench: Workbench,
    settings: RunSettings,
    note: Callable[[str], None] | None,
    refresh: Callable[[], None],
) -> None:
    """All arms within one budget, preparation included.

    Without a budget in the settings, the selected arm's runs of equal steps appear in both
    comparisons, and the other arms get the time of the slowest of them, in whole seconds.
    """
    budget = settings.time
    if budget is None:
        selected = {
            seed: _cell(settings, settings.arm, settings.steps, "steps", seed)
            for seed in settings.seeds
        }
        records = {
            seed: RunRecord.load(bench.folder.record(cell.name)) for seed, cell in selected.items()
        }
        slowest = max(record.curve[-1].seconds for record in records.values())
        budget = Duration(math.ceil(slowest), "s")
        for seed, record in records.items():
            same = dataclasses.replace(record, comparison="time", total=budget)
            path = bench.folder.record(_cell(settings, settings.arm, budget, "time", seed).name)
            if not path.exists():
                same.save(path)
    cells = (
        _cell(settings, arm, budget, "time", seed)
        for seed in settings.seeds
        for arm in _arms(settings)
    )
    _train(bench, settings, cells, note, refresh)


def _train(
    bench: Workbench,
    settings: RunSettings,
    cells: Iterable[Cell],
    note: Callable[[str], None] | None,
    refresh: Callable[[], None],
) -> None:
    trainings = {
        cell.name: functools.partial(bench.train, cell, settings.training, cell.name)
        for cell in cells
    }
    bench.train_missing(trainings, note, leave_out=False, after_each=refresh)


def write_page(
    recipe: FigureRecipe,  # noqa: ARG001 - as every kind's
    finished: Finished[RunSettings],
) -> Path:
    """Write the page with its plots and records beside it; returns its path.

    Until all trainings are finished, the page says how many are, and has no plots.
    """
    settings = finished.settings.resolved_for(finished.data.image_shape)
    seed = settings.seeds[0]
    selected, by_chance = (
        _cell(settings, arm, settings.steps, "steps", seed).selection_name
        for arm in (settings.arm, RANDOM)
    )
    data = finished.data
    records = load_records(finished.path / "records")
    n_total = 2 * len(_arms(settings)) * len(settings.seeds)
    is_done = len(records) >= n_total
    selection = finished.selection_file(selected, "selected")
    inputs = ReportInputs(
        title=f"thinset on {data.name}",
        dataset_name=data.name,
        images=data.images,
        labels=data.labels,
        class_names=data.class_names,
        selected_indices=Selection.load(selection).indices,
        random_indices=(
            finished.selection(by_chance, f"random-seed{seed}").indices if is_done else None
        ),
        embeddings=finished.embeddings if is_done else None,
        reconstructions=finished.reconstructions,
        embedding_facts=finished.embedding_facts,
        explore=explored(
            finished,
            (settings.arm, (selected, "selected")),
            (RANDOM, (by_chance, f"random-seed{seed}")),
        ),
        stage_seconds=finished.stage_seconds,
        records=records,
        settings=shown_settings(finished.settings, data.image_shape, _arms(settings)),
        command=finished.command,
        next_step=after_run(finished, records, selection) if is_done else None,
        progress=None if is_done else Progress(len(records), n_total),
    )
    return write_report(inputs, finished.report, overwrite=True)
