from __future__ import annotations

import numpy as np
import pytest

from thinset.data import import_dataset, write_subset


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "data")


@pytest.fixture(scope="module")
def lopsided(digits, tmp_path_factory):
    """Digits whose first class has many times the samples of the last."""
    train = digits["train"]
    rows = [np.flatnonzero(train.labels == label)[: 140 // (label + 1)] for label in range(10)]
    path = tmp_path_factory.mktemp("lopsided") / "train"
    return write_subset(np.concatenate(rows), train, path)
