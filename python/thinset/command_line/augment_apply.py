"""thinset augment apply."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import tyro

from thinset.command_line.arguments import (
    Device,
    ImageSize,
    Output,
    Seed,
    Source,
    optional,
)
from thinset.command_line.augment_train import Command as TrainCommand
from thinset.command_line.augment_train import GeneratorOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data import Dataset


@dataclass(frozen=True, kw_only=True)
class Command(GeneratorOptions):
    """Make one new image for each sample of a dataset.

    DIR is a dataset folder with the new images alone; `full+data:DIR` trains on both. Methods with
    a generator take the one in --model, which is trained first if it does not exist.
    """

    data: Source
    """dataset folder, source to import (see `thinset data list`), or "digits" """
    out: Output
    """new dataset folder"""
    method: Literal["rot", "blur", "rotblur", "augorig", "cdcgan", "cdcvae", "flow", "interpolate"]
    """rotate by up to 25 degrees; blur; both; copy; draw from a generator; or interpolate between
    samples of one class with a cdcvae"""
    model: Annotated[Path | None, optional(metavar="DIR")] = None
    """folder of the generator; by default the name of the output, with -model appended"""
    length: str = "500ep"
    """length of the generator's training, if it is trained: steps (st), epochs (ep), samples (sa)
    or time (s, min, h)"""
    image_size: ImageSize = None
    """resize every image to this size"""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace the output if it is a dataset folder"""
    seed: Seed = 0
    """seed of the images and of the generator"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.augmentation.trained_generator import MODEL_FILE, TrainedGenerator
        from thinset.experiments.prepare.generated import make_images, trained_by
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        name = trained_by(self.method)
        if name is None:
            self._require_no_generator_options()
        if not self.overwrite and self.out.exists():
            raise FileExistsError(f"{self.out} already exists; choose another output or overwrite")
        with self._opened() as data:
            model = None
            if name is not None:
                place = self.model or self.out.with_name(f"{self.out.name}-model")
                if not (place / MODEL_FILE).exists():
                    self._train(name, place, data)
                model = TrainedGenerator.load(place)
                if model.name != name:
                    raise ValueError(f"{place} holds a {model.name}; {self.method} needs a {name}")
            made = make_images(
                self.method,
                data,
                self.out,
                model,
                seed=self.seed,
                device=self.device,
                overwrite=self.overwrite,
                show_progress=True,
            )
        print(f"{len(made)} images by {self.method}: {self.out}")

    def _require_no_generator_options(self) -> None:
        given = {"model": self.model} if self.model is not None else self.given
        for name in given:
            raise ValueError(
                f"--{name.replace('_', '-')} does not apply to {self.method}, which has no "
                "generator"
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Dataset]:
        """The training data; sources that are no dataset folders are imported for the while."""
        from thinset.data import import_dataset, open_dataset
        from thinset.experiments.prepare.data import is_dataset_folder, print_note

        for folder in (Path(self.data), Path(self.data) / "train"):
            if self.image_size is None and is_dataset_folder(folder):
                yield open_dataset(folder)
                return
        with tempfile.TemporaryDirectory(prefix=".importing-", dir=self.out.parent) as workplace:
            splits = import_dataset(
                self.data, Path(workplace) / "data", size=self.image_size, note=print_note
            )
            yield splits["train"]

    def _train(self, name: str, place: Path, data: Dataset) -> None:
        TrainCommand(
            **self.given,
            data=str(data.path),
            out=place,
            model=cast("Any", name),
            length=self.length,
            seed=self.seed,
            device=self.device,
        ).run()
