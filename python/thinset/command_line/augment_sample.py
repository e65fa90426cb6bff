"""thinset augment sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from thinset.command_line.arguments import Device, Output, Seed, optional
from thinset.command_line.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from thinset.augmentation.trained_generator import TrainedGenerator


@dataclass(frozen=True, kw_only=True)
class Command:
    """Draw images from a trained generator and write them as a dataset folder."""

    model: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="MODEL")]
    """folder of `thinset augment train`, or its generator.safetensors"""
    out: Output
    """new dataset folder"""
    n_samples: Annotated[int, tyro.conf.arg(aliases=["-n"], metavar="N")]
    """number of images"""
    balanced: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """draw equally many images of each class; this is the default"""
    natural: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """draw classes with the frequencies of the training data"""
    classes: Annotated[tuple[str, ...] | None, optional(metavar="CLASS...")] = None
    """only these classes, by number or name, equally many images of each"""
    batch_size: int = 500
    """images drawn at once; does not change them"""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace the folder if it is a dataset folder"""
    seed: Seed = 0
    """seed of the latents"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.augmentation.generate import generate
        from thinset.augmentation.train import require_n_images
        from thinset.augmentation.trained_generator import TrainedGenerator
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        if sum((self.balanced, self.natural, self.classes is not None)) > 1:
            raise UsageError("give one of --balanced, --natural and --classes")
        if self.batch_size < 1:
            raise ValueError(f"--batch-size must be at least 1, got {self.batch_size}")
        try:
            require_n_images(self.n_samples)
        except ValueError as error:
            raise ValueError(str(error).replace("n_images", "-n", 1)) from None
        model = TrainedGenerator.load(self.model)
        data = generate(
            model,
            self.out,
            self.n_samples,
            classes=self._classes(model),
            seed=self.seed,
            batch_size=self.batch_size,
            device=self.device,
            overwrite=self.overwrite,
            show_progress=True,
        )
        print(f"{len(data)} images by {model.name}: {self.out}")

    def _classes(self, model: TrainedGenerator) -> Sequence[int] | Literal["balanced", "natural"]:
        if self.classes is None:
            return "natural" if self.natural else "balanced"
        if not self.classes:
            raise ValueError("--classes needs at least one class")
        names = model.class_names or ()
        numbers = []
        for text in self.classes:
            if text in names:
                numbers.append(names.index(text))
            elif text.isdecimal() and int(text) < len(model.class_counts):
                numbers.append(int(text))
            else:
                known = ", ".join(names) or f"0 to {len(model.class_counts) - 1}"
                raise ValueError(f"--classes: unknown class {text!r}; the model knows {known}")
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"--classes must be distinct, got {' '.join(self.classes)}")
        return numbers
