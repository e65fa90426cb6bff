"""Folders of training, validation and test data, with nested subsets."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.command_line import main
from thinset.data import (
    SelectedFrom,
    hold_out,
    import_dataset,
    nested_subsets,
    open_dataset,
    verify_dataset,
    write_subset,
)
from thinset.experiments.data_split import SHARES, share_name, split_dataset
from thinset.experiments.prepare.data import prepare_data
from thinset.experiments.run_folder import RunFolder
from thinset.selection import Selection


def save_pair(folder, labels, n_channels=1):
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, n_channels), np.uint8)
    np.save(folder / "images.npy", pixels)
    np.save(folder / "labels.npy", np.asarray(labels))


@pytest.fixture
def source(tmp_path):
    """A source of 400 training and 40 test images."""
    save_pair(tmp_path / "source" / "train", np.arange(400) % 4)
    save_pair(tmp_path / "source" / "test", np.arange(40) % 4)
    return tmp_path / "source"


@pytest.fixture
def imported(source, tmp_path):
    """The same as dataset folders."""
    datasets = {}
    (tmp_path / "imported").mkdir()
    for split in ("train", "test"):
        import_dataset(source / split, tmp_path / f"one-{split}")
        (tmp_path / f"one-{split}" / "train").rename(tmp_path / "imported" / split)
        datasets[split] = open_dataset(tmp_path / "imported" / split)
    return datasets


def call(capsys, *words):
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("are_written", [False, True])
def test_everything_is_written_from_any_source(source, imported, tmp_path, are_written) -> None:
    given = tmp_path / "imported" if are_written else source
    splits = split_dataset(given, tmp_path / "out", train=300, seed=3, shares=(1.0, 0.5, 0.1))
    assert {name: len(data) for name, data in splits.items()} == {
        "train": 300,
        "validation": 100,
        "test": 40,
    }
    whole = imported["train"]
    rows = hold_out(whole.labels, 100, 3)
    for name, expected in zip(("train", "validation"), rows, strict=True):
        np.testing.assert_array_equal(splits[name].array("indices"), expected)
        np.testing.assert_array_equal(splits[name].images, whole.images[expected])
        np.testing.assert_array_equal(splits[name].labels, whole.labels[expected])
        assert np.ptp(np.bincount(splits[name].labels)) == 0
        provenance = splits[name].manifest.provenance
        assert isinstance(provenance, SelectedFrom)
        assert provenance.method == "stratified split"
        assert provenance.params["seed"] == 3
        verify_dataset(tmp_path / "out" / name)
    np.testing.assert_array_equal(splits["test"].images, imported["test"].images)
    subsets = nested_subsets(splits["train"].labels, (1.0, 0.5, 0.1), 3)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*splits, "subsets"}
    assert {path.name for path in (tmp_path / "out" / "subsets").iterdir()} == {
        *("0.10.npz", "0.50.npz", "1.00.npz"),
    }
    for share, expected in subsets.items():
        selection = Selection.load(tmp_path / "out" / "subsets" / f"{share_name(share)}.npz")
        np.testing.assert_array_equal(selection.indices, expected)
        assert selection.n_total == 300
        assert selection.params["share"] == share


def test_subsets_can_be_written_and_the_folder_is_data_of_an_experiment(
    source, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    sizes = ("--train", "0.75", "--shares", 1.0, 0.5, 0.05)
    status, output, error = call(capsys, "data", "split", source, "-o", out, *sizes)
    assert status == 0, error
    assert "train: 300 images, 4 classes" in output
    assert "subsets: 3 selections" in output
    words = ("subset", out / "subsets" / "0.05.npz", out / "train", "-o", tmp_path / "small")
    status, output, error = call(capsys, *words)
    assert status == 0, error
    assert "15 samples" in output
    folder = RunFolder(tmp_path / "run", {"source": "s", "device": "cpu", "settings": {}})
    data = prepare_data(
        str(out), folder, hold_out_share=0.2, uses_validation=True, show_progress=False
    )
    assert (len(data.train), len(data.test), len(data.validation)) == (300, 40, 100)
    assert call(capsys, "verify", out)[0] == 0


def test_sizes_may_leave_samples_out(source, tmp_path) -> None:
    splits = split_dataset(source, tmp_path / "out", train=100, validation=0.1, shares=(1.0,))
    assert (len(splits["train"]), len(splits["validation"])) == (100, 40)
    rows = [set(splits[name].array("indices").tolist()) for name in ("train", "validation")]
    assert not rows[0] & rows[1]
    assert np.bincount(splits["train"].labels).tolist() == [25] * 4
    rest = split_dataset(source, tmp_path / "rest", validation=40, shares=(1.0,))
    assert len(rest["train"]) == 360


@pytest.mark.parametrize("suffix", [".npy", ".txt"])
def test_no_group_is_in_two_parts(source, tmp_path, capsys, suffix) -> None:
    groups = np.random.default_rng(1).integers(0, 40, 400)
    file = tmp_path / f"patients{suffix}"
    if suffix == ".npy":
        np.save(file, groups)
    else:
        file.write_text("".join(f"patient {group}\n" for group in groups), "utf-8")
    status, _, error = call(
        capsys, "data", "split", source, "-o", tmp_path / "out", "--validation", "0.25",
        "--train", "0.5", "--groups", file, "--shares", "0.5",
    )  # fmt: skip
    assert status == 0, error
    # Images are random, so each tells its row.
    images = np.load(source / "train" / "images.npy").reshape(400, -1)
    row_of = {image.tobytes(): row for row, image in enumerate(images)}
    rows = {}
    for part, size in (("train", 200), ("validation", 100)):
        written = np.asarray(open_dataset(tmp_path / "out" / part).images).reshape(-1, 64)
        rows[part] = [row_of[image.tobytes()] for image in written]
        assert abs(len(rows[part]) - size) <= 20
    assert not set(groups[rows["train"]]) & set(groups[rows["validation"]])


def test_groups_are_of_the_training_data_alone(source, tmp_path) -> None:
    with pytest.raises(ValueError, match="groups must have one entry per row: expected 400, got 9"):
        split_dataset(source, tmp_path / "out", validation=40, groups=np.arange(9))
    with pytest.raises(ValueError, match="so they need the size of the training or validation"):
        split_dataset(source, tmp_path / "out", groups=np.arange(400))
    (source / "test").rename(source / "validation")
    with pytest.raises(ValueError, match="has a validation split, which is copied; leave groups"):
        split_dataset(source, tmp_path / "out", groups=np.arange(400))


def test_without_sizes_nothing_is_held_out(imported, tmp_path) -> None:
    splits = split_dataset(tmp_path / "imported", tmp_path / "out", shares=(0.5,))
    assert splits.keys() == {"train", "test"}
    for name, data in splits.items():
        assert data.fingerprint == imported[name].fingerprint  # copied as it is


def test_a_validation_split_of_the_source_is_copied(source, tmp_path) -> None:
    save_pair(source / "val", np.arange(20) % 4)
    splits = split_dataset(source, tmp_path / "out", shares=(0.5,))
    assert {name: len(data) for name, data in splits.items()} == {
        "train": 400,
        "validation": 20,
        "test": 40,
    }
    with pytest.raises(ValueError, match="has a validation split, which is copied; do not give"):
        split_dataset(source, tmp_path / "again", train=100)


def test_the_default_shares_are_the_papers() -> None:
    names = [share_name(share) for share in SHARES]
    assert names[0] == "1.00"
    assert names[-4:] == ["0.10", "0.05", "0.02", "0.01"]
    assert share_name(0.125) == "0.125"


def test_overwrite_replaces_what_the_command_wrote_alone(source, tmp_path) -> None:
    out = tmp_path / "out"
    split_dataset(source, out, train=300, shares=(1.0, 0.5))
    with pytest.raises(FileExistsError, match="out"):
        split_dataset(source, out, train=200, shares=(0.5,))
    splits = split_dataset(source, out, train=200, shares=(0.5,), overwrite=True)
    assert len(splits["train"]) == 200
    assert [path.name for path in (out / "subsets").iterdir()] == ["0.50.npz"]
    for foreign in ("notes.txt", "subsets/notes.txt", "subsets/other.npz", "train/notes.txt"):
        (out / foreign).write_text("mine")
        with pytest.raises(FileExistsError, match=foreign):
            split_dataset(source, out, train=300, shares=(0.5,), overwrite=True)
        assert (out / foreign).read_text() == "mine"
        (out / foreign).unlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 401}, "size of the training data must be a count from 1 to 400.* got 401"),
        ({"train": 0}, "training data must be a count from 1 .* got 0"),
        ({"validation": 1.5}, "validation data must be .* a fraction between 0 and 1; got 1.5"),
        ({"train": 400}, "400 training samples of 400 leave none for validation"),
        ({"validation": 400}, "400 validation samples of 400 leave none for training"),
        ({"train": 300, "validation": 101}, "300 training and 101 validation samples are more"),
        ({"train": 300, "shares": (1.0, 1.1)}, r"shares must be above 0 and at most 1, got 1\.1"),
        ({"train": 300, "shares": (0.0,)}, r"shares must be above 0 and at most 1, got 0\.0"),
        ({"train": 300, "shares": (0.01,)}, "of 300 rows is 3, fewer than the 4 needed"),
        ({"train": 300, "shares": (0.5, 0.5)}, "shares must be distinct, got 0.5, 0.5"),
        ({"train": 2, "shares": (1.0,)}, "training data would have no sample of class 0"),
        ({"validation": 2}, "validation data would have no sample of class 2"),
    ],
)
def test_sizes_and_shares_are_checked(source, tmp_path, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        split_dataset(source, tmp_path / "out", **{"shares": (1.0,), **options})
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_classes_and_labels_are_checked(tmp_path) -> None:
    save_pair(tmp_path / "rare", [0] * 30 + [1] * 9 + [2])
    with pytest.raises(ValueError, match="class 2 has a single sample, but each class needs at"):
        split_dataset(tmp_path / "rare", tmp_path / "out", train=30, shares=(1.0,))
    save_pair(tmp_path / "alone", [0] * 10)
    (tmp_path / "alone" / "labels.npy").unlink()
    with pytest.raises(ValueError, match="has no labels, which splitting by class needs"):
        split_dataset(tmp_path / "alone", tmp_path / "out", train=5)


def test_the_source_is_not_written_over(imported, tmp_path) -> None:
    for out in ("imported", "imported/train", "."):
        with pytest.raises(ValueError, match=r"imported|overwrite|replace"):
            split_dataset(tmp_path / "imported", tmp_path / out, train=300, overwrite=True)
    assert write_subset([0], imported["train"], tmp_path / "one").images.shape == (1, 8, 8, 1)


def test_mistakes_on_the_command_line_are_named(source, tmp_path, capsys) -> None:
    words = ("data", "split", source, "-o", tmp_path / "out")
    status, _, error = call(capsys, *words, "--train", "many")
    assert status == 3
    assert "--train needs a count such as" in error
    status, _, error = call(capsys, *words, "--train", "500")
    assert status == 3
    assert "got 500" in error
    assert call(capsys, *words, "--shares", "x")[0] == 2
