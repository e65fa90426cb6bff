from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parquet_tables import (
    CONTENT,
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


def test_shards_of_another_kind_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train-0.parquet", table(a=CONTENT[:2], label=[0, 1]))
    save(tmp_path / "in" / "train-1.parquet", table(a=CONTENT[:2]))
    with pytest.raises(ValueError, match=r"train-1\.parquet lacks the columns \['label'\]"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_several_folders_are_refused(tmp_path: Path) -> None:
    for config in ("small", "large"):
        save(tmp_path / "in" / config / "train.parquet", table(a=CONTENT[:2]))
    with pytest.raises(ValueError, match="in several folders; give one of them"):
        import_dataset(tmp_path / "in", tmp_path / "out")


SPLIT_FILES = {
    "train_0 test_0": ("train_0.parquet", "test_0.parquet"),
    "mnist_train mnist_test": ("mnist_train.parquet", "mnist_test.parquet"),
    "train test": ("train.parquet", "test.parquet"),
    "converter": ("default/train/0000.parquet", "default/test/0000.parquet"),
    "folders": ("train/0000.parquet", "test/0000.parquet"),
    "upper case": ("Train/a.PARQUET", "TEST/a.PARQUET"),
    "hashes": (
        "data/train-00000-of-00001-b21bd2e3bd47bbc8.parquet",
        "data/test-00000-of-00001-9e6b5b4a3ef4ea3c.parquet",
    ),
    "spark": (
        "train/part-00000-1d3f9dfe-4a21-4b8a-8d7e-aabbccddeeff-c000.snappy.parquet",
        "test/part-00000-abcdefab-abcd-abcd-abcd-abcdefabcdef-c000.snappy.parquet",
    ),
}


@pytest.mark.parametrize("names", SPLIT_FILES.values(), ids=SPLIT_FILES)
def test_splits_are_found_in_names(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, rows in zip(names, (4, 2), strict=True):
        save(tmp_path / "in" / name, table(image=CONTENT[:rows], label=[0, 1] * (rows // 2)))
    datasets = import_dataset(tmp_path / "in", tmp_path / "out")
    assert {split: len(dataset) for split, dataset in datasets.items()} == {"train": 4, "test": 2}


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "dev"])
def test_validation_data_is_a_split_of_its_own(tmp_path: Path, name: str) -> None:
    for split, rows in (("train", 4), (name, 2)):
        save(tmp_path / "in" / f"{split}-0.parquet", table(image=CONTENT[:rows], label=[0] * rows))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert {s: len(dataset) for s, dataset in datasets.items()} == {"train": 4, "validation": 2}
    assert datasets["validation"].path == tmp_path / "out" / "validation"
    assert notes[:2] == ["train from train-0.parquet", f"validation from {name}-0.parquet"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train_val.parquet"], r"train_val\.parquet may be of the splits train, validation"),
        (["test/train.parquet"], r"test/train\.parquet may be of the splits train, test"),
        (["test.parquet", "more.parquet"], r"no training split: found test .* and more\.parquet"),
        (["cifar10_train.parquet", "cifar100_train.parquet"], "has 2 sets of files of the train"),
        (["train_small/0.parquet", "train_large/0.parquet"], "in several folders; give one of"),
        (["a/0.parquet", "b/0.parquet"], "in several folders; give one of them: a, b"),
    ],
)
def test_names_that_may_mean_several_things(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        save(tmp_path / "in" / name, table(image=CONTENT[:2], label=[0, 1]))
    if names == ["train_val.parquet"]:
        save(tmp_path / "in" / "test.parquet", table(image=CONTENT[:2], label=[0, 1]))
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_files_of_no_split_are_left_out_and_named(tmp_path: Path) -> None:
    for name in ("train", "test", "extra"):
        save(tmp_path / "in" / f"{name}.parquet", table(image=CONTENT[:2], label=[0, 1]))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert list(datasets) == ["train", "test"]
    assert "left out 1 file named after no split: extra.parquet" in notes


def test_files_without_any_split_are_training_data(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "in" / f"{number:04}.parquet", table(image=CONTENT[:2], label=[0, 1]))
    datasets, notes = imported(tmp_path / "in", tmp_path / "out")
    assert {split: len(dataset) for split, dataset in datasets.items()} == {"train": 6}
    assert notes[0].startswith("no file is named after a split: 0000.parquet, 0001.parquet")


@pytest.mark.parametrize("name", ["train-1.parquet", "test.parquet"])
def test_names_that_are_no_files_are_refused(tmp_path: Path, name: str, put_no_file) -> None:
    save(tmp_path / "in" / "train-0.parquet", table(image=CONTENT[:2], label=[0, 1]))
    path = tmp_path / "in" / name
    what = put_no_file(path)
    with pytest.raises(ValueError, match=f"{name} is {what}"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_folder_of_a_split_that_links_to_nothing_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train" / "0.parquet", table(image=CONTENT[:2], label=[0, 1]))
    (tmp_path / "in" / "test").symlink_to("gone")
    with pytest.raises(ValueError, match="in/test is a link to nothing"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_folder_may_be_named_as_one_file(tmp_path: Path) -> None:
    save(tmp_path / "in" / "train.parquet" / "part-0.parquet", table(image=CONTENT[:2]))
    assert len(import_dataset(tmp_path / "in", tmp_path / "out")["train"]) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train-00000-of-00003"], "in/train-00001-of-00003.parquet is missing: 1 of 3 shards"),
        (["train-00001-of-00002-b21bd2e3"], "in/train-00000-of-00002.parquet is missing"),
        (["train-1-of-3", "train-3-of-3"], "in/train-2-of-3.parquet is missing"),
        (["train", "test-00001-of-00002"], "in/test-00000-of-00002.parquet is missing"),
        (["00000-of-00002"], "in/00001-of-00002.parquet is missing"),
        (
            ["train-0-of-1", "train-0-of-2", "train-1-of-2"],
            "has shards train-. of 1 and of 2; move",
        ),
        (["train-1-of-1"], None),
        (["train-0-of-2-aa00bb11", "train-1-of-2-cc22dd33"], None),
    ],
)
def test_missing_shards_are_named(tmp_path: Path, names: list[str], message: str | None) -> None:
    for name in names:
        save(tmp_path / "in" / f"{name}.parquet", table(image=CONTENT[:2], label=[0, 1]))
    if message is None:
        assert len(import_dataset(tmp_path / "in", tmp_path / "out")["train"]) == 2 * len(names)
        return
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_a_shard_given_alone_is_read_with_a_note(tmp_path: Path) -> None:
    path = save(tmp_path / "train-00000-of-00003.parquet", table(image=CONTENT[:2], label=[0, 1]))
    datasets, notes = imported(path, tmp_path / "out")
    assert len(datasets["train"]) == 2
    assert notes[0] == f"{path.name} is one of 3 shards; it is read alone"
