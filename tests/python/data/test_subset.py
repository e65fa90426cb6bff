from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thinset.data import (
    Dataset,
    Parent,
    SelectedFrom,
    open_dataset,
    verify_dataset,
    write_subset,
)

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
    assert subset.manifest.provenance == SelectedFrom(
        parent=Parent("insects", N_SAMPLES, dataset.fingerprint),
        method="topk",
        params={"mode": "max", "random_state": 3, "initial_subset": [1, 2]},
    )


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
    assert smaller.manifest.provenance.parent.fingerprint == subset.fingerprint


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


def as_mask(indices: list[int]) -> np.ndarray:
    mask = np.zeros(N_SAMPLES, bool)
    mask[indices] = True
    return mask


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        np.array,
        lambda rows: np.array(rows, np.uint8),
        lambda rows: np.array(rows, ">i4"),
        lambda rows: np.array(rows * 2)[: len(rows)],
        lambda rows: pytest.importorskip("torch").tensor(rows),
        lambda rows: list(pytest.importorskip("torch").tensor(rows)),
        lambda rows: as_mask(rows),
        lambda rows: as_mask(rows).tolist(),
        lambda rows: pytest.importorskip("torch").tensor(as_mask(rows)),
        lambda rows: SimpleNamespace(indices=rows),
        lambda rows: SimpleNamespace(indices=pytest.importorskip("torch").tensor(rows)),
    ],
)
def test_rows_in_every_plain_form(tmp_path: Path, dataset: Dataset, form: Any) -> None:
    rows = [2, 5, 21]
    subset = write_subset(form(rows), dataset, tmp_path / "subset")
    np.testing.assert_array_equal(subset.array("indices"), rows)
    np.testing.assert_array_equal(subset.images, dataset.images[rows])


@pytest.mark.parametrize(
    ("unfit", "message"),
    [
        (np.ones(N_SAMPLES + 1, bool), r"one boolean for each of 23 samples, got shape \(24,\)"),
        (np.ones((N_SAMPLES, 1), bool), "one boolean for each of 23 samples"),
        (np.array([2**63], np.uint64), "position 0 holds 9223372036854775808"),
        (np.ma.masked_equal([1, 2], 2), "must not be a masked array"),
        ({1, 2}, "must hold plain numbers"),
        ([[1], [2, 3]], "cannot be taken as one array"),
        ("selection.npz", "at least one integer index"),
    ],
)
def test_rows_without_a_plain_meaning(
    tmp_path: Path, dataset: Dataset, unfit: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_subset(unfit, dataset, tmp_path / "subset")
    assert names_in(tmp_path) == ["source"]


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x.astype(np.float32).astype(">f4"), y.astype(">i8")),
        lambda x, y: (x.transpose(3, 1, 2, 0).copy().transpose(3, 1, 2, 0), y[::-1][::-1]),
        lambda x, y: (np.repeat(x, 2, axis=0)[::2], np.repeat(y, 2)[::2]),
        lambda x, y: (list(x), list(y)),
        lambda x, y: (x.tolist(), y.tolist()),
        lambda x, y: ((x / 2).tolist(), tuple(y)),
        lambda x, y: tuple(map(pytest.importorskip("torch").tensor, (x, y))),
        lambda x, y: (
            pytest.importorskip("torch").tensor(x.transpose(0, 3, 1, 2).copy()).permute(0, 2, 3, 1),
            pytest.importorskip("torch").tensor(y).int(),
        ),
        lambda x, y: (list(pytest.importorskip("torch").tensor(x)), y.tolist()),
    ],
)
def test_images_and_labels_in_every_plain_form(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, form: Any
) -> None:
    given = form(images, labels)
    expected = images / 2 if np.asarray(given[0][0]).max() < 128 else images
    subset = write_subset(INDICES, given, tmp_path / "subset")
    assert subset.images.dtype in (np.uint8, np.float32)
    assert subset.images.dtype.isnative
    np.testing.assert_array_equal(subset.images, expected[INDICES].astype(subset.images.dtype))
    np.testing.assert_array_equal(subset.labels, labels[INDICES])
    verify_dataset(subset.path)


