from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from insects import CHANNELS, CLASS_NAMES, HEIGHT, N_SAMPLES, WIDTH, writer
from thinset.data import Dataset, open_dataset

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def images() -> np.ndarray:
    """Images in which every sample, pixel and channel can be told apart."""
    shape = (N_SAMPLES, HEIGHT, WIDTH, CHANNELS)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(N_SAMPLES)
    return images


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(N_SAMPLES) % len(CLASS_NAMES)


@pytest.fixture
def dataset(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> Dataset:
    provenance = {"kind": "test"}
    with writer(tmp_path / "source", class_names=CLASS_NAMES, provenance=provenance) as opened:
        opened.append(images[:10], labels[:10])
        opened.append(images[10:], labels[10:])
    return open_dataset(tmp_path / "source")
