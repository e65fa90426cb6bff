from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from thinset.data import import_dataset
from thinset.embeddings import describe_embeddings, encode, train_autoencoder

if TYPE_CHECKING:
    from pathlib import Path

MNIST = os.environ.get("THINSET_TEST_MNIST")


@pytest.mark.slow
@pytest.mark.skipif(MNIST is None, reason="THINSET_TEST_MNIST does not name the data's folder")
def test_the_paper_s_settings_learn_mnist(tmp_path: Path) -> None:
    mnist = import_dataset(MNIST, tmp_path / "mnist")
    trained = train_autoencoder(
        mnist["train"], length="100st", batch_size=256, test_data=mnist["test"], device="cpu"
    )
    variance = float((mnist["test"].images / 255).var())
    assert trained.history.curve[-1].test_loss < 0.5 * variance
    facts = describe_embeddings(encode(trained.model, mnist["test"], tmp_path, device="cpu"))
    assert facts.n_dimensions == 384
    assert facts.constant_columns == ()
