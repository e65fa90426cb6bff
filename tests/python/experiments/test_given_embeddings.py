"""Embeddings of the user's own in a run: messages name the file."""

from __future__ import annotations

import types

import numpy as np
import pytest

pytest.importorskip("torch")

from thinset.experiments.prepare.embeddings import prepare_embeddings
from thinset.experiments.settings import EncoderSettings


def prepared(path):
    settings = EncoderSettings(kind="given", path=str(path))
    samples = range(30)
    return prepare_embeddings(
        samples, types.SimpleNamespace(), settings, device="cpu", show_progress=False
    )


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda X: X[:29], r"one row for each of 30 samples, got shape \(29, 4\)"),
        (lambda X: X[0], r"2-D array .*got shape \(4,\)"),
        (lambda X: X.astype(int), "got int64"),
        (np.asfortranarray, "Fortran order"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused_by_name(alter, message, tmp_path):
    X = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    np.save(tmp_path / "mine.npy", X)
    assert prepared(tmp_path / "mine.npy").tolist() == X.tolist()
    np.save(tmp_path / "mine.npy", alter(X))
    with pytest.raises(ValueError, match=rf"mine\.npy'.*{message}"):
        prepared(tmp_path / "mine.npy")


def test_a_truncated_file_is_named(tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((30, 4)))
    with open(tmp_path / "mine.npy", "r+b") as file:
        file.truncate(500)
    with pytest.raises(ValueError, match=r"mine\.npy'.*states 960 bytes of data"):
        prepared(tmp_path / "mine.npy")
