"""A grid of trainings on one dataset: every arm at every size, split and length."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from thinset.data import open_dataset
from thinset.experiments.cells import Cell, cells_of
from thinset.experiments.distillation import distilled_name
from thinset.experiments.explored import explored_cells
from thinset.experiments.finished import Finished
from thinset.experiments.generation import generated_name
from thinset.experiments.next_steps import after_study
from thinset.experiments.prepare.subsets import require_readable
from thinset.experiments.refreshing import Refresher
from thinset.experiments.run_folder import finished_records
from thinset.experiments.settings import StudySettings
from thinset.experiments.shown_settings import shown_settings
from thinset.report import Progress, ShownSet, StudyInputs, write_study_report
from thinset.results.arm import Arm
from thinset.results.arm_words import plain_name
from thinset.results.measures import FILE, load_measures
from thinset.results.records import RunRecord
from thinset.results.summaries import trained_baseline
from thinset.selection.arguments import as_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.prepare.data import Splits
    from thinset.experiments.prepare.kept import RealClassifier
    from thinset.experiments.where import Where
    from thinset.experiments.workbench import Workbench
    from thinset.report.explorer.inputs import Explore
    from thinset.results.measures import Measures
    from thinset.results.records import Comparison

Settings = StudySettings

_OTHER_ACCOUNTING: dict[Comparison, Comparison] = {
    "time": "training time",
    "training time": "time",
}
_MOST_SHOWN = 100  # images of an artificial set on the page
_FIRST_PHASE = "first-phase-"
"""Start of the names of checkpoints that trainings of several splits share"""


def make(
    recipe: FigureRecipe,
    settings: StudySettings,
    where: Where,
    note: Callable[[str], None] | None = None,
) -> Path:
    """Train what is missing of the grid, and write its page; returns its path.

    A later call may add arms, seeds, sizes, splits and lengths in the same folder, but not change
    the data, the encoder or the training: see RunFolder.
    """
    study = Study(where, settings, figure=recipe.name)
    refresh = Refresher(lambda: write_page(recipe, Finished.read(where.out, StudySettings)))
    study.train(note, refresh)
    if settings.measured:
        study.measure(note)
    return write_page(recipe, Finished.read(where.out, StudySettings))


class Study:
    """The trainings of a grid, with their records in one folder; none runs twice."""

    def __init__(
        self,
        where: Where,
        settings: StudySettings,
        *,
        figure: str = "compare",
        data: Splits | None = None,
        judge: Callable[[], RealClassifier] | None = None,
    ) -> None:
        from thinset.augmentation.train import require_unit_range
        from thinset.experiments.prepare.generated import require_generators
        from thinset.experiments.prepare.measured import require_measurable
        from thinset.experiments.trial import require_enough_samples
        from thinset.experiments.workbench import Workbench

        require_readable(settings.arms)
        self._cells = cells_of(settings)  # first, so that a mistake in an arm leaves no folder
        self.bench: Workbench = Workbench(
            where, settings, fixed=("training",), figure=figure, data=data, judge=judge
        )
        generators = settings.generation.of_arms(settings.arms)
        require_generators(self.bench.data.train, settings.generation, generators)
        self.folder = self.bench.folder
        self.data = self.bench.data
        self.settings = settings.resolved_for(self.data.train.image_shape)
        with self.folder.removed_if_refused():
            sizes = (cell.size for cell in self._cells if cell.arm.rule is not None)
            require_enough_samples((size for size in sizes if size is not None), self.data.train)
            if any(arm.augment is not None for arm in settings.arms):
                require_unit_range(self.data.train)
            if settings.measured:
                sizes_of_images = (as_count(size, len(self.data.train)) for size in settings.sizes)
                require_measurable(self.data.train, n_artificial=min(sizes_of_images))

    def train(
        self,
        note: Callable[[str], None] | None = None,
        after_each: Callable[[], object] | None = None,
    ) -> tuple[RunRecord, ...]:
        """Train what is missing; return the records of the whole grid.

        See Workbench.train_missing for calls of `note` and `after_each`, and for skipped trainings.
        """
        trainings = {cell.name: functools.partial(self._train, cell) for cell in self._cells}
        self.bench.train_missing(trainings, note, after_each=after_each)
        # Now no training is left that could continue a first phase, whatever the grid was earlier.
        for path in self.folder.checkpoint("any").parent.glob(f"{_FIRST_PHASE}*"):
            path.unlink()
        return self.records()

    def measure(self, note: Callable[[str], None] | None = None) -> None:
        """Measure the images of every subset that was trained on, each once."""
        from thinset.experiments.prepare.kept import Images
        from thinset.experiments.prepare.measured import prepare_measures

        cells = {
            (cell.arm, cell.size, cell.seed): cell
            for cell in self._cells
            if cell.split is not None and not cell.arm.is_repeated and self._path(cell).exists()
        }
        for cell in cells.values():
            subset = self.bench.subset(cell)
            if note is not None:
                note(f"measuring {cell.arm}, seed {cell.seed}")
            prepare_measures(
                str(cell.arm),
                Images(subset.data.images, np.asarray(subset.data.labels)),
                self.bench.images(),
                self.bench.artificial.classifier(),
                self.folder,
                share=self.settings.share,
                seed=cell.seed,
                seconds=sum(RunRecord.load(self._path(cell)).preparation_seconds.values()),
            )

    def records(self) -> tuple[RunRecord, ...]:
        """The records of those trainings of the grid that are finished."""
        names = (cell.name for cell in self._cells)
        return tuple(finished_records(self.folder.path, names).values())

    @property
    def left_out(self) -> dict[str, str]:
        """The skipped trainings of the grid, by name, and why."""
        return self.folder.left_out_of(cell.name for cell in self._cells)

    def _path(self, cell: Cell) -> Path:
        return self.folder.record(cell.name)

    def _train(self, cell: Cell) -> None:
        if self._taken_from_other_accounting(cell):
            return
        first_phase = self._first_phase(cell)
        self.bench.train(cell, self.settings.training, cell.name, first_phase)
        if first_phase is not None and not self._is_continued(cell):
            first_phase.unlink(missing_ok=True)

    def _taken_from_other_accounting(self, cell: Cell) -> bool:
        """Whether the record could be copied from the other accounting of the budget.

        With preparation counted or not, an arm that prepares nothing trains for the same time.
        """
        other = _OTHER_ACCOUNTING.get(cell.comparison)
        if other is None:
            return False
        path = self._path(dataclasses.replace(cell, comparison=other))
        if not path.exists():
            return False
        record = RunRecord.load(path)
        if record.preparation_seconds:
            return False
        dataclasses.replace(record, comparison=cell.comparison).save(self._path(cell))
        return True

    def _first_phase(self, cell: Cell) -> Path | None:
        """The state after the fast phase, for trainings that differ only in a larger split.

        A training continues the state of the next smaller split, whose file gets its name. A split
        that is added below finished ones finds no such file and starts from scratch.
        """
        from thinset.experiments.replayed import replays

        is_shared = (
            len(self.settings.splits) > 1
            and cell.arm.has_fast_phase
            and cell.comparison == "steps"
            and self.settings.training.schedule == "constant"
            and self.settings.training.warm_up == 0
            and not replays(cell.arm)  # stored steps are the same for every split
        )
        if not is_shared or cell.split is None:
            return None
        path = self._first_phase_file(cell)
        shorter = [
            self._first_phase_file(dataclasses.replace(cell, split=split))
            for split in sorted(self.settings.splits)
            if 0 < split < cell.split
        ]
        existing = [file for file in shorter if file.exists()]
        if existing and not path.exists():
            existing[-1].replace(path)
        return path

    def _first_phase_file(self, cell: Cell) -> Path:
        return self.folder.checkpoint(f"{_FIRST_PHASE}{cell.name}")

    def _is_continued(self, cell: Cell) -> bool:
        """Whether a training with a larger split is still missing."""
        assert cell.split is not None
        larger = (split for split in self.settings.splits if split > cell.split)
        names = [dataclasses.replace(cell, split=split).name for split in larger]
        done = {*self.folder.left_out, *finished_records(self.folder.path, names)}
        return not done.issuperset(names)


def write_page(recipe: FigureRecipe, finished: Finished[StudySettings]) -> Path:
    """Write the page of what is trained so far; FileNotFoundError if nothing is."""
    cells = cells_of(finished.settings)
    names = [cell.name for cell in cells]
    records, left_out = finished.records(names), finished.left_out(names)
    n_done = len(records) + len(left_out)
    is_done = n_done >= len(names)
    inputs = StudyInputs(
        title=recipe.title,
        subject=finished.subject,
        records=records,
        baseline=trained_baseline(records, finished.settings.baseline),
        command=finished.command,
        settings=shown_settings(
            finished.settings, finished.data.image_shape, finished.settings.arms
        ),
        explore=_explored(recipe, finished),
        stage_seconds=finished.stage_seconds,
        source=recipe.paper,
        published=recipe.published,
        left_out=left_out,
        next_step=after_study(finished, records, _selections(finished, cells)) if is_done else None,
        progress=None if is_done else Progress(n_done, len(names)),
        sets=tuple(_shown_sets(finished)),
        measures=_measures(finished),
        n_generators=finished.settings.generation.n_seeds,
    )
    return write_study_report(inputs, finished.report, overwrite=True)


def _selections(finished: Finished[StudySettings], cells: Sequence[Cell]) -> dict[Arm, Path]:
    """The files of selections of the first seed and size, by arm."""
    files: dict[Arm, Path] = {}
    for cell in cells:
        if cell.arm.rule is not None and cell.size is not None and cell.arm not in files:
            file = finished.selection_file(cell.selection_name)
            if file.exists():
                files[cell.arm] = file
    return files


def _measures(finished: Finished[StudySettings]) -> tuple[Measures, ...]:
    """Those of the grid, arm by arm."""
    settings = finished.settings
    found = load_measures(finished.path / FILE) if settings.measured else ()
    return tuple(
        one
        for arm in settings.arms
        for one in found
        if one.augmentation == str(arm) and one.seed in settings.seeds
    )


def _explored(recipe: FigureRecipe, finished: Finished[StudySettings]) -> Explore | None:
    """For comparisons on the user's data; a published figure is about the scores."""
    if recipe.name != "compare":
        return None
    return explored_cells(finished, cells_of(finished.settings))


def _shown_sets(finished: Finished[StudySettings]) -> Iterator[ShownSet]:
    """The artificial sets of the first seed, with at most so many images."""
    settings = finished.settings
    sets: dict[str, tuple[str, int]] = {}
    for arm in settings.arms:
        for size in settings.sizes:
            n_images, seed = as_count(size, len(finished.data)), settings.seeds[0]
            if arm.distilled is not None:
                if arm.distilled.generator is None:  # those of a GAN share it, not its images
                    seed %= settings.distillation.n_seeds
                folder = distilled_name(arm.distilled, n_images, seed)
                sets[folder] = (plain_name(Arm(distilled=arm.distilled)), n_images)
            elif arm.generated is not None and arm.keep is None:
                folder = generated_name(arm.generated, n_images, seed)
                sets[folder] = (plain_name(Arm(generated=arm.generated)), n_images)
    for folder, (name, n_images) in sets.items():
        path = finished.path / "subsets" / folder
        if n_images <= _MOST_SHOWN and path.is_dir():
            data = open_dataset(path)
            yield ShownSet(f"{name}, {n_images} images", np.asarray(data.images), data.n_classes)
