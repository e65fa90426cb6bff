from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import Dataset, import_map_style, verify_dataset

if TYPE_CHECKING:
    from pathlib import Path


class Items(list[Any]):
    """A map-style dataset: a length and items."""


def assert_imported(dataset: Dataset, images: np.ndarray, labels: np.ndarray) -> None:
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.images.dtype == np.uint8
    verify_dataset(dataset.path)


@pytest.mark.parametrize("form", ["uint8", "float64", "float32", "float16"])
def test_arrays(tmp_path: Path, images: np.ndarray, labels: np.ndarray, form: str) -> None:
    scaled = images if form == "uint8" else (images / 255).astype(form)
    items = Items(zip(scaled, labels, strict=True))
    assert_imported(import_map_style(items, tmp_path / "out"), images, labels)


def test_pil_images(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow")
    items = Items((pil.fromarray(x), int(y)) for x, y in zip(images, labels, strict=True))
    assert_imported(import_map_style(items, tmp_path / "colour"), images, labels)
    items = Items((pil.fromarray(x[..., 0]), int(y)) for x, y in zip(images, labels, strict=True))
    assert_imported(import_map_style(items, tmp_path / "grey"), images[..., :1], labels)
    palette = Items([(pil.new("RGB", (5, 4), (9, 8, 7)).convert("P", palette=1), 0)])
    assert import_map_style(palette, tmp_path / "palette").images[0, 0, 0].tolist() == [9, 8, 7]


def test_torch_tensors_are_channels_first(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    as_items = torch.utils.data.TensorDataset
    assert_imported(
        import_map_style(as_items(tensors, torch.from_numpy(labels)), tmp_path / "uint8"),
        images,
        labels,
    )
    assert_imported(  # as torchvision's ToTensor gives them
        import_map_style(as_items(tensors / 255, torch.from_numpy(labels)), tmp_path / "float"),
        images,
        labels,
    )
    grey = as_items(tensors[:, 0], torch.from_numpy(labels))
    assert_imported(import_map_style(grey, tmp_path / "grey"), images[..., :1], labels)


def test_a_thinset_dataset_is_one_too(tmp_path: Path, dataset: Dataset) -> None:
    copy = import_map_style(
        dataset, tmp_path / "copy", name="copy", class_names=dataset.class_names
    )
    assert copy.fingerprint == dataset.fingerprint
    assert (copy.name, copy.class_names) == ("copy", dataset.class_names)


def test_names_come_from_the_dataset(tmp_path: Path, images: np.ndarray) -> None:
    items = Items([(images[0], 1)])
    items.classes = ["no", "yes"]  # type: ignore[attr-defined]
    dataset = import_map_style(items, tmp_path / "out", size=(2, 2))
    assert (dataset.name, dataset.class_names) == ("Items", ("no", "yes"))
    assert dataset.image_shape == (2, 2, 3)
    assert dataset.manifest.provenance.dataset.endswith(".Items")


GOOD = np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ((np.zeros((5, 4, 3), np.uint8), 0), ValueError, r"item 1 has the shape \(5, 4, 3\), but"),
        ((np.full((4, 5, 3), 256), 0), ValueError, r"item 1: int64 .* in 0\.\.255, got 256"),
        ((np.zeros((4, 5, 3), "U1"), 0), ValueError, "item 1: images must hold numbers, got <U1"),
        ((np.full((4, 5, 3), 1.5), 0), ValueError, r"item 1: .* must be in 0\.\.1 .*, got 1\.5"),
        ((np.full((4, 5, 3), -0.1), 0), ValueError, r"item 1: .* must be in 0\.\.1"),
        ((np.full((4, 5, 3), np.nan), 0), ValueError, r"item 1: .* must be in 0\.\.1 .*, got nan"),
        ((np.zeros(5, np.uint8), 0), ValueError, "item 1: an image has 2 or 3 dimensions"),
        ((GOOD, 0.5), TypeError, "item 1: the label must be an integer, got 0.5"),
        ((GOOD, None), TypeError, "item 1: the label must be an integer"),
        ((GOOD, -1), ValueError, "got -1 in row 1"),
        ((GOOD, 2**63), ValueError, r"item 1: the label must fit int64, got 9223372036854775808"),
        (GOOD, TypeError, r"item 1 must be a pair \(image, label\), got ndarray"),
        ((GOOD, 0, 0), TypeError, "item 1 must be a pair"),
    ],
)
def test_items_that_do_not_hold_up(
    tmp_path: Path, bad: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        import_map_style(Items([(GOOD, 0), bad]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the dataset is empty"):
        import_map_style(Items(), tmp_path / "out")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint16"])
def test_other_types_in_0_to_255(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, dtype: str
) -> None:
    """The first image may be black, which says nothing of the range."""
    images[0] = 0
    items = Items(zip(images.astype(dtype), labels, strict=True))
    dataset = import_map_style(items, tmp_path / "out")
    assert_imported(dataset, images, labels)
    notes = dataset.manifest.provenance.notes
    assert notes == ([f"{dtype} images in 0..255 are rounded"] if dtype[0] == "f" else [])


def test_items_in_0_to_1_among_0_to_255_are_refused(tmp_path: Path, images: np.ndarray) -> None:
    items = Items([(np.float32(images[0]), 0), (np.float32(images[1] / 255), 0)])
    with pytest.raises(ValueError, match=r"item 1: float32 .* in 0\.\.255 .* the same scale"):
        import_map_style(items, tmp_path / "out")


def test_booleans_become_black_and_white(tmp_path: Path) -> None:
    items = Items([(np.eye(4, dtype=bool), 0)])
    dataset = import_map_style(items, tmp_path / "out")
    np.testing.assert_array_equal(dataset.images[0, :, :, 0], np.eye(4) * 255)


def test_arrays_with_channels_first(tmp_path: Path, labels: np.ndarray) -> None:
    images = np.random.default_rng(0).integers(0, 256, (23, 6, 7, 3), np.uint8)
    items = Items(zip(images.transpose(0, 3, 1, 2), labels, strict=True))
    dataset = import_map_style(items, tmp_path / "out")
    assert_imported(dataset, images, labels)
    assert dataset.manifest.provenance.notes == [
        "images of shape (3, 6, 7) have their channels first"
    ]
