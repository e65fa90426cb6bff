from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from parquet_tables import (
    CONTENT,
    LABELS,
    PIXELS,
    imported,
    save,
    table,
)
from thinset.data import import_dataset

if TYPE_CHECKING:
    from pathlib import Path

pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "plain.parquet", table(photo=CONTENT, Label=LABELS.astype(np.int8)))
    dataset = import_dataset(path, tmp_path / "out")["train"]
    np.testing.assert_array_equal(dataset.images, PIXELS)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names is None
    assert dataset.name == "plain/train"


def test_what_is_taken_for_what_is_said(tmp_path: Path) -> None:
    columns = {"image_id": [907, 4, 55], "image": CONTENT[:3], "label": ["dog", "cat", "dog"]}
    datasets, notes = imported(save(tmp_path / "pets.parquet", table(**columns)), tmp_path / "out")
    assert datasets["train"].labels.tolist() == [1, 0, 1]
    assert datasets["train"].class_names == ("cat", "dog")
    assert notes == [
        "images from column 'image', labels from column 'label'; not read: image_id",
        "labels are strings, sorted: 2 classes, cat, dog",
    ]
    assert datasets["train"].manifest.provenance.notes == notes


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (["b", "a", "b", "c"], [1, 0, 1, 2], ("a", "b", "c")),
        (pa.array(["b", "a", "b", "c"], pa.large_string()), [1, 0, 1, 2], ("a", "b", "c")),
        (pa.array(["b", "a", "b", "c"]).dictionary_encode(), [1, 0, 1, 2], ("a", "b", "c")),
        (pa.array([5, 7, 5, 900]).dictionary_encode(), [0, 1, 0, 2], ("5", "7", "900")),
        ([True, False, True, True], [1, 0, 1, 1], ("false", "true")),
        ([2.0, 0.0, 1.0, 2.0], [2, 0, 1, 2], None),
        (pa.array([2, 0, 1, 2], pa.uint8()), [2, 0, 1, 2], None),
        ([907, 4, 55, 4], [2, 0, 1, 0], ("4", "55", "907")),
        ([10, 1, 2, 10], [2, 0, 1, 2], ("1", "2", "10")),
    ],
)
def test_labels_of_every_type(
    tmp_path: Path, labels: Any, numbers: list[int], names: tuple[str, ...] | None
) -> None:
    path = save(tmp_path / "d.parquet", table(image=CONTENT[:4], label=labels))
    dataset = import_dataset(path, tmp_path / "out")["train"]
    assert dataset.labels.tolist() == numbers
    assert dataset.class_names == names


def test_names_of_labels_have_a_fixed_order(tmp_path: Path) -> None:
    columns = {"y": [0, 1], "Fine_Label": [1, 0], "coarse_label": [0, 0], "img": CONTENT[:2]}
    path = save(tmp_path / "d.parquet", table(**columns))
    assert import_dataset(path, tmp_path / "out")["train"].labels.tolist() == [1, 0]


def test_columns_can_be_given(tmp_path: Path) -> None:
    columns = {"a": CONTENT[:2], "b": CONTENT[2:4], "kind": [1, 0], "label": [0, 0]}
    path = save(tmp_path / "d.parquet", table(**columns))
    datasets, notes = imported(path, tmp_path / "x", image_column="b", label_column="kind")
    np.testing.assert_array_equal(datasets["train"].images, PIXELS[2:4])
    assert datasets["train"].labels.tolist() == [1, 0]
    assert notes == ["images from column 'b', labels from column 'kind'; not read: a, label"]
    datasets, notes = imported(path, tmp_path / "y", image_column="b", with_labels=False)
    assert datasets["train"].labels is None
    assert notes == ["images from column 'b', without labels; not read: a, kind, label"]
    for option in ("image_column", "label_column"):
        name = f"--{option.replace('_', '-')} no"
        with pytest.raises(ValueError, match=f"{name}: .* has the columns a .binary., b"):
            import_dataset(path, tmp_path / "z", **{option: "no"})


def test_columns_are_of_parquet_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--label-column does not apply to digits"):
        import_dataset("digits", tmp_path / "out", label_column="y")


N_IDS = 50


@pytest.mark.parametrize(
    "ids", [np.arange(N_IDS) * 3, np.arange(N_IDS), [f"image {i}" for i in range(N_IDS)]]
)
def test_identifiers_are_no_labels(tmp_path: Path, ids: Any) -> None:
    path = save(tmp_path / "d.parquet", table(image=CONTENT[:N_IDS], label=ids))
    with pytest.raises(ValueError, match="50 different values in 50 rows, as identifiers do"):
        import_dataset(path, tmp_path / "out")
    given = import_dataset(path, tmp_path / "out", label_column="label")["train"]
    assert given.n_classes == N_IDS


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0, 1], [1]], r"'label' holds list<.*>, but class labels are integers, strings"),
        ([0.5, 1.0], r"row 0: column 'label' holds 0\.5, but class labels are integers"),
        ([1.0, float("nan")], "row 1: column 'label' holds no label"),
        (["cat", None], "row 1: column 'label' holds no label"),
    ],
)
def test_labels_that_are_no_classes(tmp_path: Path, labels: Any, message: str) -> None:
    path = save(tmp_path / "d.parquet", table(image=CONTENT[:2], label=labels))
    with pytest.raises(ValueError, match=message):
        import_dataset(path, tmp_path / "out")


def test_classes_of_other_splits_are_those_of_training(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train.parquet", table(image=CONTENT[:3], label=["b", "a", "c"]))
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=["c", "c"]))
    assert import_dataset(tmp_path / "in", tmp_path / "out")["test"].labels.tolist() == [2, 2]
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=["c", "z"]))
    with pytest.raises(ValueError, match=r"test\.parquet, row 1: .* 'z', which no training label"):
        import_dataset(tmp_path / "in", tmp_path / "other")


def test_class_names_of_the_schemas_agree(tmp_path: Path) -> None:
    for split, names in (("train", ["a", "b"]), ("test", ["b", "a"])):
        features = {"label": {"_type": "ClassLabel", "names": names}}
        content = table(features, image=CONTENT[:2], label=[0, 1])
        save(tmp_path / "in" / f"{split}.parquet", content)
    with pytest.raises(ValueError, match="names b, a, but the training split has a, b"):
        import_dataset(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("labels", [[-1, -1], pa.array([None, None], pa.int64()), None])
def test_test_data_may_have_no_labels(tmp_path: Path, labels: Any) -> None:
    save(tmp_path / "in" / "train.parquet", table(image=CONTENT[:2], label=[0, 1]))
    columns = {} if labels is None else {"label": labels}
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], **columns))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert datasets["train"].labels.tolist() == [0, 1]
    assert datasets["test"].labels is None
    assert any(note.startswith("test: no") and "no labels" in note for note in notes)


def test_a_number_that_only_test_data_have_is_a_class(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train.parquet", table(image=CONTENT[:3], label=[0, 2, 0]))
    save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=[1, 2]))
    datasets = import_dataset(tmp_path / "in", tmp_path / "out")
    assert datasets["train"].labels.tolist() == [0, 2, 0]
    assert datasets["test"].labels.tolist() == [1, 2]
    assert datasets["test"].class_names is None
