"""Which folders are splits and which are classes, and what is passed over."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinset.data import import_dataset
from thinset.data.sources.image_folder_layout import find_layout

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def png(value: int = 0) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((6, 7, 3), value, np.uint8)).save(content, "PNG")
    return content.getvalue()


def save(root: Path, *names: str) -> Path:
    for value, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(value))
    return root


def imported(source: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    out = source.parent / "out"
    return import_dataset(source, out, note=notes.append, overwrite=True, **options), notes


def layout(*names: str) -> dict[str, list[int | None]]:
    found = find_layout("d", sorted(map(Path, names)))
    return {split: [label for _, label in files] for split, files in found.splits.items()}


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN", "training", "training_set"])
@pytest.mark.parametrize(
    ("other", "split"),
    [
        *(("test", "test"), ("Test", "test"), ("testing", "test"), ("test1", "test")),
        *(("val", "validation"), ("valid", "validation"), ("Validation", "validation")),
        ("dev", "validation"),
    ],
)
def test_spellings_of_splits(train: str, other: str, split: str) -> None:
    found = layout(f"{train}/a/1.png", f"{train}/b/1.png", f"{other}/b/1.png")
    assert found == {"train": [0, 1], split: [1]}


def test_a_class_may_be_named_after_a_split() -> None:
    assert layout("bus/1.png", "car/1.png", "train/1.png") == {"train": [0, 1, 2]}
    assert layout("test/1.png", "dev/2.png") == {"train": [0, 1]}
    assert layout("bullet train/1.png", "test tube/1.png") == {"train": [0, 1]}


def test_classes_may_have_folders_inside() -> None:
    assert layout("a/1.png", "a/x/2.png", "a/x/y/3.png", "b/z/4.png") == {"train": [0, 0, 0, 1]}


@pytest.mark.parametrize("wrapper", ["archive", "data/raw"])
def test_a_folder_around_everything_is_passed_through(wrapper: str) -> None:
    assert layout(f"{wrapper}/a/1.png", f"{wrapper}/b/1.png") == {"train": [0, 1]}
    names = [f"{wrapper}/{split}/{c}/1.png" for split in ("train", "test") for c in "ab"]
    assert layout(*names) == {"train": [0, 1], "test": [0, 1]}


def test_splits_may_be_unpacked_into_themselves() -> None:
    names = [f"{s}/{s}/{c}/1.png" for s in ("training_set", "test_set") for c in "ab"]
    assert layout(*names) == {"train": [0, 1], "test": [0, 1]}


def test_images_without_class_folders_have_no_labels() -> None:
    assert layout("1.png", "2.png") == {"train": [None, None]}
    assert layout("train/1.png", "test/2.png") == {"train": [None], "test": [None]}
    assert layout("train/a/1.png", "test/2.png") == {"train": [0], "test": [None]}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "d has no image files"),
        (["test/a/1.png", "val/a/1.png"], "no training split, only test, val"),
        (["train/a/1.png", "Train/a/1.png"], "Train and train are both named after the train"),
        (["val/a/1.png", "valid/a/1.png", "train/a/1.png"], "val and valid are both named after"),
        (["train/a/1.png", "extra/a/1.png"], "extra, train may be splits or classes"),
        (["train/a/1.png", "docs/1.png"], r"move everything else \(docs\) elsewhere"),
        (["seg_train/a/1.png", "seg_test/a/1.png"], "seg_test, seg_train may be splits or classes"),
        (["train/a/1.png", "test/A/1.png"], "test split: A is a class that the training split"),
    ],
)
def test_folders_that_may_mean_several_things(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layout(*names)


def test_class_names_are_compared_in_one_normal_form() -> None:
    assert layout("train/caf\u00e9/1.png", "test/cafe\u0301/1.png") == {"train": [0], "test": [0]}
    with pytest.raises(ValueError, match="several class folders named caf\u00e9"):
        layout("caf\u00e9/1.png", "cafe\u0301/1.png")


def test_everything_passed_over_is_named(tmp_path: Path) -> None:
    root = save(
        tmp_path / "in",
        "cat/1.png",
        "cat/2.JPG",
        "dog/3.png",
        "cat/.ipynb_checkpoints/1-checkpoint.png",
        "cat/._1.png",
        "__MACOSX/cat/1.png",
        "loose.png",
    )
    for name in ("cat/Thumbs.db", "desktop.ini", ".DS_Store", "dog/notes.txt", "labels.csv"):
        (root / name).write_bytes(b"text")
    (root / "empty" / "inside").mkdir(parents=True)
    os.mkfifo(root / "cat" / "pipe.png")
    datasets, notes = imported(root)
    assert datasets["train"].labels.tolist() == [0, 0, 1]
    assert datasets["train"].class_names == ("cat", "dog")
    hidden = ".DS_Store, __MACOSX, cat/._1.png"
    assert notes == [
        "left out 1 image outside of class folders: loose.png",
        "2 classes from folders: cat, dog",
        f"left out 6 hidden or system files and folders: {hidden} and 3 more",
        "left out 1 entry that is no regular file: cat/pipe.png",
        "left out 2 files that are no images: dog/notes.txt, labels.csv",
        "left out 1 folder without images: empty",
    ]


def test_a_class_missing_in_another_split_keeps_its_number(tmp_path: Path) -> None:
    root = save(tmp_path / "in", "train/a/1.png", "train/b/1.png", "train/c/1.png", "val/c/1.png")
    (root / "val" / "a").mkdir()
    datasets, notes = imported(root)
    assert datasets["validation"].labels.tolist() == [2]
    assert datasets["validation"].class_names == ("a", "b", "c")
    assert "validation: no images of 2 classes: a, b" in notes
    assert "splits from folders: train as train, val as validation" in notes


def test_links_are_followed(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere", "1.png", "deeper/2.png")
    root = save(tmp_path / "in", "cat/1.png", "dog/1.png")
    (root / "dog" / "more").symlink_to(tmp_path / "elsewhere")
    (root / "eel").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "2.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    (root / "cat" / "round").symlink_to(root)
    datasets, notes = imported(root)
    assert datasets["train"].labels.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert "left out 1 link that leads round in a circle: cat/round" in notes


def test_many_links_to_each_other_end(tmp_path: Path) -> None:
    root = save(tmp_path / "in", *(f"{number}/1.png" for number in range(6)))
    for here in range(6):
        for there in range(6):
            (root / str(here) / f"to {there}").symlink_to(root / str(there))
    datasets, _ = imported(root)
    assert len(datasets["train"]) == 6 * (1 + 5 + 5 * 4 + 5 * 4 * 3 + 5 * 4 * 3 * 2)


def test_links_to_nothing_are_refused_or_left_out(tmp_path: Path) -> None:
    root = save(tmp_path / "in", "cat/1.png", "dog/1.png")
    for name in ("dog/annexed.png", "cat/away"):
        (root / name).symlink_to("gone")
    (root / "dog" / "itself.png").symlink_to("itself.png")
    message = (
        r"has 3 links to nothing \(cat/away, dog/annexed\.png, dog/itself\.png\): fetch the "
        "missing files, or .*--skip-unreadable"
    )
    with pytest.raises(ValueError, match=message):
        imported(root)
    datasets, notes = imported(root, skip_unreadable=True)
    assert datasets["train"].labels.tolist() == [0, 1]
    assert notes[-1] == ("left out 3 links to nothing: cat/away, dog/annexed.png, dog/itself.png")


def test_damaged_images_can_be_left_out(tmp_path: Path) -> None:
    root = save(tmp_path / "in", "cat/1.png", "dog/1.png", "dog/2.png", "dog/3.png")
    (root / "dog" / "2.png").write_bytes(png()[:-30])
    (root / "dog" / "3.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"dog/2\.png cannot be read as an 8-bit image"):
        imported(root)
    datasets, notes = imported(root, skip_unreadable=True)
    assert datasets["train"].labels.tolist() == [0, 1]
    assert f"train: left out 2 unreadable images: {root}/dog/2.png, {root}/dog/3.png" in notes


def test_names_without_a_suffix_are_read_by_their_content(tmp_path: Path) -> None:
    datasets, _ = imported(save(tmp_path / "in", "a/1.png", "a/photo", "b/2.1"))
    assert datasets["train"].labels.tolist() == [0, 0, 1]


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    root = save(tmp_path / "in", "a/1.png")
    odd = os.fsdecode(b"caf\xe9")
    save(root, f"{odd}/{odd}.png")
    datasets, _ = imported(root)
    assert datasets["train"].class_names == ("a", "caf\\xe9")


def test_pointers_of_git_lfs_are_named(tmp_path: Path) -> None:
    root = save(tmp_path / "in", "a/1.png")
    (root / "a" / "2.png").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")
    with pytest.raises(ValueError, match=r"a/2\.png .* it is a Git LFS pointer; fetch"):
        imported(root)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("form", ["link", "pipe"])
def test_a_split_that_is_no_folder_is_refused(tmp_path: Path, form: str, skip: bool) -> None:
    root = save(tmp_path / "in", "train/cat/1.png", "train/dog/1.png")
    if form == "link":
        (root / "test").symlink_to("gone")
    else:
        os.mkfifo(root / "test")
    with pytest.raises(ValueError, match="in/test is a (link to nothing|named pipe)"):
        imported(root, skip_unreadable=skip)


def test_splits_inside_of_class_folders_are_refused() -> None:
    message = "the folders test, train are splits inside of class folders such as cat; put the "
    names = [f"{name}/{split}/1.png" for name in ("cat", "dog") for split in ("train", "test")]
    with pytest.raises(ValueError, match=message):
        layout(*names)
    assert layout("cat/train/1.png", "cat/tram/1.png", "dog/1.png") == {"train": [0, 0, 1]}


@pytest.mark.parametrize("names", [["train/images/1.png", "test/images/1.png"], ["Images/1.png"]])
def test_a_class_that_is_named_images_is_refused(tmp_path: Path, names: list[str]) -> None:
    root = save(tmp_path / "in", *names)
    with pytest.raises(ValueError, match=r"one class folder only, [iI]mages, .*--no-labels"):
        imported(root)
    datasets, _ = imported(root, with_labels=False)
    assert len(datasets) == len(names)
    assert datasets["train"].labels is None
