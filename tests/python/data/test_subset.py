from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import Dataset, open_dataset, verify_dataset, write_subset

if TYPE_CHECKING:
    from pathlib import Path

N_SAMPLES = 23  # of the fixtures
CLASS_NAMES = ("ant", "bee", "cat")
INDICES = np.array([22, 0, 7, 7, 3])


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("n_threads", [None, 1, 2])
@pytest.mark.parametrize("as_path", [False, True])
def test_the_rows_in_selection_order(
    tmp_path: Path, dataset: Dataset, n_threads: int | None, as_path: bool
) -> None:
    source = str(dataset.path) if as_path else dataset
    subset = write_subset(INDICES, source, tmp_path / "subset", n_threads=n_threads)

    np.testing.assert_array_equal(subset.images, dataset.images[INDICES])
    np.testing.assert_array_equal(subset.labels, dataset.labels[INDICES])
    np.testing.assert_array_equal(subset.array("indices"), INDICES)
    assert subset.array("indices").dtype == np.int64
    assert (subset.name, subset.class_names) == ("subset", CLASS_NAMES)
    verify_dataset(subset.path)
    assert names_in(tmp_path) == ["source", "subset"]


@pytest.mark.parametrize("indices", [[5], range(N_SAMPLES), [3] * 100])
def test_any_integers_will_do(tmp_path: Path, dataset: Dataset, indices: Any) -> None:
    subset = write_subset(list(indices), dataset, tmp_path / "subset")
    np.testing.assert_array_equal(subset.images, dataset.images[list(indices)])


def test_the_manifest_says_where_the_rows_came_from(tmp_path: Path, dataset: Dataset) -> None:
    selection = SimpleNamespace(
        indices=INDICES,
        n_total=N_SAMPLES,
        method="topk",
        params={"mode": "max", "random_state": np.int64(3), "initial_subset": np.array([1, 2])},
    )
    subset = write_subset(selection, dataset, tmp_path / "subset", name="best insects")
    assert subset.name == "best insects"
    assert subset.manifest.provenance == {
        "kind": "subset",
        "parent": {
            "name": "insects",
            "n_samples": N_SAMPLES,
            "fingerprint": dataset.fingerprint,
        },
        "method": "topk",
        "params": {"mode": "max", "random_state": 3, "initial_subset": [1, 2]},
    }


def test_from_arrays(tmp_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    subset = write_subset(INDICES, (images, labels.astype(np.uint8)), tmp_path / "labelled")
    np.testing.assert_array_equal(subset.images, images[INDICES])
    np.testing.assert_array_equal(subset.labels, labels[INDICES])
    bare = write_subset(INDICES, (images.astype(np.float32), None), tmp_path / "bare")
    np.testing.assert_array_equal(bare.images, images[INDICES])
    assert bare.images.dtype == np.float32
    assert bare.labels is None


def test_equal_rows_have_equal_fingerprints(tmp_path: Path, dataset: Dataset) -> None:
    first, again, other = (
        write_subset(indices, dataset, tmp_path / name).fingerprint
        for name, indices in (("a", INDICES), ("b", INDICES), ("c", INDICES[::-1]))
    )
    assert first == again != other


def test_a_subset_of_a_subset(tmp_path: Path, dataset: Dataset) -> None:
    subset = write_subset(INDICES, dataset, tmp_path / "subset")
    smaller = write_subset([4, 0], subset, tmp_path / "smaller")
    np.testing.assert_array_equal(smaller.images, dataset.images[[3, 22]])
    assert smaller.manifest.provenance["parent"]["fingerprint"] == subset.fingerprint


@pytest.mark.parametrize("index", [-1, N_SAMPLES, 2**62])
def test_indices_out_of_range_leave_nothing(tmp_path: Path, dataset: Dataset, index: int) -> None:
    with pytest.raises(ValueError, match=f"position 1 holds {index}"):
        write_subset([0, index], dataset, tmp_path / "subset")
    assert names_in(tmp_path) == ["source"]


@pytest.mark.parametrize("unfit", [[], [0.5], [[1, 2]], [False] * N_SAMPLES, np.full(2, np.nan)])
def test_what_is_no_index_array_is_refused(tmp_path: Path, dataset: Dataset, unfit: Any) -> None:
    with pytest.raises(ValueError, match="at least one integer index"):
        write_subset(unfit, dataset, tmp_path / "subset")


def test_a_selection_from_other_data_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    selection = SimpleNamespace(indices=INDICES, n_total=50_000)
    with pytest.raises(ValueError, match="made from 50000 samples, but the source has 23"):
        write_subset(selection, dataset, tmp_path / "subset")


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_source_is_never_replaced(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, overwrite: bool
) -> None:
    (tmp_path / "link").symlink_to(dataset.path)
    for source in (dataset, dataset.path, (dataset.images, None)):
        for out in (dataset.path, tmp_path / "link", dataset.path / "..", tmp_path):
            with pytest.raises(ValueError, match="would replace its own source"):
                write_subset(INDICES, source, out, overwrite=overwrite)
    np.testing.assert_array_equal(open_dataset(dataset.path).images, images)
    verify_dataset(dataset.path)


def test_overwriting_is_asked_for(tmp_path: Path, dataset: Dataset) -> None:
    write_subset(INDICES, dataset, tmp_path / "subset")
    with pytest.raises(FileExistsError, match="already exists"):
        write_subset([1], dataset, tmp_path / "subset")
    assert len(open_dataset(tmp_path / "subset")) == len(INDICES)
    assert len(write_subset([1], dataset, tmp_path / "subset", overwrite=True)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x[0], y), "images must be one of"),
        (lambda x, y: (x.astype(np.int16), y), "images must be one of"),
        (lambda x, y: (x, y[1:]), "23 images need as many labels, got 22"),
        (lambda x, y: (x, y / 2), "labels must be integers"),
        (lambda x, y: (x, y - 1), "labels must be in 0.*, got -1 in row 0"),
        (lambda x, y: (x[:, :0], y), "images must be one of"),
        (lambda x, y: (np.ma.masked_equal(x, 3), y), "images must not be a masked array"),
        (lambda x, y: ([x[0], x[1, :2]], None), "images cannot be taken as one array"),
    ],
)
def test_arrays_that_do_not_hold_up(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, change: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_subset(INDICES, change(images, labels), tmp_path / "subset")
