from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from thinset.data.sources.digits import Digits as DigitsSource
from thinset.data.sources.image_stream import ReadOptions


class InMemory(NamedTuple):
    """Images (N, H, W, C) uint8 and labels (N,) int64."""

    images: np.ndarray
    labels: np.ndarray


class Digits(NamedTuple):
    """Training set, every fifth of its samples, and test set."""

    train: InMemory
    subset: InMemory
    test: InMemory


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The embedded digits as arrays in memory, small enough to train on in a test."""
    train, test = (_load(split) for split in ("train", "test"))
    return Digits(train, InMemory(train.images[::5], train.labels[::5]), test)


def _load(split: str) -> InMemory:
    batches = list(DigitsSource().open("digits", ReadOptions()).streams[split])
    images, labels = zip(*batches, strict=True)
    return InMemory(np.concatenate(images), np.concatenate(labels))
