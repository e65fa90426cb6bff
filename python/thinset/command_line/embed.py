"""thinset embed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

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
from thinset.files.decoding import encode


@dataclass(frozen=True)
class Command:
    """Turn a dataset into embeddings: DIR/embeddings/embeddings.npy, one row per sample."""

    data: Source
    """dataset folder, folder or file to import (see `thinset data list`), or "digits" """
    out: Output
    """folder of the encoder and the embeddings"""
    encoder: Literal["autoencoder", "pca"] = "autoencoder"
    """the paper's autoencoder, or principal components of the pixels"""
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
    batch_size: int = 1024
    """samples per step"""
    learning_rate: float = 0.1
    """learning rate of stochastic gradient descent"""
    n_components: int = 64
    """number of principal components"""
    seed: Seed = 0
    """seed of the initial weights and the order of the samples"""
    device: Device = "auto"
    """device to compute on"""

    def run(self) -> None:
        from thinset.experiments.prepare.data import open_training_data
        from thinset.experiments.prepare.embeddings import embedding_facts, prepare_embeddings
        from thinset.experiments.run_folder import RunFolder
        from thinset.experiments.settings import EncoderSettings, require_valid

        settings = EncoderSettings(
            kind=self.encoder,
            length=parse_duration("--length", self.length),
            crop="auto" if self.crop is None else self.crop,
            widths=self.widths,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            n_components=self.n_components,
            seed=self.seed,
        )
        require_valid(settings)
        where = where_of("embed", self)
        skips = {"skip_unreadable": True} if self.skip_unreadable else {}
        folder = RunFolder(self.out, {**where.identity, **skips, "encoder": encode(settings)})
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
