from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
import torch

from thinset.augmentation.generators import cdcgan, cdcvae, flow, sngan
from thinset.augmentation.train import train_generator
from thinset.data import Dataset, DatasetWriter, open_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thinset.augmentation.trained_generator import TrainedGenerator

SETTINGS = {
    "cdcgan": cdcgan.Settings(batch_size=8, latent_size=4),
    "cdcvae": cdcvae.Settings(batch_size=8, latent_size=4),
    "flow": flow.Settings(batch_size=8, widths=(8, 8), n_steps=2),
    "sngan": sngan.Settings(
        batch_size=8,
        latent_size=4,
        n_discriminator=2,
        generator_channels=8,
        discriminator_channels=8,
        bottom_width=2,
    ),
}
"""Of small generators, by name"""


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose time to threads that wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


class WriteData(Protocol):
    """Writes a dataset folder; the name of its folder is free."""

    def __call__(
        self,
        labels: Any = ...,
        *,
        images: np.ndarray | None = ...,
        class_names: tuple[str, ...] | None = ...,
        soft_labels: np.ndarray | None = ...,
        name: str = ...,
    ) -> Dataset: ...


@pytest.fixture
def write_data(tmp_path: Path) -> WriteData:
    def write(
        labels=(0, 1) * 12,
        *,
        images=None,
        class_names=("dark", "bright"),
        soft_labels=None,
        name="shades",
    ):
        labels = None if labels is None else np.asarray(labels, np.int64)
        if images is None:
            n = len(labels if labels is not None else soft_labels)
            brightness = np.zeros(n) if labels is None else 190 * (labels == 1)
            noise = np.random.default_rng(0).integers(0, 60, (n, 4, 4, 1))
            images = (noise + brightness[:, None, None, None]).astype(np.uint8)
        path = tmp_path / name
        with DatasetWriter(
            path,
            name=name,
            image_shape=images.shape[1:],
            image_dtype=images.dtype,
            n_samples=len(images),
            class_names=class_names,
        ) as writer:
            writer.append(images, labels, soft_labels)
        return open_dataset(path)

    return write


@pytest.fixture
def data(write_data: WriteData) -> Dataset:
    """Twelve dark and twelve bright images, 4 x 4, uint8."""
    return write_data()


class TrainSmall(Protocol):
    """Trains a small generator for some steps."""

    def __call__(
        self, name: str, data: Dataset, length: str = ..., **options: Any
    ) -> TrainedGenerator: ...


@pytest.fixture
def train_small() -> TrainSmall:
    def train(name, data, length="2st", **options):
        settings = {"settings": SETTINGS[name], "device": "cpu", "evaluations": 1}
        return train_generator(data, length=length, **{**settings, **options})

    return train
