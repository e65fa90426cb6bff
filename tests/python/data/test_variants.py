from __future__ import annotations

import numpy as np
import pytest

from thinset.data import (
    GeneratedBy,
    Parent,
    import_dataset,
    write_long_tailed,
    write_redundant,
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("data") / "digits")["train"]


def test_redundant_data_repeat_a_few_samples_often(digits, tmp_path):
    made = write_redundant(digits, tmp_path / "a", seed=1)
    assert made.image_shape == digits.image_shape
    assert len(made) == len(digits)
    n_distinct = made.manifest.provenance.params["n_distinct"]
    assert made.manifest.provenance == GeneratedBy(
        by="redundant",
        parent=Parent(digits.name, len(digits), digits.fingerprint),
        seed=1,
        params={"exponent": 1.0, "n_distinct": n_distinct},
    )
    assert 0.15 * len(made) < n_distinct < 0.5 * len(made)
    pairs = zip(digits.images, digits.labels, strict=True)
    originals = {image.tobytes(): label for image, label in pairs}
    unchanged = [row for row in range(len(made)) if made.images[row].tobytes() in originals]
    assert len(unchanged) >= n_distinct
    for row in unchanged:
        assert made.labels[row] == originals[made.images[row].tobytes()]
    again = write_redundant(digits, tmp_path / "b", seed=1)
    assert again.fingerprint == made.fingerprint
    assert write_redundant(digits, tmp_path / "c", seed=2).fingerprint != made.fingerprint


def test_further_occurrences_are_shifted_and_brightened_a_little(tmp_path):
    """With one sample alone every row but the first is a near-duplicate of it."""
    images = np.zeros((2000, 6, 6, 1), np.uint8)
    images[:, 2:4, 2:4] = 100
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(2000) % 2)
    source = import_dataset(str(tmp_path), tmp_path / "data")["train"]
    made = write_redundant(source, tmp_path / "redundant", exponent=50.0)
    assert made.manifest.provenance.params["n_distinct"] == 1
    first, copies = made.images[0], np.int64(made.images[1:])
    np.testing.assert_array_equal(first, images[0])
    brightness = copies[:, 0, 0, 0] - 0
    assert brightness.max() == 12
    corners = copies.max(axis=(1, 2, 3)) - 100
    assert corners.min() == -12
    assert corners.max() == 12
    assert len(np.unique((copies > 50).reshape(len(copies), -1), axis=0)) == 9


def test_long_tailed_data_fall_off_exponentially(digits, tmp_path):
    made = write_long_tailed(digits, tmp_path / "tail", imbalance=10, seed=3)
    sizes = np.bincount(made.labels)
    largest = np.bincount(digits.labels).max()
    expected = largest * 10.0 ** (-np.arange(10) / 9)
    kept = np.minimum(expected, np.bincount(digits.labels))
    np.testing.assert_allclose(sizes, kept, atol=0.5)
    rows = made.array("indices")
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(made.images, digits.images[rows])


def test_what_makes_no_sense_is_refused(digits, tmp_path):
    for value in (0.5, float("nan"), float("inf")):
        with pytest.raises(
            ValueError, match=f"imbalance must be finite and at least 1, got {value}"
        ):
            write_long_tailed(digits, tmp_path / "a", imbalance=value)
    with pytest.raises(ValueError, match="exponent must be finite and at least 0, got -1"):
        write_redundant(digits, tmp_path / "a", exponent=-1)
    with pytest.raises(FileExistsError):
        write_redundant(digits, tmp_path)
