"""thinset plan."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thinset.command_line.arguments import (
    BatchSize,
    Device,
    Embeddings,
    Encoder,
    EncoderLength,
    LearningRate,
    Model,
    Output,
    Schedule,
    Seed,
    Source,
    WarmUp,
    optional,
    typed_again,
)
from thinset.command_line.study_options import say

if TYPE_CHECKING:
    from thinset.recipes.schema import PlanSettings


@dataclass(frozen=True)
class Command:
    """Advise how to train on your data within a time, with the cost of each way.

    Trains, embeds and decodes for a few seconds each, looks at a sample of the data, and advises:
    to balance classes, to leave out near-duplicates, to keep images in memory, or none of these.
    Planning takes at most a fifth of the budget and skips what does not fit, but always trains for
    a step. `thinset run --plan` with the same options on the same folder follows the plan.
    """

    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the plan"""
    budget: Annotated[str | None, optional(metavar="TIME")] = None
    """time for everything, planning included, such as 7min"""
    steps: Annotated[str | None, optional(metavar="LENGTH")] = None
    """a length of training instead, such as 1000st or 20ep"""
    size: Literal["smoke", "quick", "paper"] = "quick"
    """batches of 64 for small images; of 256; of 1024, as in the paper, for a GPU"""
    encoded: bool = False
    """training decodes its images (JPEG, ...) whenever it wants them"""
    encoder: Encoder = None
    """what makes the embeddings; the recipes have pca"""
    encoder_length: EncoderLength = None
    """training of the autoencoder, such as 400st or 90s"""
    embeddings: Embeddings = None
    """your own embeddings instead, one row per training sample"""
    model: Model = None
    """your own model: a function of the image shape (H, W, C) and the number of classes"""
    learning_rate: LearningRate = None
    """of the classifier; the highest one of a one-cycle schedule"""
    schedule: Schedule = None
    """of the learning rate"""
    warm_up: WarmUp = None
    """of the training, in which the learning rate rises first; one_cycle has its own"""
    batch_size: BatchSize = None
    """of the classifier"""
    probe_share: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.1
    """of the budget, at most, for short trainings that predict the accuracy; 0 for none"""
    seed: Seed = 0
    """of the training"""
    device: Device = "auto"
    """where to compute"""

    def run(self) -> None:
        from thinset.recipes.planning import Planner
        from thinset.recipes.workbench import Where

        command = typed_again("plan", self, "data")
        where = Where(self.data, self.out, self.device, command, show_progress=True)
        plan = Planner(where, self.settings()).plan(say)
        print(plan.describe())
        if plan.least_seconds is None:
            print(f"follow it: thinset run {self.data} --plan -o {self.out}")

    def settings(self) -> PlanSettings:
        """The size's recipe, with what was given in its place."""
        from thinset.recipes.schema import PlanSettings, load_recipe

        total = self.budget or self.steps
        if total is None or (self.budget and self.steps):
            raise ValueError("give --budget or --steps, one of the two")
        recipe = load_recipe("plan", self.size, PlanSettings)
        path = None if self.embeddings is None else str(self.embeddings)
        encoder = {"kind": "given" if path else self.encoder, "path": path}
        training = {
            name: getattr(self, name)
            for name in ("model", "learning_rate", "schedule", "warm_up", "batch_size")
        }
        return dataclasses.replace(
            recipe,
            total=total,
            probe_share=self.probe_share,
            seed=self.seed,
            from_encoded=self.encoded,
            encoder=_with(recipe.encoder, **encoder, length=self.encoder_length, seed=self.seed),
            training=_with(recipe.training, **training),
        )


def _with(part: Any, **values: Any) -> Any:
    given = {name: value for name, value in values.items() if value is not None}
    return dataclasses.replace(part, **given)
