"""Searches latents in child processes, some of them killed, for test_latent_search_kills.py."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from killed_trainings import train_whole_and_killed, write_noise
from thinset.data import open_dataset
from thinset.distillation.through_gan.latent_learner import LatentLearner
from thinset.distillation.through_gan.latent_search import latent_search
from thinset.distillation.through_gan.settings import LatentSettings
from thinset.models.generators import Decoder

SETTINGS = (
    LatentSettings(length="10st", network="lenet", width=0.5, constraint="sphere"),
    LatentSettings(
        length="6st", encoding="4st", network="convnet", width=0.05, start="pretrained", beta=-1.0
    ),
)


def name_of(settings: LatentSettings) -> str:
    """The name of the folder that a search with these settings writes."""
    return settings.start


def train(folder: Path, settings: LatentSettings) -> None:
    """Search for 10 steps, evaluated every second one."""
    latent_search(
        Decoder((16, 16, 1), 3, latent_size=4, generator=torch.Generator().manual_seed(0)),
        open_dataset(folder.parent / "data"),
        folder / name_of(settings),
        settings=settings,
        images_per_class=2,
        init="real" if settings.n_encoding else "noise",
        device="cpu",
        evaluations=5,
        checkpoint_path=folder / f"{name_of(settings)}-checkpoint.safetensors",
        resume=True,
    )


if __name__ == "__main__":
    top = Path(sys.argv[1])
    write_noise(top / "data", 16)
    train_whole_and_killed(
        top, SETTINGS, train, LatentLearner, killed_before=(3, 8), result=name_of
    )
