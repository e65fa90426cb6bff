from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from thinset.data import Dataset, import_dataset
from thinset.embeddings import (
    describe_embeddings,
    encode,
    load_autoencoder,
    train_autoencoder,
)
from thinset.training import History, weights_fingerprint

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"widths": (8, 12, 8), "batch_size": 64, "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    return import_dataset("digits", tmp_path_factory.mktemp("data") / "digits")


def test_learns_to_reproduce_and_tells_samples_apart(
    digits: dict[str, Dataset], tmp_path: Path
) -> None:
    paper_widths = {**SMALL, "widths": (64, 96, 24)}
    trained = train_autoencoder(
        digits["train"], length="80st", test_data=digits["test"], **paper_widths
    )
    pixels = digits["test"].images / 255
    assert trained.history.curve[-1].test_loss < 0.6 * float(pixels.var())
    facts = describe_embeddings(encode(trained.model, digits["test"], tmp_path, device="cpu"))
    assert facts.constant_columns == ()


def test_saved_and_loaded_is_the_same_encoder(digits: dict[str, Dataset], tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    trained = train_autoencoder(digits["train"], out, length="3st", crop=7, **SMALL)
    loaded = load_autoencoder(out)
    assert loaded.image_shape == (7, 7, 1)
    assert weights_fingerprint(loaded) == weights_fingerprint(trained.model)
    assert not loaded.training
    images = torch.rand(2, 1, 7, 7)
    assert torch.equal(loaded(images), trained.model(images))
    description = json.loads((out / "encoder.json").read_text())
    assert History.from_dict(description["history"]) == trained.history


def test_seed_determines_the_weights(digits: dict[str, Dataset]) -> None:
    def fingerprint(seed: int) -> str:
        trained = train_autoencoder(digits["train"], length="2st", seed=seed, **SMALL)
        return weights_fingerprint(trained.model)

    assert fingerprint(0) == fingerprint(0) != fingerprint(1)


def test_an_existing_output_is_refused_before_training(
    digits: dict[str, Dataset], tmp_path: Path
) -> None:
    with pytest.raises(FileExistsError, match="already exists"):
        train_autoencoder(digits["train"], tmp_path, length="1000h", **SMALL)


def test_weights_that_are_not_the_described_ones_are_refused(
    digits: dict[str, Dataset], tmp_path: Path
) -> None:
    for name, seed in (("one", 0), ("other", 1)):
        train_autoencoder(digits["train"], tmp_path / name, length="1st", seed=seed, **SMALL)
    weights = "encoder.safetensors"
    (tmp_path / "one" / weights).write_bytes((tmp_path / "other" / weights).read_bytes())
    with pytest.raises(ValueError, match="do not match encoder.json"):
        load_autoencoder(tmp_path / "one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable JSON file"),
        ("[]", "not the description of an encoder"),
        ('{"format": "thinset-encoder", "version": 1}', "not the description of an encoder"),
        (
            (
                '{"format": "thinset-encoder", "version": 2, "image_shape": [8, 8, 1], '
                '"widths": [8, 12, 8], "weights_sha256": ""}'
            ),
            "must be thinset-encoder version 1, got thinset-encoder 2",
        ),
    ],
)
def test_damaged_descriptions_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "encoder.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_autoencoder(tmp_path)


def test_images_without_labels_are_enough() -> None:
    class Unlabelled:
        images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
        labels = None

    assert train_autoencoder(Unlabelled(), length="1ep", **SMALL).history.steps == 1
