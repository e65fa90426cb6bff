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
    where_of,
)
from thinset.command_line.option_names import named_as_options, options_of
from thinset.command_line.usage import refuse


def of_model(**options: Any) -> Any:
    """An argument whose default depends on the model."""
    return tyro.conf.arg(help_behavior_hint="(default: that of the model)", **options)


@dataclass(frozen=True, kw_only=True)
class GeneratorOptions:
    """Settings of the generators; options that a model does not have are refused."""

    batch_size: Annotated[int | None, of_model(metavar="INT")] = None
    """images per step"""
    learning_rate: Annotated[float | None, of_model(metavar="RATE")] = None
    """Adam's learning rate; for cdcgan, that of the discriminator; for sngan, that at the start,
    from which it falls linearly to 0"""
    ema_decay: Annotated[float | None, of_model(metavar="SHARE")] = None
    """decay of the averaged weights that images are drawn with"""
    latent_size: Annotated[int | None, of_model(metavar="INT")] = None
    """cdcgan, cdcvae: elements of a latent; by default 62 for grey images, 100 for colour; sngan:
    the same, by default 128"""
    loss: Annotated[
        Literal["non_saturating", "hinge", "wasserstein"] | None,
        of_model(metavar="non_saturating|hinge|wasserstein"),
    ] = None
    """cdcgan, sngan: adversarial loss"""
    penalty: Annotated[float | None, of_model(metavar="FACTOR")] = None
    """cdcgan: factor of the gradient penalty; 10 for wasserstein, otherwise 0"""
    spectral_norm: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """cdcgan: spectral norm in the discriminator"""
    differentiable: Annotated[str | None, of_model(metavar="POLICY")] = None
    """cdcgan, sngan: augmentation of all images that the discriminator sees, such as
    color,translation,cutout; helps with few images"""
    generator_rate: Annotated[float | None, of_model(metavar="FACTOR")] = None
    """cdcgan: learning rate of the generator as a multiple of the discriminator's"""
    matches_features: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """cdcgan: match the discriminator's mean hidden features instead of deceiving it"""
    n_discriminator: Annotated[int | None, of_model(metavar="INT")] = None
    """cdcgan, sngan: steps of the discriminator for each of the generator"""
    betas: Annotated[tuple[float, float] | None, of_model(metavar="SHARE SHARE")] = None
    """sngan: decays of Adam's moments"""
    generator_channels: Annotated[int | None, of_model(metavar="INT")] = None
    """sngan: channels of the generator's layers"""
    discriminator_channels: Annotated[int | None, of_model(metavar="INT")] = None
    """sngan: channels of the discriminator's layers"""
    bottom_width: Annotated[int | None, of_model(metavar="INT")] = None
    """sngan: side that the generator starts from; the side of images is this times a power of two
    """
    padding: Annotated[int | Literal["auto"] | None, of_model(metavar="auto|INT")] = None
    """sngan: pixels added to the height and to the width of images for that; auto adds at most an
    eighth, so that 28 becomes 32"""
    shortcuts: Annotated[Literal["reference", "all"] | None, of_model(metavar="reference|all")] = (
        None
    )
    """sngan: blocks of the discriminator with a convolution in the shortcut: those that halve the
    image, or all"""
    output_norm: Annotated[
        Literal["plain", "conditional"] | None, of_model(metavar="plain|conditional")
    ] = None
    """sngan: batch norm before the generator's last convolution: of all classes, or of each"""
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
        from thinset.experiments.settings import require_valid

        module, given = generator_named(model), self.given
        known = {field.name for field in dataclasses.fields(module.Settings)}
        refuse((name for name in given if name not in known), model)
        with named_as_options(options_of(GeneratorOptions) | {"model": "model"}):
            settings = module.Settings(**given)
            require_valid(settings)
            # The smallest networks show now whether the real ones can be built.
            shape = module.smallest_shape(settings)
            networks = module.networks(settings, shape, 1, torch.Generator())
            module.learner(
                networks, settings, seed=0, device="cpu", precision="float32", observe=None
            )
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
    model: Literal["cdcgan", "cdcvae", "flow", "sngan"] = "cdcgan"
    """conditional DCGAN, conditional VAE, flow matching, or residual GAN with spectral norm"""
    length: str = "500ep"
    """length of the training: steps (st), epochs (ep), samples (sa) or time (s, min, h)"""
    evaluations: int = 10
    """number of evaluations, each with a grid of samples"""
    image_size: ImageSize = None
    """resize every image to this size; sides must be divisible by 4, and for sngan equal: the
    bottom width times a power of two, or up to an eighth less"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """what layers compute in; bfloat16 can be faster for sngan and is slower for the others"""
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
        from thinset.augmentation.generators import generator_named
        from thinset.augmentation.train import require_trainable
        from thinset.augmentation.trained_generator import MODEL_FILE, TrainedGenerator
        from thinset.experiments.prepare.data import open_training_data
        from thinset.experiments.prepare.generated import train_and_keep_generator
        from thinset.experiments.run_folder import RunFolder
        from thinset.files.decoding import encode
        from thinset.training import JsonLines
        from thinset.training.precision import resolve_device

        resolve_device(self.device)
        settings = self.settings_of(self.model)
        if self.image_size is not None:
            # Before any image is read.
            generator_named(self.model).require_image_shape(settings, (*self.image_size, 1))
        length = parse_duration("--length", self.length)
        if length.amount == 0:
            raise ValueError(f"--length must be longer than {length}")
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
            with folder.removed_if_refused():
                data = open_training_data(self.data, folder, self.image_size, show_progress=True)
                require_trainable(
                    data, settings, length=length, names=("--length", "--n-discriminator")
                )
            trained = train_and_keep_generator(
                data,
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
