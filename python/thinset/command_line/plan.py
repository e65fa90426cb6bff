"""thinset plan."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from thinset.command_line.arguments import (
    Device,
    Embeddings,
    ImageSize,
    Model,
    Output,
    Preset,
    Seed,
    Source,
    optional,
    parse_length,
    parse_time,
    where_of,
)
from thinset.command_line.encoder_options import EncoderOptions
from thinset.command_line.option_names import named_as_options
from thinset.command_line.study_options import say
from thinset.command_line.training_options import TrainingOptions, options_given
from thinset.command_line.usage import UsageError

if TYPE_CHECKING:
    from thinset.experiments.settings import PlanSettings


@dataclass(frozen=True)
class _Options:
    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the plan and its report page"""
    budget: Annotated[str | None, optional(metavar="TIME")] = None
    """time budget for everything, planning included, such as 7min"""
    steps: Annotated[str | None, optional(metavar="LENGTH")] = None
    """length of the training instead of a time, such as 1000st or 20ep"""
    preset: Preset = "quick"
    """smoke: batches of 64, for small images; quick: of 256; paper: of 1024, for a GPU (--size is
    the older name)"""
    image_size: ImageSize = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each"""
    encoded: bool = False
    """keep images encoded (JPEG, ...) and decode them on each use"""
    embeddings: Embeddings = None
    """your own embeddings instead, one row per training sample"""
    model: Model = None
    """classifier: paper, vgg, lenet, alexnet, convnet, resnet, or your own function of the image
    shape (H, W, C) and the number of classes; by default paper"""
    probe_share: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.1
    """largest share of the budget for short trainings that predict the accuracy; 0 for none"""
    seed: Seed = 0
    """seed of the training"""
    device: Device = "auto"
    """device to compute on"""


@dataclass(frozen=True)
class Command(TrainingOptions, EncoderOptions, _Options):
    """Advise how to train on your data within a time budget, and predict the cost of each way.

    Measures training, embedding and decoding for a few seconds each, and a sample of the data. The
    advice may be to balance classes, to remove near-duplicates, to keep images in memory, or none
    of these. Planning takes at most a fifth of the budget and skips measurements that do not fit,
    but always measures one training step. `thinset run --plan` with the same options and folder
    follows the plan.
    """

    def run(self) -> None:
        settings = self.settings()  # first, so that mistakes are reported before torch loads
        from thinset.experiments.figures.registry import recipe_of
        from thinset.experiments.finished import Finished
        from thinset.experiments.kinds.plan import write_page
        from thinset.experiments.next_steps import own_functions
        from thinset.experiments.plan.planning import Planner

        planner = Planner(where_of("plan", self), settings)
        plan = planner.plan(say)
        print(plan.describe())
        page = write_page(recipe_of("plan"), Finished.read(self.out, type(settings)))
        print(f"report: {page}")
        if plan.least_seconds is None:
            again = ["thinset", "run", self.data, "--plan", "-o", str(self.out)]
            again += own_functions(settings)
            if self.image_size is not None:
                again += ["--image-size", *map(str, self.image_size)]
            print(f"follow it: {shlex.join(again)}")

    def settings(self) -> PlanSettings:
        """The preset's recipe with the given values."""
        from thinset.experiments.settings import PlanSettings, load_recipe, require_valid

        if (self.budget is None) == (self.steps is None):
            raise UsageError("give either --budget or --steps")
        if self.budget is not None:
            total = parse_time("--budget", self.budget)
        else:
            total = parse_length("--steps", str(self.steps))
        if total.amount == 0:
            name = "--steps" if self.budget is None else "--budget"
            raise ValueError(f"{name} must be longer than {total}")
        recipe = load_recipe("plan", self.preset, PlanSettings)
        with named_as_options(options_given(self)):
            settings = dataclasses.replace(
                recipe,
                total=total,
                probe_share=self.probe_share,
                seed=self.seed,
                from_encoded=self.encoded,
                encoder=self.encoder_of(
                    recipe.encoder, seed=self.seed, **self.encoder_values(self.embeddings)
                ),
                training=self.training_of(recipe.training),
            )
            require_valid(settings)
        return settings