def test_rows_are_copied_in_pieces(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thinset.data.subset._BYTES_PER_PIECE", 200)
    rows = list(range(N_SAMPLES)) * 3
    subset = write_subset(rows, (images.astype(">f4"), None), tmp_path / "subset")
    np.testing.assert_array_equal(subset.images, images[rows])


def test_a_failing_replacement_keeps_the_good_subset(
    tmp_path: Path, dataset: Dataset, images: np.ndarray, labels: np.ndarray
) -> None:
    subset = write_subset(INDICES, dataset, tmp_path / "subset")
    for selection, source in (
        ([99], dataset),
        ([1], (images.astype(np.float16), labels)),
        ([1], (images, labels - 5)),
        ([1], (images, labels[:3])),
        ([1], (images, labels * 0.5)),
        ([1], (images[0], labels)),
        (SimpleNamespace(indices=[1], n_total=5), dataset),
        (SimpleNamespace(indices=[1], params={"x": float("nan")}), dataset),
    ):
        with pytest.raises(ValueError, match="."):
            write_subset(selection, source, subset.path, overwrite=True)
        verify_dataset(subset.path)
        assert len(open_dataset(subset.path)) == len(INDICES)
        assert names_in(tmp_path) == ["source", "subset"]


def test_labels_outside_the_classes_are_refused(tmp_path: Path, dataset: Dataset) -> None:
    labels = np.lib.format.open_memmap(dataset.path / "labels.npy", mode="r+")
    labels[3] = 3
    labels.flush()
    with pytest.raises(ValueError, match="row 3"):
        write_subset([1], dataset.path, tmp_path / "subset")
    with pytest.raises(ValueError, match="row 3"):
        write_subset([1], dataset, tmp_path / "subset")


def test_a_map_of_a_file_that_became_shorter_is_refused(tmp_path: Path, images: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", images)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    os.truncate(tmp_path / "x.npy", 500)
    for array in (mapped, mapped[2:], mapped[:, ::2]):
        with pytest.raises(ValueError, match=r"x\.npy became shorter after it was opened"):
            write_subset([1], (array, None), tmp_path / "subset")
    assert names_in(tmp_path) == ["x.npy"]


def test_a_dataset_whose_images_became_shorter_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    os.truncate(dataset.path / "images.npy", 500)
    with pytest.raises(ValueError, match=r"images\.npy"):
        write_subset([1], dataset, tmp_path / "subset")
    assert names_in(tmp_path) == ["source"]


def test_names_that_are_not_utf_8(tmp_path: Path, images: np.ndarray) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    subset = write_subset([1, 0], (images, None), folder / "a")
    again = write_subset([1, 0], subset, folder / "b")
    np.testing.assert_array_equal(again.images, images[:2])


def test_inputs_that_a_file_behind_an_array_belongs_to(
    tmp_path: Path, dataset: Dataset, images: np.ndarray
) -> None:
    subset = write_subset(INDICES, dataset, tmp_path / "subset")
    rows = subset.array("indices")
    for selection, source in (
        (rows, dataset),
        (SimpleNamespace(indices=rows), dataset),
        ([0], (subset.images, None)),
        ([0], (images[: len(INDICES)], subset.labels)),
    ):
        with pytest.raises(ValueError, match="would replace its own source"):
            write_subset(selection, source, subset.path, overwrite=True)
    # By way of a second name for the file.
    (tmp_path / "shared").mkdir()
    os.link(dataset.path / "images.npy", tmp_path / "shared" / "images.npy")
    with pytest.raises(ValueError, match="would replace its own source"):
        write_subset([0], dataset, tmp_path / "shared", overwrite=True)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ((1, 2, 3), {}, "source must be a Dataset, the path of one, or a pair .* got tuple of 3"),
        (5, {}, "source must be a Dataset, .* got int; without labels, give .images, None."),
        (None, {"n_threads": 0}, r"n_threads must be an int in \[1, 1024\], or None, got 0"),
        (None, {"n_threads": -1}, "n_threads must be an int in .* got -1"),
        (None, {"n_threads": "2"}, "n_threads must be an int in .* got '2'"),
    ],
)
def test_arguments_are_checked_before_the_work(
    tmp_path: Path, images: np.ndarray, source: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_subset([0], source or (images, None), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
