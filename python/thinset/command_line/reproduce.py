"""thinset reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from thinset.command_line import EXIT_USAGE
from thinset.command_line.arguments import Device, ImageSize, typed_again
from thinset.command_line.study_options import StudyOptions, say


@dataclass(frozen=True)
class Command(StudyOptions):
    """Make a published figure again: train what it needs, and write its page, plots and records.

    `thinset reproduce --list` names the figures. Called again on the same folder, with more arms
    or seeds too, it trains only what is missing.
    """

    figure: Annotated[
        tyro.conf.Positional[str | None], tyro.conf.arg(metavar="FIGURE", help_behavior_hint="")
    ] = None
    """name of the figure"""
    list: Annotated[bool, tyro.conf.arg(help_behavior_hint="")] = False
    """name the figures and stop"""
    size: Literal["smoke", "quick", "paper"] = "smoke"
    """smoke: the embedded digits, under a minute; quick: real data, up to an hour on two cores;
    paper: the paper's lengths, for a GPU"""
    data: Annotated[str | None, tyro.conf.arg(metavar="DATA", help_behavior_hint="")] = None
    """dataset folder, folder or file to import (see `thinset data list`); smoke needs none"""
    image_size: ImageSize = None
    """resize every image to this; by default images of several sizes become their median height
    and width, at most 64 each"""
    out: Annotated[
        Path | None, tyro.conf.arg(aliases=["-o"], metavar="DIR", help_behavior_hint="")
    ] = None
    """folder of the trainings and their report"""
    device: Device = "auto"
    """where to compute"""

    def run(self) -> int:
        from thinset.recipes.reproduction import figures, make_figure, settings_of
        from thinset.recipes.workbench import Where

        known = figures()
        if self.list:
            width = max(len(name) for name in known)
            for name, figure in known.items():
                print(f"{name:<{width}}  {figure.title}")
                if figure.paper:
                    print(f"{'':<{width}}  ({figure.paper})")
            return 0
        if self.figure is None or self.out is None:
            say("thinset: error: name a figure (see --list) and a folder, -o DIR")
            return EXIT_USAGE
        if self.figure not in known:
            raise ValueError(f"figure must be one of {', '.join(known)}; got {self.figure!r}")
        if self.data is None and self.size != "smoke":
            raise ValueError(f"--size {self.size} needs --data, such as a folder with CIFAR-10")
        command = typed_again("reproduce", self, "figure")
        where = Where(
            self.data or "digits",
            self.out,
            self.device,
            command,
            show_progress=True,
            image_size=self.image_size,
        )
        settings = self.applied_to(settings_of(self.figure, self.size))
        print(f"report: {make_figure(self.figure, settings, where, say)}")
        return 0
