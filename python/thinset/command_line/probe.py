"""thinset probe."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from thinset.command_line.arguments import (
    Device,
    Embeddings,
    ImageSize,
    Model,
    Seed,
    Source,
    optional,
    parse_time,
    typed_again,
)
from thinset.command_line.study_options import say

if TYPE_CHECKING:
    from thinset.experiments.probe.settings import ProbeSettings


@dataclass(frozen=True)
class Command:
    """Answer "should I select?" for your data, in about a minute.

    Measures a random sample: class sizes, near-duplicates, waiting for images, and short trainings
    of a few ways to train. Prints the facts and one piece of advice: balance classes, remove
    near-duplicates, keep decoded images, choose rows to label, or do not select. Stages that do not
    fit into the time are skipped and named. No test data are read.
    """

    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Annotated[Path | None, optional(aliases=["-o"], metavar="DIR")] = None
    """folder of the probe and its report page; by default the probe is only printed"""
    time: Annotated[str, tyro.conf.arg(metavar="TIME")] = "1min"
    """time for everything except reading the data, such as 20s; a seventh is kept in reserve"""
    label_budget: Annotated[int | None, optional(metavar="N")] = None
    """number of labels that you can still afford; DATA then needs none"""
    encoded: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """training decodes images (JPEG, ...) in its loop: measure the time spent waiting for them"""
    embeddings: Embeddings = None
    """your own embeddings, one row per training sample, instead of principal components"""
    image_size: ImageSize = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each"""
    model: Model = None
    """classifier of the short trainings: paper, vgg, lenet, alexnet, convnet, resnet, or your own
    function of the image shape (H, W, C) and the number of classes; by default paper"""
    seed: Seed = 0
    """seed of the sample"""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """print JSON instead of text"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        settings = self.settings()  # first, so that mistakes are reported before torch loads
        from thinset.experiments.probe.probing import probe
        from thinset.experiments.where import Where

        with tempfile.TemporaryDirectory() as scratch:
            where = Where(
                self.data,
                Path(scratch) / "probe" if self.out is None else self.out,
                self.device,
                typed_again("probe", replace(self, json=False), "data"),
                show_progress=True,
                image_size=self.image_size,
            )
            result = probe(where, settings, say)
        print(result.to_json() if self.json else result.describe())
        if self.out is not None:
            self._write_page(self.out)

    def _write_page(self, out: Path) -> None:
        from thinset.experiments.probe.page import write_page

        try:
            page = write_page(out)
        except ImportError as error:
            say(f"no page: {error}")
        else:
            say(f"report: {page}")

    def settings(self) -> ProbeSettings:
        """The settings; ValueError, naming the option, for a value out of range."""
        from thinset.experiments.probe.settings import ProbeSettings

        if self.label_budget is not None and self.label_budget < 1:
            raise ValueError(f"--label-budget must be at least 1, got {self.label_budget}")
        time = parse_time("--time", self.time)
        if time.amount == 0:
            raise ValueError(f"--time must be longer than 0, got {self.time}")
        return ProbeSettings(
            time=time,
            label_budget=self.label_budget,
            embeddings=None if self.embeddings is None else str(self.embeddings),
            encoded=self.encoded,
            model=self.model,
            seed=self.seed,
        )
