from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset import select
from thinset.data import Dataset, DatasetWriter, open_dataset
from thinset.distillation.synthetic_set import SyntheticSet
from thinset.experiments.prepare.data import open_training_parts
from thinset.experiments.prepare.distilled import DistilledGrids, initial_rows
from thinset.experiments.run_folder import RunFolder
from thinset.experiments.settings import EncoderSettings

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Noise, 9 images of class 0 and 21 of class 1."""
    labels = np.array(([0] * 3 + [1] * 7) * 3)
    with DatasetWriter(
        tmp_path / "data", name="d", image_shape=(4, 4, 1), image_dtype="uint8", n_samples=30
    ) as writer:
        writer.append(np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), np.uint8), labels)
    return open_dataset(tmp_path / "data")


def folder_of(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run", {"source": "x", "device": "cpu"})


@pytest.mark.parametrize("method", ["kmeans", "max_min", "facility_location"])
def test_rows_are_selected_in_each_class_once(data: Dataset, tmp_path: Path, method: str) -> None:
    embeddings = np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)
    np.save(tmp_path / "e.npy", embeddings)
    encoder = EncoderSettings(kind="given", path=str(tmp_path / "e.npy"))
    folder = folder_of(tmp_path)

    def rows(n_images: int, seed: int = 3) -> np.ndarray:
        return initial_rows(
            data, n_images, method, folder, encoder, seed=seed, device="cpu", show_progress=False
        )

    expected = select(
        embeddings, 7, method, labels=data.labels, per_class="balanced", random_state=3
    )
    assert rows(7).tolist() == expected.indices.tolist()
    assert data.labels is not None
    assert np.bincount(data.labels[rows(7)]).tolist() == [4, 3]
    # What was selected for another number is not used again.
    assert len(rows(6)) == 6
    before = folder.stage_seconds
    assert rows(7).tolist() == expected.indices.tolist()
    assert folder.stage_seconds == before


def test_embeddings_are_computed_where_none_are_given(data: Dataset, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    encoder = EncoderSettings(kind="pca", n_components=4)
    rows = initial_rows(data, 4, "topk", folder, encoder, seed=0, device="cpu", show_progress=False)
    assert len(rows) == 4
    assert (folder.embeddings / "embeddings.npy").exists()


def test_validation_data_are_held_out_once(data: Dataset, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    source = str(data.path)
    whole, none = open_training_parts(source, folder, validation=None, show_progress=False)
    assert (len(whole), none) == (30, None)
    for _ in range(2):
        train, held_out = open_training_parts(source, folder, validation=0.2, show_progress=False)
        assert held_out is not None
        assert (len(train), len(held_out)) == (24, 6)


def test_grids_show_steps_and_the_whole_course(tmp_path: Path, monkeypatch) -> None:
    seen = {}

    def draw(images, labels, **options):
        from thinset.report.plots.distilled import distilled_images

        seen.update(options, images=images, labels=labels)
        return distilled_images(images, labels, **options)

    monkeypatch.setattr("thinset.report.plots.distilled_images", draw)
    lines = [
        {"step": 10, "train_loss": 2.0, "learning_rate": 0.1},
        {"step": 20, "train_loss": 1.0, "validation_accuracy": 0.5},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    synthetic = SyntheticSet(
        torch.zeros(4, 1, 8, 8), torch.arange(4) % 2, n_classes=2, mean=(0.25,), deviation=(0.5,),
        n_steps=2, n_epochs=3,
    )  # fmt: skip
    grids = DistilledGrids(tmp_path / "grids", tmp_path / "log.jsonl", ("cat", "dog"))
    grids(synthetic, 20)
    assert [path.name for path in (tmp_path / "grids").iterdir()] == ["0000020.png"]
    assert np.unique(seen["images"]).tolist() == [0.25]
    assert (seen["steps"].tolist(), seen["labels"].tolist()) == ([0, 0, 1, 1], [0, 1, 0, 1])
    assert seen["class_names"] == ("cat", "dog")
    loss, accuracy = seen["curves"]
    assert (loss.steps, loss.values) == ([10, 20], [2.0, 1.0])
    assert (accuracy.steps, accuracy.values) == ([20], [0.5])
