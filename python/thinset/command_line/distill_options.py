"""The options of thinset distill, and the settings that they stand for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thinset.command_line.arguments import (
    Device,
    ImageSize,
    Output,
    Seed,
    Source,
    optional,
    parse_count,
    parse_duration,
)
from thinset.command_line.method_options import Method, method_of_card, option_fields
from thinset.command_line.option_names import named_as_options
from thinset.command_line.through_gan_options import (
    GENERATOR_FIELDS,
    GENERATORS,
    THROUGH_GAN,
    require_pretraining_used,
)
from thinset.command_line.usage import UsageError, refuse
from thinset.distillation.methods import method_named, methods

if TYPE_CHECKING:
    from thinset.data import Dataset
    from thinset.duration import Duration
    from thinset.experiments.settings import EncoderSettings

_SELECTED = ("topk", "max_sum", "max_min", "kmeans", "facility_location")
_START_FROM_REAL = ("gm", "dm")  # as published


@dataclass(frozen=True, kw_only=True)
class DistillOptions:
    """Options of every method; those of one are added to them, see METHOD_FIELDS."""

    data: Source
    """dataset folder, source to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the run; the learned images are the dataset folder DIR/dataset"""
    method: Literal["dd", "soft", "gm", "dm", "gan-difference", "gan-magnitude", "latent"]
    """dataset distillation through unrolled training; the same with learned labels; gradient
    matching; distribution matching; drawing from a GAN that is trained with gradients of an
    evaluation network in its losses, their difference from those of real images or their magnitude;
    or a search for latents of a trained generator"""
    images_per_class: Annotated[int | None, optional(metavar="N")] = None
    """images to learn for each class; 1 unless --images is given"""
    images: Annotated[int | None, optional(metavar="N")] = None
    """images to learn in all, one for each class or more; fewer where labels are learned (soft)"""
    init: Annotated[
        Literal["noise", "real", "topk", "max_sum", "max_min", "kmeans", "facility_location"]
        | None,
        tyro.conf.arg(
            metavar="|".join(("noise", "real", *_SELECTED)),
            help_behavior_hint="(default: noise for dd, soft and latent, real for gm and dm)",
        ),
    ] = None
    """what the images start from: noise, random real images, or real images selected in each class
    by their embeddings"""
    embeddings: Annotated[Path | None, optional(metavar="FILE.npy")] = None
    """embeddings to select by, one row for each training sample"""
    encoder: Annotated[
        Literal["pca", "autoencoder"] | None,
        tyro.conf.arg(metavar="pca|autoencoder", help_behavior_hint="(default: pca)"),
    ] = None
    """what computes embeddings to select by, if none are given"""
    encoder_length: Annotated[str | None, optional(metavar="LENGTH")] = None
    """length of the autoencoder's training, such as 400st or 90s"""
    validation: Annotated[str | None, optional(metavar="K")] = None
    """training samples to hold out for scores: a count, or a fraction with a decimal point; a
    validation split of the source is used instead"""
    keep: Annotated[
        Literal["last", "best"] | None,
        tyro.conf.arg(metavar="last|best", help_behavior_hint="(default: last)"),
    ] = None
    """images of the last evaluation, or of the one with the best accuracy on validation data"""
    length: Annotated[
        str | None,
        tyro.conf.arg(metavar="LENGTH", help_behavior_hint="(default: that of the method)"),
    ] = None
    """length of the training of the images, of the GAN (500ep) or of the latents: steps (st),
    epochs (ep), samples (sa) or time (s, min, h); 0st leaves latents where they start"""
    evaluations: int = 10
    """number of evaluations, each with a grid of the images"""
    image_size: ImageSize = None
    """resize every image to this size"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """what layers compute in"""
    seed: Seed = 0
    """seed of everything random"""
    device: Device = "auto"
    """device to compute on"""

    @property
    def resolved_images_per_class(self) -> int | None:
        """Images of each class; None if their number in all is given."""
        return 1 if self.images_per_class is None and self.images is None else self.images_per_class

    @property
    def resolved_init(self) -> str:
        """What images start from."""
        return self.init or ("real" if self.method in _START_FROM_REAL else "noise")

    @property
    def resolved_keep(self) -> Literal["last", "best"]:
        """Which images are written."""
        return self.keep or "last"

    @property
    def resolved_length(self) -> Duration | None:
        """Length of the training; None for that of the method."""
        return None if self.length is None else parse_duration("--length", self.length)

    @property
    def resolved_validation(self) -> float | None:
        """Samples to hold out, a count or a fraction; None for none."""
        if self.validation is None:
            return None
        return parse_count(self.validation, "--validation")

    def require_in_range(self) -> None:
        """Raise ValueError, naming the option, for values that are wrong for any data."""
        if self.images_per_class is not None and self.images is not None:
            raise UsageError("give --images-per-class or --images, not both")
        for name in ("images_per_class", "images", "evaluations"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {number}")
        length = self.resolved_length
        if length is not None and length.amount == 0 and self.method != "latent":
            raise ValueError(f"--length must be longer than {length}")

    @property
    def given(self) -> dict[str, Any]:
        """The settings of methods that are given, by name."""
        values = {name: getattr(self, name) for name in _NAMES}
        return {
            name: value
            for name, value in values.items()
            if value is not None and value is not False
        }

    def written_data(self) -> Dataset | None:
        """The training data, if the source is a dataset folder already."""
        from thinset.data import open_dataset
        from thinset.experiments.prepare.data import is_dataset_folder

        for folder in (Path(self.data), Path(self.data) / "train"):
            if self.image_size is None and is_dataset_folder(folder):
                return open_dataset(folder)
        return None

    def settings(self) -> Any:
        """The settings of the method; ValueError for options that do not apply."""
        from thinset.experiments.settings import require_valid
        from thinset.models.classifiers import classifier_factory

        kind = _settings_of(self.method)
        known = {field.name for field in dataclasses.fields(kind)}
        given = self.given
        refuse((name for name in given if name not in known), self.method)
        if "pretraining" in known:
            require_pretraining_used(given, "initial_weights", kind.initial_weights)
        if self.method == "soft":
            given["learns_labels"] = True
        with named_as_options(OPTIONS):
            settings = kind(**given)
            require_valid(settings)
            classifier_factory(settings.network, "network")
        return settings

    def encoder_settings(self) -> EncoderSettings | None:
        """Where embeddings come from; None if nothing is selected.

        Raises ValueError for options that do not apply.
        """
        from thinset.experiments.settings import EncoderSettings

        names = ("embeddings", "encoder", "encoder_length")
        given = [name for name in names if getattr(self, name) is not None]
        if self.resolved_init not in _SELECTED:
            refuse(given, f"--init {self.resolved_init}")
            return None
        if self.embeddings is not None:
            refuse(given[1:], "given embeddings")
            if self.validation is not None:
                refuse(["validation"], "given embeddings, which are of all training samples")
            return EncoderSettings(kind="given", path=str(self.embeddings))
        kind = self.encoder or "pca"
        if self.encoder_length is None:
            return EncoderSettings(kind=kind)
        if kind == "pca":
            refuse(["encoder_length"], "pca, which is not trained")
        length = parse_duration("--encoder-length", self.encoder_length)
        if length.amount == 0:
            raise ValueError(f"--encoder-length must be longer than {length}")
        return EncoderSettings(kind=kind, length=length)


def _settings_of(method: str) -> type[Any]:
    """The Settings of a method; "soft" is dd with learned labels."""
    if method in THROUGH_GAN:
        return THROUGH_GAN[method].settings
    return method_named("dd" if method == "soft" else method).Settings


def _methods() -> dict[str, Method]:
    package = "thinset.distillation.methods"
    found = {name: method_of_card(_settings_of(name), package, name) for name in methods()}
    return {**found, "soft": found["dd"], **THROUGH_GAN, **GENERATORS}


METHOD_FIELDS = [
    *option_fields(_methods(), without=("method", "model", "length", "learns_labels")),
    *GENERATOR_FIELDS,
]
"""Fields of the command: every setting of any method, and what is trained or searched; see
option_fields"""
_NAMES = tuple(name for name, *_ in METHOD_FIELDS)
OPTIONS = {
    name: name for name in (*_NAMES, "images_per_class", "validation", "keep", "precision")
} | {"n_images": "images", "validation_data": "validation"}
"""The option of each setting; see named_as_options"""
