"""thinset compare."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from thinset.command_line.arguments import (
    Device,
    Embeddings,
    ImageSize,
    Model,
    Output,
    Preset,
    Source,
    where_of,
)
from thinset.command_line.encoder_options import EncoderOptions
from thinset.command_line.study_options import StudyOptions, say, with_quick_encoder
from thinset.command_line.training_options import replaced


@dataclass(frozen=True)
class _Required:
    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the trainings and their report"""


@dataclass(frozen=True)
class Command(StudyOptions, EncoderOptions, _Required):
    """Compare ways to train on your data: selected subsets, other datasets, everything.

    Differences from the baseline, random by default, are paired by seed and have a 95 % interval.
    If the interval contains zero, the report says "no evidence". Run it again on the same folder,
    also with more arms or seeds, to train only what is missing.
    """

    preset: Preset = "quick"
    """smoke: under a minute; quick: half an hour on two cores; paper: for a GPU (--size is the
    older name)"""
    image_size: ImageSize = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each"""
    embeddings: Embeddings = None
    """your own embeddings, one row per training sample"""
    model: Model = None
    """classifier: paper, vgg, lenet, alexnet, convnet, resnet, or your own function of the image
    shape (H, W, C) and the number of classes; by default paper"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.experiments.figures.registry import recipe_of
        from thinset.experiments.kinds import trainings
        from thinset.experiments.settings import StudySettings, load_recipe
        from thinset.report.terminal import spoken_comparison
        from thinset.results import load_records
        from thinset.results.summaries import trained_baseline

        recipe = load_recipe("compare", self.preset, StudySettings)
        if self.encoder_length is None and self.encoder is None:
            recipe = with_quick_encoder(recipe, self.preset, self.data)
        settings = self.applied_to(recipe)
        settings = dataclasses.replace(
            settings,
            encoder=replaced(settings.encoder, **self.encoder_values(self.embeddings)),
            training=dataclasses.replace(settings.training, model=self.model),
        )
        page = trainings.make(recipe_of("compare"), settings, where_of("compare", self), say)
        records = load_records(page.parent / "records.json")
        print(spoken_comparison(records, trained_baseline(records, settings.baseline)))
        print(f"report: {page}")
