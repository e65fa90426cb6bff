from __future__ import annotations

import numpy as np
import pytest
import torch

from thinset.data import DatasetWriter, open_dataset
from thinset.models.generators import Decoder


@pytest.fixture
def data(tmp_path):
    """Noise, 15 images of each of three classes."""
    random = np.random.default_rng(0)
    with DatasetWriter(
        tmp_path / "data", name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=45,
        class_names=("cat", "dog", "emu"),
    ) as writer:  # fmt: skip
        writer.append(random.integers(0, 256, (45, 8, 8, 1), np.uint8), np.arange(45) % 3)
    return open_dataset(tmp_path / "data")


@pytest.fixture
def generator():
    """An untrained decoder whose images differ clearly between latents."""
    torch.manual_seed(0)
    decoder = Decoder((8, 8, 1), 3, latent_size=6, generator=torch.Generator().manual_seed(0))
    for layer in decoder.layers:
        if hasattr(layer, "weight") and layer.weight.ndim > 1:
            torch.nn.init.kaiming_normal_(layer.weight)
    return decoder.eval()
