"""The figures of the page of an augmentation experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.report import plots
from thinset.report.document import PageFigure, figure_name
from thinset.report.generator_trainings import comparable_trainings
from thinset.results.arm import Arm
from thinset.results.grouping import colours_of
from thinset.results.wording import spoken_length

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.report.augmentation_inputs import AugmentationInputs

_MOST_NAMED = 10


def draw_figures(inputs: AugmentationInputs) -> Iterator[PageFigure]:
    """Draw every figure that the results allow; curves need two sizes."""
    records = inputs.records
    colours = _colours(inputs)
    for total in inputs.lengths:
        runs = [run for run in records if run.total == total]
        if len({run.n_full for run in runs}) > 1:
            yield PageFigure(
                figure_name("learning curves", total),
                f"Test accuracy against the number of real images, {spoken_length(total)}: "
                "mean and standard deviation over seeds; logarithmic fits from three sizes on.",
                "Lines of test accuracy against the number of training images, one for each arm",
                plots.learning_curves(runs, colours),
            )
    measures = [one for size in inputs.sizes for one in size.measures]
    if len({one.n_real for one in measures}) > 1:
        yield PageFigure(
            "fid-against-size",
            "FID[classifier] of artificial images against the number of real training images: mean "
            "and range over seeds. Lower is better.",
            "Lines of FID against the number of training images, one for each augmentation",
            plots.fid_against_size(measures, colours),
        )
    for size in inputs.sizes:
        for shown in size.shown:
            yield PageFigure(
                figure_name("grid", shown.name, f"{1000 * size.share:g}"),
                f"{shown.name} at {size.name}: a row for each class{_except(inputs)}, drawn at "
                "random.",
                f"Images drawn by {shown.name}, ten for each class",
                plots.contact_sheet(shown.images),
                is_picture=True,
            )
    for name, trained in comparable_trainings(inputs).items():
        extractors = {one.extractor for one in trained.values() if one.extractor}
        judge = "".join(f" FID and the share in the asked class by: {one}." for one in extractors)
        yield PageFigure(
            figure_name("training of", name),
            f"Training of {name}: losses and scores at each evaluation, by size of the data."
            + judge,
            f"Lines of losses and scores of {name} against steps",
            plots.generator_curves(
                {label: (shown.steps, shown.scores) for label, shown in trained.items()},
                colours[Arm(augment=name)],
            ),
        )


def _colours(inputs: AugmentationInputs) -> dict[Arm, str]:
    """One colour for each arm on the whole page, in the order of the arms."""
    measured = [Arm(augment=one.augmentation) for size in inputs.sizes for one in size.measures]
    shown = [Arm(augment=one.name) for size in inputs.sizes for one in size.shown]
    trained = {run.arm for run in inputs.records}
    arms = dict.fromkeys([*(arm for arm in inputs.arms if arm in trained), *measured, *shown])
    colours = colours_of(arms)
    return {arm: colours[arm] for arm in arms}


def _except(inputs: AugmentationInputs) -> str:
    """What a grid has no row for."""
    absent = inputs.absent_classes
    if not absent:
        return ""
    if len(absent) > _MOST_NAMED:
        return f" but the {len(absent)} that have no training images"
    has = "has" if len(absent) == 1 else "have"
    return f" but {', '.join(absent)}, which {has} no training images"
