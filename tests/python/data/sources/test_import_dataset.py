from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from thinset.data import SOURCES, Dataset, import_dataset, open_dataset, verify_dataset
from thinset.files.json import write_json_with_digest

if TYPE_CHECKING:
    from pathlib import Path


def test_both_splits_appear_and_verify(tmp_path: Path) -> None:
    datasets = import_dataset("digits", tmp_path / "new" / "digits")
    for split, dataset in datasets.items():
        assert dataset.path == tmp_path / "new" / "digits" / split
        assert dataset.name == f"digits/{split}"
        verify_dataset(dataset.path)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["digits"]


def test_progress_is_shown_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_dataset("digits", tmp_path / "silent")
    assert capsys.readouterr().err == ""
    import_dataset("digits", tmp_path / "shown", show_progress=True)
    assert "digits/train: 1438/1438 samples" in capsys.readouterr().err


def test_a_dataset_folder_is_a_source(tmp_path: Path, dataset: Dataset) -> None:
    copy = import_dataset(dataset.path, tmp_path / "copy")["train"]
    assert copy.fingerprint == dataset.fingerprint


def test_the_kind_can_be_given(tmp_path: Path, dataset: Dataset) -> None:
    assert len(import_dataset(dataset.path, tmp_path / "copy", kind="npy")["train"]) == len(dataset)
    with pytest.raises(ValueError, match=r"kind must be one of .*'digits', 'cifar10'.*, got 'zip'"):
        import_dataset(dataset.path, tmp_path / "other", kind="zip")
    with pytest.raises(ValueError, match="has no training images under MNIST's file names"):
        import_dataset(dataset.path, tmp_path / "other", kind="mnist")


def test_what_nothing_recognises_is_refused_with_what_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "read.me").touch()
    for path, reason in (
        ("empty", "is an empty folder"),
        ("text", "is none of the known kinds"),
    ):
        with pytest.raises(ValueError, match=reason) as error:
            import_dataset(tmp_path / path, tmp_path / "out")
        for name, source in SOURCES.items():
            assert f"{name}: {source.summary}" in str(error.value)


def test_an_array_alone_is_told_where_it_belongs(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"images.npy and labels.npy\..*`thinset select`.*--embed"):
        import_dataset(tmp_path / "X.npy", tmp_path / "out")


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere does not exist; name a .* "digits"'):
        import_dataset(tmp_path / "nowhere", tmp_path / "out")


def test_the_source_is_never_replaced(tmp_path: Path, dataset: Dataset) -> None:
    for out in (dataset.path, tmp_path):
        with pytest.raises(ValueError, match="would replace its own source"):
            import_dataset(dataset.path, out, overwrite=True)
    verify_dataset(dataset.path)


def test_an_old_output_stays_until_the_new_one_is_whole(tmp_path: Path, dataset: Dataset) -> None:
    out = tmp_path / "out"
    import_dataset(dataset.path, out)
    with pytest.raises(FileExistsError, match="already exists"):
        import_dataset("digits", out)
    (dataset.path / "labels.npy").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"labels\.npy"):
        import_dataset(dataset.path, out, overwrite=True)
    assert len(open_dataset(out / "train")) == len(dataset)
    import_dataset("digits", out, overwrite=True)
    assert len(open_dataset(out / "train")) == 1438
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


@pytest.mark.parametrize(("module", "name"), [("PIL", "a/1.png"), ("pyarrow", "train.parquet")])
def test_a_missing_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    original = builtins.__import__

    def refuse(wanted: str, *args: Any, **kwargs: Any) -> Any:
        if wanted.split(".", maxsplit=1)[0] == module:
            raise ImportError(wanted)
        return original(wanted, *args, **kwargs)

    for loaded in [key for key in sys.modules if key.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'thinset\[parquet\]'"):
        import_dataset(tmp_path / "in", tmp_path / "out")


def test_sizes_apply_to_every_kind(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="needs Pillow")
    small = import_dataset("digits", tmp_path / "small", size=(4, 4))["test"]
    assert small.image_shape == (4, 4, 1)
    assert small.manifest.provenance.size == (4, 4)
    large = import_dataset("digits", tmp_path / "same", size=(8, 8))["test"]
    # Averages of 2x2 blocks, weighted a little by the bilinear filter's neighbours.
    blocks = large.images.reshape(-1, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    assert np.corrcoef(small.images.ravel(), blocks.ravel())[0, 1] > 0.97


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            (4, 5, 5, 3),
            r"test split has images of 5 x 5 x 3 .* training images are 4 x 5 x 3; .*--im",
        ),
        ((4, 4, 5, 1), r"images of 4 x 5 x 1 .* are 4 x 5 x 3; both need the same number of chan"),
    ],
)
def test_splits_of_other_shapes_are_refused(
    tmp_path: Path, test: tuple[int, ...], message: str
) -> None:
    for split, shape in (("train", (6, 4, 5, 3)), ("test", test)):
        (tmp_path / "in" / split).mkdir(parents=True)
        np.save(tmp_path / "in" / split / "images.npy", np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_beyond_the_training_classes_are_refused(tmp_path: Path) -> None:
    for split, n_classes in (("train", 2), ("test", 3)):
        (tmp_path / "in" / split).mkdir(parents=True)
        np.save(tmp_path / "in" / split / "images.npy", np.zeros((9, 4, 4), np.uint8))
        np.save(tmp_path / "in" / split / "labels.npy", np.arange(9) % n_classes)
    message = "test split has the label 2 in row 2, but the training data have classes 0 to 1 only"
    with pytest.raises(ValueError, match=message):
        import_dataset(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_can_be_left_out_of_every_kind(tmp_path: Path) -> None:
    dataset = import_dataset("digits", tmp_path / "out", with_labels=False)["test"]
    assert dataset.labels is None
    assert dataset.class_names is None


@pytest.mark.parametrize("has_dataset", [True, False])
def test_the_folder_of_a_command_is_not_read_as_images(
    tmp_path: Path, dataset: Dataset, has_dataset: bool
) -> None:
    run = tmp_path / "run"
    (run / "grids").mkdir(parents=True)
    Image.new("L", (8, 8)).save(run / "grids" / "0000002.png")
    write_json_with_digest(run / "settings.json", {"length": "2st", "notes": {}})
    if has_dataset:
        dataset.path.rename(run / "dataset")
    hint = "its dataset folder .*run/dataset" if has_dataset else "a dataset folder or other images"
    with pytest.raises(ValueError, match=f"run is the folder of a thinset command.*give {hint}$"):
        import_dataset(run, tmp_path / "out")
    # Images beside a file of this name from elsewhere are read.
    (run / "settings.json").write_text('{"width": 8}')
    if not has_dataset:
        assert len(import_dataset(run, tmp_path / "out", with_labels=False)["train"]) == 1
