"""thinset reproduce."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from thinset.command_line import EXIT_USAGE
from thinset.command_line.arguments import Device, command_text
from thinset.command_line.study_options import StudyOptions, say

if TYPE_CHECKING:
    from thinset.recipes.reproduction import Where


@dataclass(frozen=True)
class Command(StudyOptions):
    """Make a published figure again: train what it needs, and write its page, plots and records.

    `thinset reproduce --list` names the figures. Called again on the same folder, with more arms
    or seeds too, it trains only what is missing.
    """

    figure: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="FIGURE")] = None
    """name of the figure"""
    list: bool = False
    """name the figures and stop"""
    size: Literal["smoke", "quick", "paper"] = "smoke"
    """smoke: the embedded digits, under a minute; quick: real data, up to an hour on two cores;
    paper: the paper's lengths, for a GPU"""
    data: str | None = None
    """dataset folder, folder or file to import (see `thinset data list`); smoke needs none"""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="DIR")] = None
    """folder of the trainings and their report"""
    device: Device = "auto"
    """where to compute"""

    def run(self) -> int:
        from thinset.recipes.reproduction import figures

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
        if known[self.figure].kind == "reproductions":
            page = self._draw(self.figure, self.out)
        else:
            page = self._train(self.figure, self.out)
        print(f"report: {page}")
        return 0

    def _draw(self, figure: str, out: Path) -> Path:
        from thinset.recipes.reproduction import draw_reproductions
        from thinset.recipes.schema import DataSettings, load_recipe

        settings = load_recipe(figure, self.size, DataSettings)
        if self.encoder_length is not None:
            encoder = dataclasses.replace(settings.encoder, length=self.encoder_length)
            settings = dataclasses.replace(settings, encoder=encoder)
        return draw_reproductions(figure, settings, self._where(out))

    def _train(self, figure: str, out: Path) -> Path:
        from thinset.recipes.reproduction import train_figure
        from thinset.recipes.schema import StudySettings, load_recipe

        settings = self.applied_to(load_recipe(figure, self.size, StudySettings))
        return train_figure(figure, settings, self._where(out), say)

    def _where(self, out: Path) -> Where:
        from thinset.recipes.reproduction import Where

        source = "digits" if self.data is None else self.data
        return Where(source, out, self.device, self.text(), show_progress=True)

    def text(self) -> str:
        """This command line, with what differs from the defaults."""
        words: list[object] = ["reproduce", self.figure, "--size", self.size, "-o", self.out]
        if self.data is not None:
            words += ["--data", self.data]
        if self.device != "auto":
            words += ["--device", self.device]
        return command_text(*words, *self.words())
