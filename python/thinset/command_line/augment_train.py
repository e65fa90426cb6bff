"""thinset augment train."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from thinset.command_line.arguments import (
    Device,
    ImageSize,
    Output,
    Seed,
    Source,
    parse_duration,
    require_seed,
    where_of,
)


def as_option(message: str) -> str:
    """An error about a setting, with the option that sets it."""
    if message.startswith("--"):
        return message
    name, space, rest = message.removeprefix("settings: ").partition(" ")
    return f"--{name.replace('_', '-')}{space}{rest}"


def of_model(**options: Any) -> Any:
    """An argument whose default depends on the model."""
    return tyro.conf.arg(help_behavior_hint="(default: that of the model)", **options)


@dataclass(frozen=True, kw_only=True)
class GeneratorOptions:
    """Settings of the generators; options that a model does not have are refused."""

    batch_size: Annotated[int | None, of_model(metavar="INT")] = None
    """images per step"""
    learning_rate: Annotated[float | None, of_model(metavar="RATE")] = None
    """Adam's learning rate; for cdcgan, that of the discriminator"""
    ema_decay: Annotated[float | None, of_model(metavar="SHARE")] = None
    """decay of the averaged weights that images are drawn with"""
    latent_size: Annotated[int | None, of_model(metavar="INT")] = None
    """cdcgan, cdcvae: elements of a latent; by default 62 for grey images, 100 for colour"""
    loss: Annotated[
        Literal["non_saturating", "hinge", "wasserstein"] | None,
        of_model(metavar="non_saturating|hinge|wasserstein"),
    ] = None
    """cdcgan: adversarial loss"""
    penalty: Annotated[float | None, of_model(metavar="FACTOR")] = None
    """cdcgan: factor of the gradient penalty; 10 for wasserstein, otherwise 0"""
    spectral_norm: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """cdcgan: spectral norm in the discriminator"""
    differentiable: Annotated[str | None, of_model(metavar="POLICY")] = None
    """cdcgan: augmentation of all images that the discriminator sees, such as
    color,translation,cutout; helps with few images"""
    generator_rate: Annotated[float | None, of_model(metavar="FACTOR")] = None
    """cdcgan: learning rate of the generator as a multiple of the discriminator's"""
    matches_features: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """cdcgan: match the discriminator's mean hidden features instead of deceiving it"""
    n_discriminator: Annotated[int | None, of_model(metavar="INT")] = None
    """cdcgan: steps of the discriminator for each of the generator"""
    beta: Annotated[float | None, of_model(metavar="FACTOR")] = None
    """cdcvae: factor of the divergence from the prior"""
    free_nats: Annotated[float | None, of_model(metavar="NATS")] = None
    """cdcvae: divergence of each latent element that is free"""
    amsgrad: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """cdcgan, cdcvae: the AMSGrad variant of Adam"""
    widths: Annotated[tuple[int, int] | None, of_model(metavar="INT INT")] = None
    """flow: channels at half and quarter resolution"""
    n_steps: Annotated[int | None, of_model(metavar="INT")] = None
    """flow: integration steps in sampling"""
    solver: Annotated[Literal["euler", "midpoint"] | None, of_model(metavar="euler|midpoint")] = (
        None
    )
    """flow: integration method"""

    def settings_of(self, model: str) -> Any:
        """The settings of the generator `model`; ValueError for options that do not apply."""
        import torch

        from thinset.augmentation.generators import generator_named
        from thinset.experiments.generation import generator_settings
        from thinset.experiments.settings import require_valid

        try:
            settings = generator_settings(model, self.given)
            require_valid(settings)
        except ValueError as error:
            raise ValueError(as_option(str(error))) from error
        # The smallest networks show now whether the real ones can be built.
        module = generator_named(model)
        networks = module.networks(settings, (4, 4, 1), 1, torch.Generator())
        module.learner(networks, settings, seed=0, device="cpu", precision="float32", observe=None)
        return settings

    @property
    def given(self) -> dict[str, Any]:
        """The options that are given, by name."""
        names = (field.name for field in dataclasses.fields(GeneratorOptions))
        values = {name: getattr(self, name) for name in names}
        return {
            name: value
            for name, value in values.items()
            if value is not None and value is not False
        }


@dataclass(frozen=True, kw_only=True)
class _OwnOptions:
    data: Source
    """dataset folder, source to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the generator"""
    model: Literal["cdcgan", "cdcvae", "flow"] = "cdcgan"
    """conditional GAN, conditional VAE, or flow matching"""
    length: str = "500ep"
    """length of the training: steps (st), epochs (ep), samples (sa) or time (s, min, h)"""
    evaluations: int = 10
    """number of evaluations, each with a grid of samples"""
    image_size: ImageSize = None
    """resize every image to this size; sides must be divisible by 4"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """what layers compute in; bfloat16 is slower for generators of this size"""
    seed: Seed = 0
    """seed of the initial weights, the order of the images and the noise"""
    device: Device = "auto"
    """device to compute on"""


@dataclass(frozen=True, kw_only=True)
class Command(GeneratorOptions, _OwnOptions):
    """Train a generator of labelled images.

    Writes DIR/generator.safetensors, DIR/log.jsonl with losses and scores, and DIR/grids with
    samples at each evaluation. Run it again after an interruption to resume.
    """

    def run(self) -> None:
        from thinset.augmentation.trained_generator import MODEL_FILE, TrainedGenerator
        from thinset.experiments.prepare.data import open_training_data
        from thinset.experiments.prepare.generated import train_and_keep_generator
        from thinset.experiments.run_folder import RunFolder
        from thinset.files.decoding import encode
        from thinset.models.generators.image_generator import quarterable
        from thinset.training import JsonLines
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        settings = self.settings_of(self.model)
        if self.image_size is not None:
            quarterable((*self.image_size, 1))  # before any image is read
        length = parse_duration("--length", self.length)
        if length.amount == 0:
            raise ValueError(f"--length must be longer than {length}")
        require_seed(self.seed)
        if self.evaluations < 1:
            raise ValueError(f"--evaluations must be at least 1, got {self.evaluations}")
        where = where_of("augment train", self)
        folder = RunFolder(
            self.out,
            {
                **where.identity,
                "settings": encode(settings),
                "length": str(length),
                "evaluations": self.evaluations,
                "precision": self.precision,
                "seed": self.seed,
            },
        )
        path, checkpoint = self.out / MODEL_FILE, folder.checkpoint("generator")
        if path.exists():
            trained = TrainedGenerator.load(path)
        else:
            trained = train_and_keep_generator(
                open_training_data(self.data, folder, self.image_size, show_progress=True),
                path,
                settings=settings,
                length=length,
                checkpoint=checkpoint,
                grids=self.out / "grids",
                seed=self.seed,
                device=self.device,
                precision=self.precision,
                evaluations=self.evaluations,
                log=JsonLines(self.out / "log.jsonl"),
                show_progress=True,
            )
        checkpoint.unlink(missing_ok=True)
        scores = ", ".join(
            f"{name} {score:.4g}" for name, score in trained.history.final.scores.items()
        )
        print(f"{self.model} after {trained.history.steps} steps: {scores}")
        print(f"generator: {path}")
