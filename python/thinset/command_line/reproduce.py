"""thinset reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thinset.command_line.arguments import (
    Device,
    ImageSize,
    Model,
    Preset,
    typed_again,
)
from thinset.command_line.study_options import StudyOptions, say, with_quick_encoder
from thinset.command_line.usage import UsageError


@dataclass(frozen=True)
class Command(StudyOptions):
    """Reproduce a published figure: train what it needs, and write its page, plots and records.

    `thinset reproduce --list` names the figures. Run it again on the same folder, also with more
    arms or seeds, to train only what is missing.
    """

    figure: Annotated[
        tyro.conf.Positional[str | None], tyro.conf.arg(metavar="FIGURE", help_behavior_hint="")
    ] = None
    """name of the figure"""
    list: Annotated[bool, tyro.conf.arg(help_behavior_hint="")] = False
    """list the figures and exit"""
    preset: Preset = "smoke"
    """smoke: the embedded digits, under a minute; quick: real data, for most figures up to an hour
    on two cores; paper: the paper's lengths, for a GPU (--size is the older name)"""
    image_size: ImageSize = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each"""
    data: Annotated[str | None, tyro.conf.arg(metavar="DATA", help_behavior_hint="")] = None
    """dataset folder, folder or file to import (see `thinset data list`); optional for the smoke
    preset, which defaults to the embedded digits"""
    out: Annotated[
        Path | None, tyro.conf.arg(aliases=["-o"], metavar="DIR", help_behavior_hint="")
    ] = None
    """folder of the trainings and their report"""
    model: Model = None
    """classifier, as for `thinset compare`; by default that of the preset"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.experiments.figures.registry import figures, recipe_of, settings_of

        known = figures()
        if self.list:
            width = max(len(name) for name in known)
            for name, figure in known.items():
                print(f"{name:<{width}}  {figure.title}")
                if figure.paper:
                    print(f"{'':<{width}}  ({figure.paper})")
            return
        if self.figure is None or self.out is None:
            raise UsageError("name a figure (see --list) and a folder, -o DIR")
        recipe = recipe_of(self.figure)
        if self.data is None and self.preset != "smoke":
            raise ValueError(f"--preset {self.preset} needs --data, such as a folder with CIFAR-10")
        settings = settings_of(self.figure, self.preset)
        if self.model is not None and getattr(settings, "ranks_architectures", False):
            raise UsageError("--model does not apply to a figure that ranks architectures")
        data = self.data or "digits"
        # A figure of reconstructions is about the autoencoder.
        if recipe.kind != "reconstructions" and self.encoder_length is None:
            settings = with_quick_encoder(settings, self.preset, data)
        settings = self.applied_to(settings)

        from thinset.experiments.kinds import kind_of
        from thinset.experiments.where import Where

        where = Where(
            data,
            self.out,
            self.device,
            typed_again("reproduce", self, "figure"),
            show_progress=True,
            image_size=self.image_size,
        )
        page = kind_of(recipe.kind).make(recipe, settings, where, say)
        print(f"report: {page}")
