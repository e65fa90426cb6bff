from __future__ import annotations

import numpy as np
import pytest

from thinset.data import import_dataset


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The embedded digits as dataset folders, by split."""
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "digits")


@pytest.fixture(scope="session")
def one_per_class(digits):
    """The first image of each class as float32 in [0, 1], and the labels."""
    labels = np.asarray(digits["train"].labels)
    rows = [int(np.flatnonzero(labels == number)[0]) for number in range(10)]
    return digits["train"].images[rows].astype(np.float32) / 255, np.arange(10)
