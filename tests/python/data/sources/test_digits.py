from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from thinset.data import SOURCES, ImportedFrom, import_dataset
from thinset.data.sources import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

DIGITS = SOURCES["digits"]


def whole(split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*DIGITS.open("digits", ReadOptions()).streams[split], strict=True)
    return np.concatenate(images), np.concatenate(labels)


def test_the_splits_are_stratified_80_to_20() -> None:
    (train, train_labels), (test, test_labels) = whole("train"), whole("test")
    assert len(train) + len(test) == 1797
    n_train, n_test = np.bincount(train_labels), np.bincount(test_labels)
    np.testing.assert_array_equal(n_test, np.rint((n_train + n_test) / 5))
    assert (train.dtype, train.shape[1:]) == (np.uint8, (8, 8, 1))
    assert (train.min(), train.max()) == (0, 255)


def test_they_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn to compare with")
    original = sklearn.load_digits()
    is_test = np.zeros(1797, dtype=bool)
    for label in range(10):
        is_test[np.flatnonzero(original.target == label)[2::5]] = True
    for split, rows in (("train", ~is_test), ("test", is_test)):
        images, labels = whole(split)
        expected = np.rint(original.images[rows] * 255 / 16)[..., np.newaxis]
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, original.target[rows])


def test_the_content_is_pinned(tmp_path: Path) -> None:
    """Results on the digits can only be compared while the images and the split stay the same."""
    datasets = import_dataset("digits", tmp_path / "digits")
    credit = "Alpaydin and Kaynak (1998), https://doi.org/10.24432/C50P49, CC BY 4.0"
    for split, dataset in datasets.items():
        expected = ImportedFrom(source="digits", split=split, credit=credit)
        assert dataset.manifest.provenance == expected
    assert {split: dataset.fingerprint[:16] for split, dataset in datasets.items()} == {
        "train": "8a595b7bf27f21f9",
        "test": "3bce712bf86d2ede",
    }
    assert datasets["train"].class_names == tuple("0123456789")


def test_a_folder_of_that_name_is_another_thing() -> None:
    assert DIGITS.recognises("digits")
    assert not DIGITS.recognises("./digits")
    assert list(DIGITS.open("digits", ReadOptions()).streams) == ["train", "test"]


def test_the_kind_takes_no_other_source(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match=r"'digits' is the embedded dataset, got .*/mine; give"):
        import_dataset(tmp_path / "mine", tmp_path / "out", kind="digits")
