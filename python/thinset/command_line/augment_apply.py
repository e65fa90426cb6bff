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
from thinset.command_line.usage import refuse
from thinset.results.arm_options import generator_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.data import Dataset


@dataclass(frozen=True, kw_only=True)
class _OwnOptions:
    data: Source
    """dataset folder, source to import (see `thinset data list`), or "digits" """
    out: Output
    """new dataset folder"""
    method: Literal[
        "rot", "blur", "rotblur", "augorig", "cdcgan", "cdcvae", "flow", "sngan", "interpolate"
    ]
    """rotate by up to 25 degrees; blur; both; copy; draw from a generator; or interpolate between
    samples of one class with a cdcvae"""
    model: Annotated[Path | None, optional(metavar="DIR")] = None
    """trained generator to use, of `thinset augment train`; without it, one is trained in the
    folder that has the name of the output with -model appended"""
    length: Annotated[
        str | None, tyro.conf.arg(metavar="LENGTH", help_behavior_hint="(default: 500ep)")
    ] = None
    """length of the generator's training: steps (st), epochs (ep), samples (sa) or time (s, min, h)
    """
    image_size: ImageSize = None
    """resize every image to this size"""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace the output if it is a dataset folder"""
    seed: Seed = 0
    """seed of the images and of the generator"""
    device: Device = "auto"
    """device to compute on"""


@dataclass(frozen=True, kw_only=True)
class Command(GeneratorOptions, _OwnOptions):
    """Make one new image for each sample of a dataset.

    DIR is a dataset folder with the new images alone; `full+data:DIR` trains on both. Methods with
    a generator train it first, unless --model names one. Run it again after an interruption to
    resume.
    """

    def run(self) -> None:
        from thinset.experiments.prepare.generated import make_images
        from thinset.files.overlap import require_apart
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        self._require_no_unused_options()
        # Now, not after the training of a generator.
        if not self.overwrite and self.out.exists():
            raise FileExistsError(
                f"{self.out} already exists; choose another output, or add --overwrite"
            )
        require_apart(self.out, self.data, self.model)
        model = self._generator()
        with self._opened() as data:
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

    def _require_no_unused_options(self) -> None:
        """Refuse options of a training where nothing is trained."""
        if generator_of(self.method) is None:
            why = f"{self.method}, which has no generator"
        elif self.model is not None:
            why = f"the trained generator {self.model}"
        else:
            return
        names = [*self.given, *(["length"] if self.length is not None else [])]
        if generator_of(self.method) is None and self.model is not None:
            names.insert(0, "model")
        refuse(names, why)

    def _generator(self) -> Any:
        """The trained generator; None for a method without one."""
        from thinset.augmentation.trained_generator import TrainedGenerator

        name = generator_of(self.method)
        if name is None:
            return None
        place = self.model
        if place is None:
            place = self.out.with_name(f"{self.out.name}-model")
            TrainCommand(
                **self.given,
                data=self.data,
                out=place,
                model=cast("Any", name),
                length=self.length or "500ep",
                image_size=self.image_size,
                seed=self.seed,
                device=self.device,
            ).run()
        model = TrainedGenerator.load(place)
        if model.name != name:
            raise ValueError(f"{place} holds a {model.name}; {self.method} needs a {name}")
        return model

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Dataset]:
        """The training data; sources that are no dataset folders are imported for the while."""
        from thinset.data import import_dataset, open_dataset
        from thinset.experiments.prepare.data import is_dataset_folder, print_note
        from thinset.files.atomic import existing_folder

        for folder in (Path(self.data), Path(self.data) / "train"):
            if self.image_size is None and is_dataset_folder(folder):
                yield open_dataset(folder)
                return
        # Not in the folder of the output, which may have to be made.
        parent = existing_folder(self.out.absolute())
        with tempfile.TemporaryDirectory(prefix=".importing-", dir=parent) as workplace:
            splits = import_dataset(
                self.data, Path(workplace) / "data", size=self.image_size, note=print_note
            )
            yield splits["train"]
