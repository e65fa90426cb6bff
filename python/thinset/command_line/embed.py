"""thinset embed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from thinset.command_line.arguments import (
    Device,
    ImageSize,
    Output,
    Seed,
    Source,
    optional,
    parse_duration,
    where_of,
)
from thinset.command_line.encoder_options import FeatureLayer, UnitLength, chosen_encoder
from thinset.command_line.usage import UsageError
from thinset.files.decoding import encode

if TYPE_CHECKING:
    from thinset.experiments.settings import EncoderSettings

_OF_BUILT_IN = ("length", "crop", "widths", "learning_rate", "n_components")


@dataclass(frozen=True)
class Command:
    """Turn a dataset into embeddings: DIR/embeddings/embeddings.npy, one row per sample."""

    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the encoder and the embeddings"""
    encoder: Annotated[str, tyro.conf.arg(metavar="autoencoder|pca|MODULE:FUNCTION")] = (
        "autoencoder"
    )
    """the paper's autoencoder, principal components of the pixels, or your own function that
    returns a torch.nn.Module: of images (n, channels, height, width) in [0, 1], it computes
    features (n, D), or (n, D, height, width), which are averaged; instead of the module, a pair of
    a module and a function of its preprocessing"""
    weights: Annotated[Path | None, optional(aliases=["--encoder-weights"], metavar="FILE")] = None
    """weights of your own module: safetensors, or a state dict saved by torch.save; no pickle is
    run"""
    feature_layer: FeatureLayer = None
    """layer of your own module whose output is taken, instead of that of the module"""
    unit_length: UnitLength = False
    """divide each row of your own module by its length"""
    image_size: ImageSize = None
    """resize every image to this size; by default, images of several sizes are resized to their
    median height and width, at most 64 each"""
    length: str = "2000st"
    """length of the autoencoder's training: steps (st), epochs (ep), samples (sa) or time (s, min,
    h)"""
    skip_unreadable: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """leave out damaged or missing images of DATA, and print how many"""
    crop: Annotated[int | None, optional(metavar="PIXELS")] = None
    """side of the square crop that is encoded, in pixels; by default three quarters of the side
    for colour images of at least 32 pixels, otherwise the whole image"""
    widths: tuple[int, int, int] = (64, 96, 24)
    """channels of the three convolutions"""
    batch_size: Annotated[
        int | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 1024; 64 for your own module)"),
    ] = None
    """samples per step, or images that your own module takes at a time"""
    learning_rate: float = 0.1
    """learning rate of stochastic gradient descent"""
    n_components: int = 64
    """number of principal components"""
    seed: Seed = 0
    """seed of the initial weights and the order of the samples"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        settings = self.settings()  # first, so that mistakes are reported before torch loads
        from thinset.experiments.prepare.data import open_training_data
        from thinset.experiments.prepare.embeddings import (
            embedding_facts,
            prepare_embeddings,
            require_encoder,
        )
        from thinset.experiments.run_folder import RunFolder

        require_encoder(settings)
        where = where_of("embed", self)
        skips = {"skip_unreadable": True} if self.skip_unreadable else {}
        folder = RunFolder(self.out, {**where.identity, **skips, "encoder": encode(settings)})
        with folder.removed_if_refused():
            data = open_training_data(
                self.data,
                folder,
                self.image_size,
                skip_unreadable=self.skip_unreadable,
                show_progress=True,
            )
            settings = settings.resolved_for(data.image_shape)
        embeddings = prepare_embeddings(
            data, folder, settings, device=self.device, show_progress=True
        )
        facts = embedding_facts(embeddings)
        print(f"embeddings: {folder.embeddings / 'embeddings.npy'}")
        for name, value in facts.items():
            print(f"  {name}: {value}")

    def settings(self) -> EncoderSettings:
        """The settings of the encoder; ValueError or UsageError for options that do not apply."""
        from thinset.experiments.settings import EncoderSettings, require_valid

        chosen = chosen_encoder(
            self.encoder,
            weights=self.weights,
            feature_layer=self.feature_layer,
            unit_length=self.unit_length,
            weights_option="--weights",
        )
        if chosen["kind"] == "module":
            for field in dataclasses.fields(self):
                if field.name in _OF_BUILT_IN and getattr(self, field.name) != field.default:
                    raise UsageError(
                        f"--{field.name.replace('_', '-')} does not apply to --encoder "
                        f"{self.encoder}: your own module prepares its images itself"
                    )
        values = {
            "length": parse_duration("--length", self.length),
            "crop": "auto" if self.crop is None else self.crop,
            "widths": self.widths,
            "learning_rate": self.learning_rate,
            "n_components": self.n_components,
            "seed": self.seed,
            **chosen,
        }
        if self.batch_size is not None:
            values["batch_size"] = self.batch_size
        settings = EncoderSettings(**values)
        require_valid(settings)
        return settings
