"""What is measured of artificial images does not depend on how datasets are sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import DatasetWriter, open_dataset
from thinset.experiments.prepare import measured
from thinset.experiments.prepare.kept import Images
from thinset.experiments.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


class Judge:
    """Pixels are features; the label of an image is right."""

    name = "pixels"

    def features(self, data) -> np.ndarray:
        return np.asarray(data.images, np.float32).reshape(len(data.images), -1)

    def agreement(self, data) -> float:
        return 1.0


def draws(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images of ten classes, each bright in another pixel; sorted by class."""
    labels = np.repeat(np.arange(10), n // 10)
    images = random.integers(0, 40, (n, 4, 4, 1), np.uint8)
    images.reshape(n, 16)[np.arange(n), labels] += 200
    return images, labels


def test_neighbours_are_those_of_all_classes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(measured, "MOST_COMPARED", 600)
    random = np.random.default_rng(0)
    images, labels = draws(2000, random)
    with DatasetWriter(
        tmp_path / "real", name="real", image_shape=(4, 4, 1), image_dtype="uint8", n_samples=2000,
        class_names=tuple("abcdefghij"),
    ) as writer:  # fmt: skip
        writer.append(images, labels)
    made, made_labels = draws(2000, random)
    order = np.arange(2000).reshape(10, 200).T.ravel()  # generators take turns through the classes
    found = measured.prepare_measures(
        "flow", Images(made[order], made_labels[order]), open_dataset(tmp_path / "real"), Judge(),
        RunFolder(tmp_path / "run", {"source": "x", "device": "cpu"}),
        share=1.0, seed=0, seconds=0.0,
    )  # fmt: skip
    # Both sets are draws from one distribution; the first 600 real ones are of three classes.
    assert found.density == pytest.approx(1.0, abs=0.1)
    assert found.coverage > 0.9
