from __future__ import annotations

import numpy as np
import pytest
import torch

from thinset.augmentation.traditional import METHODS, augment
from thinset.data import (
    DatasetWriter,
    GeneratedBy,
    Parent,
    ScheduleStep,
    TrainingSchedule,
    import_dataset,
    open_dataset,
    verify_dataset,
)
from thinset.training.randomness import generator_for
from thinset.transforms.augmentation import random_rotation_and_blur

CHANGING = sorted(set(METHODS) - {"augorig"})


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "digits")["train"]


def written(path, images, **content):
    with DatasetWriter(
        path,
        name="small",
        image_shape=images.shape[1:],
        image_dtype=images.dtype,
        n_samples=len(images),
        class_names=("a", "b"),
        schedule=content.pop("schedule", None),
    ) as writer:
        writer.append(images, **content)
    return open_dataset(path)


def floats(n: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((n, 9, 8, channels), np.float32)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_one_image_per_original_in_order_and_with_its_label(digits, tmp_path, method) -> None:
    made = augment(digits, tmp_path / "made", method, seed=3)
    assert made.images.shape == digits.images.shape
    assert made.images.dtype == np.uint8
    np.testing.assert_array_equal(made.labels, digits.labels)
    assert made.class_names == digits.class_names
    provenance = made.manifest.provenance
    assert isinstance(provenance, GeneratedBy)
    assert (provenance.by, provenance.seed) == (method, 3)
    assert provenance.parent == Parent.of(digits)
    verify_dataset(tmp_path / "made")
    # Each image is like its own original; the artificial ones are not the originals.
    pairs = np.corrcoef(
        made.images[:50].reshape(50, -1).astype(float),
        digits.images[:50].reshape(50, -1).astype(float),
    )[:50, 50:]
    assert pairs.diagonal().mean() > pairs.mean() + 0.2
    assert np.array_equal(made.images, digits.images) == (method == "augorig")


def test_values_are_those_of_the_transform_rounded(digits, tmp_path) -> None:
    made = augment(digits, tmp_path / "made", "rotblur", seed=3, batch_size=100)
    images = torch.from_numpy(np.array(digits.images)).permute(0, 3, 1, 2) / 255
    expected = random_rotation_and_blur(images, generator_for(3, "augmentation rotblur"))
    expected = (255 * expected).round().to(torch.uint8).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(made.images, expected)
    assert made.manifest.provenance.params == {"degrees": [-25.0, 25.0], "sigma": [0.25, 2.25]}


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_images_do_not_depend_on_the_batch_size(tmp_path, method, batch_size) -> None:
    data = written(tmp_path / "data", floats(30), labels=np.arange(30) % 2)
    whole = augment(data, tmp_path / "whole", method)
    parts = augment(data, tmp_path / "parts", method, batch_size=batch_size)
    assert parts.fingerprint == whole.fingerprint
    assert augment(data, tmp_path / "other", method, seed=1).fingerprint != whole.fingerprint


@pytest.mark.parametrize("method", sorted(METHODS))
def test_float_images_stay_float_and_in_range(tmp_path, method) -> None:
    data = written(tmp_path / "data", floats(20, 1), labels=np.arange(20) % 2)
    made = augment(data, tmp_path / "made", method)
    assert made.images.dtype == np.float32
    assert 0 <= made.images.min() <= made.images.max() <= 1
    assert len(np.unique(made.images)) > 256


def test_soft_labels_are_kept_and_a_schedule_is_not(tmp_path) -> None:
    soft = np.tile(np.array([[0.25, 0.75]], np.float32), (6, 1))
    schedule = TrainingSchedule((ScheduleStep((0, 6), 0.1),), repeats=1)
    data = written(tmp_path / "data", floats(6), soft_labels=soft, schedule=schedule)
    made = augment(tmp_path / "data", tmp_path / "made", "blur", batch_size=4)
    np.testing.assert_array_equal(made.soft_labels, soft)
    assert made.labels is None
    assert data.schedule is not None
    assert made.schedule is None


@pytest.mark.parametrize("method", ["rot", "augorig"])
@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_float_images_out_of_range_are_refused_by_row(tmp_path, value, method) -> None:
    images = floats(10)
    images[7, 0, 0, 0] = value
    data = written(tmp_path / "data", images, labels=np.arange(10) % 2)
    with pytest.raises(ValueError, match=r"data: row 7 has values in .*must be in 0\.\.1"):
        augment(data, tmp_path / "made", method, batch_size=4)
    assert not (tmp_path / "made").exists()


def test_arguments_and_outputs_are_checked(digits, tmp_path) -> None:
    with pytest.raises(ValueError, match="one of augorig, blur, rot, rotblur, got 'ROT'"):
        augment(digits, tmp_path / "made", "ROT")
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        augment(digits, tmp_path / "made", "rot", batch_size=0)
    data = written(tmp_path / "data", floats(4), labels=np.arange(4) % 2)
    with pytest.raises(ValueError, match="data"):
        augment(data, tmp_path / "data", "rot", overwrite=True)
    augment(data, tmp_path / "made", "rot")
    with pytest.raises(FileExistsError, match="made"):
        augment(data, tmp_path / "made", "blur")
    assert augment(data, tmp_path / "made", "blur", overwrite=True).name == "small/blur"


def test_progress_is_shown_on_request(digits, tmp_path, capsys) -> None:
    augment(digits, tmp_path / "quiet", "rot")
    assert capsys.readouterr().err == ""
    augment(digits, tmp_path / "made", "rot", show_progress=True)
    assert "rot" in capsys.readouterr().err
