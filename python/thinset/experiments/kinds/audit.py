"""Distilled sets, each compared part by part with simple sets of real images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from thinset.data import open_dataset
from thinset.experiments.audit_settings import AuditSettings
from thinset.experiments.distillation import distilled_name
from thinset.experiments.next_steps import on_real_data
from thinset.experiments.settings import DataSettings, TrainingSettings, require_distinct
from thinset.files.decoding import encode
from thinset.report import AuditedSet, AuditInputs, write_audit_report
from thinset.results.arm import Arm
from thinset.results.arm_words import plain_name
from thinset.results.audit import FILE, Audit
from thinset.selection.arguments import as_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from thinset.experiments.figures.recipe import FigureRecipe
    from thinset.experiments.finished import Finished
    from thinset.experiments.where import Where
    from thinset.results.distillation_rule import DistillationRule


@dataclass(frozen=True)
class Settings(DataSettings):
    """Distilled sets, and how each is audited.

    arms: distilled arms, without fine-tuning. sizes: of their sets, counts or fractions. training:
    names the network and the width that the images are learned for. validation: what no set is
    learned from, and the learning rates of all are chosen on; with None, each audit chooses on a
    part of the data that sets are learned from. audit: see AuditSettings.
    """

    arms: tuple[Arm, ...] = ()
    sizes: tuple[int | float, ...] = (100,)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)

    def __post_init__(self) -> None:
        require_distinct(self, "arms", "sizes")
        for arm in self.arms:
            if arm.distilled is None or arm != Arm(distilled=arm.distilled):
                raise ValueError(f"arms must be distilled ones, such as distilled:dm; got {arm}")


@dataclass(frozen=True)
class _Set:
    rule: DistillationRule
    n_images: int

    @property
    def name(self) -> str:
        return distilled_name(self.rule, self.n_images, 0)

    @property
    def label(self) -> str:
        return f"{self.n_images} {plain_name(Arm(distilled=self.rule))}"


def make(
    recipe: FigureRecipe,
    settings: Settings,
    where: Where,
    note: Callable[[str], None],
) -> Path:
    """Distil and audit what is missing, and write the page; returns its path.

    A later call may ask for more arms and sizes in the same folder.
    """
    from thinset.experiments.audit import evaluate_set
    from thinset.experiments.finished import Finished
    from thinset.experiments.prepare.distilled_arms import prepare_distilled
    from thinset.experiments.workbench import Workbench

    bench = Workbench(where, settings, fixed=("training", "audit"), figure=recipe.name)
    finished: list[Path] = []  # random images of one size are the same beside every set
    for one in _sets(settings, len(bench.data.train)):
        note(f"{recipe.name}: {one.label}")
        made = prepare_distilled(
            one.rule,
            one.n_images,
            bench.images(),
            bench.embeddings,
            bench.folder,
            settings=settings.distillation,
            generation=settings.generation,
            training=settings.training.resolved_for(bench.data.train.image_shape),
            seed=0,
            device=where.device,
            show_progress=where.show_progress,
        )
        folder = _audit_folder(bench.folder.path, one)
        evaluate_set(
            made.data,
            dataclasses.replace(where, out=folder),
            settings.audit,
            data=bench.data,
            others=finished,
        )
        finished.append(folder)
    return write_page(recipe, Finished.read(where.out, Settings))


def write_page(recipe: FigureRecipe, finished: Finished[Settings]) -> Path:
    """Write the page of the finished audits; FileNotFoundError if there is none."""
    sets = tuple(_audited(finished))
    if not sets:
        raise FileNotFoundError(f"{finished.path} has no finished audit; run the experiment first")
    inputs = AuditInputs(
        title=recipe.title,
        subject=finished.subject,
        sets=sets,
        command=finished.command,
        settings=encode(finished.settings.resolved_for(finished.data.image_shape)),
        stage_seconds=finished.stage_seconds,
        next_step=on_real_data(finished),
    )
    return write_audit_report(inputs, finished.report, overwrite=True)


def _audited(finished: Finished[Settings]) -> Iterator[AuditedSet]:
    for one in _sets(finished.settings, len(finished.data)):
        path = _audit_folder(finished.path, one) / FILE
        if path.exists():
            data = open_dataset(finished.path / "subsets" / one.name)
            yield AuditedSet(one.label, Audit.load(path), np.asarray(data.images), data.n_classes)


def _sets(settings: Settings, n_samples: int) -> Iterator[_Set]:
    for arm in settings.arms:
        for size in settings.sizes:
            assert arm.distilled is not None
            yield _Set(arm.distilled, as_count(size, n_samples))


def _audit_folder(out: Path, one: _Set) -> Path:
    return out / "audits" / one.name
