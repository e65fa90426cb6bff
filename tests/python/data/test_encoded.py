"""Images that stay encoded until they are wanted."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("pyarrow")
torch = pytest.importorskip("torch")
from PIL import Image  # noqa: E402

from thinset.data import (  # noqa: E402
    Parent,
    SelectedFrom,
    import_dataset,
    open_dataset,
    open_encoded,
    write_photographs,
    write_subset,
)
from thinset.data.batches import DeviceBatches  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    """An image folder of two classes, PNG."""
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "images" / "train" / name).mkdir(parents=True)
        for number in range(5):
            pixels = generator.integers(0, 256, (6, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / "train" / name / f"{number}.png")
    return tmp_path / "images"


def test_each_access_decodes_what_importing_decodes_once(folder, tmp_path):
    decoded = import_dataset(folder, tmp_path / "data")["train"]
    encoded = open_encoded(folder)
    assert encoded.images.shape == decoded.images.shape == (10, 6, 7, 3)
    assert len(encoded) == len(encoded.images) == 10
    assert encoded.images.nbytes == decoded.images.nbytes
    assert (encoded.class_names, encoded.n_classes) == (("cat", "dog"), 2)
    np.testing.assert_array_equal(encoded.labels, decoded.labels)
    np.testing.assert_array_equal(encoded.images[3], decoded.images[3])
    np.testing.assert_array_equal(encoded.images[2:9:3], decoded.images[2:9:3])
    rows = np.array([9, 0, 0, 4])
    np.testing.assert_array_equal(encoded.images.take(rows), decoded.images[rows])


@pytest.mark.parametrize("resident", [True, False])
def test_batches_of_encoded_images_equal_those_of_arrays(folder, tmp_path, resident):
    streams = [
        DeviceBatches(
            data,
            device="cpu",
            batch_size=4,
            generator=torch.Generator().manual_seed(0),
            resident=resident,
        )
        for data in (import_dataset(folder, tmp_path / "data")["train"], open_encoded(folder))
    ]
    for _ in range(7):
        first, second = map(next, streams)
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.labels, second.labels)


def test_chosen_rows_are_decoded_into_a_dataset(folder, tmp_path):
    encoded = open_encoded(folder, size=(3, 4))
    encoded.write_rows(np.array([7, 1]), tmp_path / "subset")
    subset = open_dataset(tmp_path / "subset")
    np.testing.assert_array_equal(subset.images, encoded.images.take(np.array([7, 1])))
    assert subset.labels.tolist() == [1, 0]
    assert subset.image_shape == (3, 4, 3)
    assert subset.manifest.provenance == SelectedFrom(
        parent=Parent(encoded.name, 10, encoded.fingerprint)
    )


def test_files_are_read_when_they_are_wanted(folder):
    encoded = open_encoded(folder)
    (folder / "train" / "cat" / "2.png").write_bytes(b"no image")
    assert encoded.images[1].shape == (6, 7, 3)
    with pytest.raises(ValueError, match=r"2\.png cannot be read as an 8-bit image"):
        encoded.images.take(np.array([1, 2]))


def test_the_fingerprint_tells_sources_apart(folder):
    assert open_encoded(folder).fingerprint == open_encoded(folder).fingerprint
    assert open_encoded(folder).fingerprint != open_encoded(folder, size=(3, 3)).fingerprint


def test_photographs_decode_to_about_the_images_they_were_made_of(tmp_path):
    digits = import_dataset("digits", tmp_path / "digits")["train"]
    write_photographs(digits, tmp_path / "photographs.parquet", side=64)
    encoded = open_encoded(tmp_path / "photographs.parquet", size=(8, 8))
    np.testing.assert_array_equal(encoded.labels, digits.labels)
    # Enlarged and made small again, the sharp digits are softer, but each is still itself.
    again = encoded.images.take(np.arange(200)).reshape(200, -1)
    likeness = np.corrcoef(again, digits.images[:200].reshape(200, -1))[:200, 200:]
    assert (np.argmax(likeness, axis=1) == np.arange(200)).all()
    assert np.diag(likeness).min() > 0.95
    with pytest.raises(ValueError, match="side must be at least 1, got 0"):
        write_photographs(digits, tmp_path / "b.parquet", side=0)
    assert not (tmp_path / "b.parquet").exists()


def test_photographs_without_labels_stay_without(tmp_path):
    images = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4, 1)
    source = write_subset(range(5), (images, None), tmp_path / "data")
    write_photographs(source, tmp_path / "photographs.parquet", side=8)
    encoded = open_encoded(tmp_path / "photographs.parquet")
    assert encoded.labels is None
    assert encoded.images.shape == (5, 8, 8, 1)


def test_a_source_of_arrays_is_refused():
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        open_encoded("nowhere")


def test_a_source_without_encoded_images_is_refused(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((4, 2, 2, 1), np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(4))
    with pytest.raises(ValueError, match="holds no encoded images: it is of the kind 'npy'"):
        open_encoded(tmp_path)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, "44611b4f6b2a1af51234f21baa7c2999ff782791746a7659731108f8cfe37a0a"),
        ((4, 5), "4f1a1684b742c9dd4b3bad9324af25beec9a651b6c058ef114b49a7ae473a808"),
    ],
)
def test_the_fingerprint_is_that_of_earlier_versions(tmp_path, monkeypatch, size, expected):
    """Runs and checkpoints hold it."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a/0.png", "a/1.png", "b/0.png")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 3), 40 * number, np.uint8)).save(path)
    assert open_encoded("photos", size=size).fingerprint == expected
