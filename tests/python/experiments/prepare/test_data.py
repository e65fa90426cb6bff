"""How the data of a run are opened: imported, checked and resized before anything is trained."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from thinset.command_line import main
from thinset.data import DatasetWriter, hold_out, import_dataset, nested_subsets, verify_dataset
from thinset.experiments.prepare.data import (
    Splits,
    open_training_data,
    prepare_data,
    prepare_encoded,
    prepare_parts,
)
from thinset.experiments.prepare.embeddings import prepare_embeddings
from thinset.experiments.run_folder import RunFolder
from thinset.experiments.settings import EncoderSettings

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def folder_of(path):
    return RunFolder(path, {"source": "s", "device": "cpu", "settings": {}})


def prepared(source, tmp_path, **options):
    folder = folder_of(tmp_path / "run")
    return prepare_data(str(source), folder, hold_out_share=0.25, show_progress=True, **options)


def save_pair(folder, images, labels):
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)
    if labels is not None:
        np.save(folder / "labels.npy", labels)


@pytest.fixture
def photos(tmp_path):
    """Images of three sizes in train, val and test."""
    rng = np.random.default_rng(0)
    for split, number in (("train", 12), ("val", 2), ("test", 4)):
        for index in range(number):
            path = tmp_path / "photos" / split / "ab"[index % 2] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (20 + index % 3, 30, 3), np.uint8)
            Image.fromarray(pixels).save(path)
    return tmp_path / "photos"


GREY = np.zeros((40, 8, 8, 1), np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (GREY, np.arange(40) % 5, "has the label 2 in row 2, but the training data have classes"),
        (GREY, None, r"has no labels(, which measuring accuracy needs|\.npy, but)"),
        (
            GREY.repeat(3, -1),
            np.arange(40) % 2,
            "8 x 8 x 3 .* but the training images are 8 x 8 x 1",
        ),
        (np.zeros((40, 10, 10, 1), np.uint8), np.arange(40) % 2, "10 x 10 x 1"),
    ],
)
@pytest.mark.parametrize("are_written", [False, True])
def test_splits_that_disagree_are_found_first(tmp_path, images, labels, message, are_written):
    """Whether they are imported for the run or have been dataset folders before."""
    save_pair(tmp_path / "d" / "train", GREY, np.arange(40) % 2)
    save_pair(tmp_path / "d" / "test", images, labels)
    source = tmp_path / "d"
    if are_written:
        source = tmp_path / "written"
        source.mkdir()
        for split in ("train", "test"):
            import_dataset(tmp_path / "d" / split, tmp_path / split)
            (tmp_path / split / "train").rename(source / split)
    with pytest.raises(ValueError, match=message):
        prepared(source, tmp_path)


def test_mixed_sizes_have_a_default_and_a_note(photos, tmp_path, capsys):
    data = prepared(photos, tmp_path)
    assert data.train.image_shape == data.test.image_shape == (21, 30, 3)
    errors = capsys.readouterr().err
    assert "thinset: note: images have 3 sizes" in errors
    assert "--image-size HEIGHT WIDTH" in errors
    assert "thinset: note: the validation split is not used" in errors
    encoded = prepare_encoded(str(photos), data.train, folder_of(tmp_path / "run"), None)
    np.testing.assert_array_equal(encoded.images[:], data.train.images)


def test_the_size_can_be_given(photos, tmp_path):
    data = prepared(photos, tmp_path, image_size=(6, 7))
    assert data.train.image_shape == data.test.image_shape == (6, 7, 3)
    folder = folder_of(tmp_path / "run")
    encoded = prepare_encoded(str(photos), data.train, folder, None, (6, 7))
    np.testing.assert_array_equal(encoded.images[:], data.train.images)


def test_dataset_folders_can_be_resized(tmp_path):
    imported = import_dataset("digits", tmp_path / "digits")
    data = prepared(tmp_path / "digits", tmp_path, image_size=(4, 4))
    assert data.train.image_shape == data.test.image_shape == (4, 4, 1)
    assert data.train.class_names == imported["train"].class_names
    folder = folder_of(tmp_path / "alone")
    alone = open_training_data(
        str(tmp_path / "digits" / "train"), folder, (4, 4), show_progress=False
    )
    np.testing.assert_array_equal(alone.images, data.train.images)
    assert len(imported["train"].images[0]) == 8


def test_a_validation_split_is_used_on_request(photos, tmp_path, capsys):
    data = prepared(photos, tmp_path, uses_validation=True)
    assert data.validation is not None
    assert len(data.validation) == 2
    assert "validation split is not used" not in capsys.readouterr().err
    folder = folder_of(tmp_path / "run")
    again = prepare_parts(data, folder, validation=4, share=1.0, seed=0)
    assert again == data  # the split of the source stays
    assert not folder.parts.exists()
    fewer = prepare_parts(data, folder, validation=4, share=0.5, seed=0)
    assert len(fewer.train) == 6
    assert fewer.validation is data.validation


def test_a_validation_split_must_go_with_the_training_data(tmp_path):
    save_pair(tmp_path / "d" / "train", GREY, np.arange(40) % 2)
    save_pair(tmp_path / "d" / "test", GREY, np.arange(40) % 2)
    for split in ("train", "test"):
        import_dataset(tmp_path / "d" / split, tmp_path / split)
        (tmp_path / "w").mkdir(exist_ok=True)
        (tmp_path / split / "train").rename(tmp_path / "w" / split)
    save_pair(tmp_path / "d" / "validation", GREY, np.arange(40) % 5)
    import_dataset(tmp_path / "d" / "validation", tmp_path / "validation")
    (tmp_path / "validation" / "train").rename(tmp_path / "w" / "validation")
    with pytest.raises(ValueError, match="has the label 2 in row 2, but the training data have"):
        prepared(tmp_path / "w", tmp_path, uses_validation=True)


@pytest.fixture
def digits(tmp_path):
    return prepared("digits", tmp_path)


@pytest.mark.parametrize(("validation", "share"), [(300, 1.0), (0.25, 0.1), (None, 0.5)])
def test_parts_are_chosen_by_class_and_stored_as_indices(digits, tmp_path, validation, share):
    folder = folder_of(tmp_path / "run")
    data = prepare_parts(digits, folder, validation=validation, share=share, seed=3)
    labels = np.asarray(digits.train.labels)
    train = np.arange(len(labels))
    if validation is None:
        assert data.validation is None
    else:
        train, held_out = hold_out(labels, validation, 3)
        assert data.validation is not None
        np.testing.assert_array_equal(data.validation.array("indices"), held_out)
        np.testing.assert_array_equal(data.validation.images, digits.train.images[held_out])
    expected = train[nested_subsets(labels[train], [share], 3)[share]]
    np.testing.assert_array_equal(data.train.array("indices"), expected)
    np.testing.assert_array_equal(data.train.images, digits.train.images[expected])
    np.testing.assert_array_equal(data.train.labels, labels[expected])
    assert data.test is digits.test
    params = data.train.manifest.provenance.params
    assert (params["seed"], params["share"], params["validation"]) == (3, share, validation)
    # They are made once.
    before = (folder.parts / "train" / "images.npy").stat().st_mtime_ns
    again = prepare_parts(digits, folder, validation=validation, share=share, seed=3)
    assert (again.train.path / "images.npy").stat().st_mtime_ns == before
    verify_dataset(again.train.path)


def test_a_smaller_share_is_a_part_of_a_larger_one(digits, tmp_path):
    rows = []
    for share in (0.5, 0.1):
        folder = folder_of(tmp_path / f"run{share}")
        data = prepare_parts(digits, folder, validation=300, share=share, seed=0)
        rows.append(set(data.train.array("indices").tolist()))
    assert rows[1] < rows[0]


def test_without_a_choice_nothing_is_written(digits, tmp_path):
    folder = folder_of(tmp_path / "run")
    assert prepare_parts(digits, folder, validation=None, share=1.0, seed=0) is digits
    assert not folder.parts.exists()


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0] * 39 + [1], {"validation": 39}, "training data would have no sample of class 1"),
        (np.arange(40) % 2, {"validation": 40}, "a count of 40 of 40 rows leaves one side empty"),
        (np.arange(40) % 2, {"share": 0.01}, "rows is 0, fewer than the 2 needed"),
        (None, {"share": 0.5}, "has no labels, which choosing samples by class needs"),
    ],
)
def test_parts_that_cannot_be_chosen_are_refused(tmp_path, labels, options, message):
    save_pair(tmp_path / "d", GREY, None if labels is None else np.array(labels))
    train = import_dataset(tmp_path / "d", tmp_path / "data")["train"]
    folder = folder_of(tmp_path / "run")
    values = {"validation": None, "share": 1.0, "seed": 0, **options}
    with pytest.raises(ValueError, match=message):
        prepare_parts(Splits(train, train), folder, **values)
    assert not folder.parts.exists()


def test_encoded_images_must_be_all_that_is_trained_on(photos, tmp_path):
    data = prepared(photos, tmp_path)
    folder = folder_of(tmp_path / "run")
    part = prepare_parts(data, folder, validation=None, share=0.5, seed=0)
    with pytest.raises(ValueError, match="needs all 12 training images of .*, but only 6"):
        prepare_encoded(str(photos), part.train, folder, None)


def test_held_out_data_of_an_unknown_range_are_refused(tmp_path):
    """A dataset folder that another program wrote, with floating point in 0..255."""
    with pytest.raises(ValueError, match=r"row 0 has values in 200\.\.200, but training takes"):
        prepared(float_folder(tmp_path, 200.0), tmp_path)


def float_folder(tmp_path, value):
    from thinset.data import DatasetWriter

    with DatasetWriter(
        tmp_path / "floats",
        name="floats",
        image_shape=(4, 4, 1),
        image_dtype="float32",
        n_samples=40,
    ) as writer:
        writer.append(np.full((40, 4, 4, 1), value, np.float32), np.arange(40) % 2)
    return tmp_path / "floats"


def call(capsys, *words):
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_import_prints_what_it_read(photos, tmp_path, capsys):
    (photos / "train" / "notes.txt").write_text("")
    status, output, error = call(capsys, "data", "import", photos, "-o", tmp_path / "out")
    assert status == 0
    assert "train: 12 images of 21 x 30 x 3, 2 classes" in output
    assert "validation: 2 images of 21 x 30 x 3, 2 classes" in output
    assert "note: splits from folders: train as train, test as test, val as validation" in error
    assert "note: left out 1 file that is no image: train/notes.txt" in error


@pytest.mark.parametrize("option", ["--image-size", "--size"])
def test_import_takes_a_size_by_either_name(photos, tmp_path, capsys, option):
    out = tmp_path / "out"
    status, output, _ = call(capsys, "data", "import", photos, "-o", out, option, 5, 6)
    assert status == 0
    assert "train: 12 images of 5 x 6 x 3" in output


def test_embed_takes_a_size(photos, tmp_path, capsys):
    out = tmp_path / "out"
    status, _, _ = call(
        *(capsys, "embed", photos, "-o", out, "--encoder", "pca", "--n-components", 3),
        *("--image-size", 5, 6),
    )
    assert status == 0
    assert np.load(out / "embeddings" / "embeddings.npy").shape == (12, 3)
    assert json.loads((out / "settings.json").read_text())["image_size"] == [5, 6]
    status, _, error = call(capsys, "embed", photos, "-o", out, "--encoder", "pca")
    assert status == 3
    assert "other settings" in error


def test_a_run_keeps_its_size(photos, tmp_path, capsys):
    out = tmp_path / "out"
    words = ("run", photos, "-o", out, "--size", "smoke", "--image-size", 8, 8, "--steps", "2st")
    short = ("--n-seeds", 1, "--encoder-length", "2st", "--n-samples", "0.5", "--batch-size", 4)
    # One of the trainings lasts a second, which is enough steps to diverge at the usual rate.
    short += ("--learning-rate", 0.001)
    status, _, error = call(capsys, *words, *short)
    assert status == 0, error
    page = out / "report" / "index.html"
    page.unlink()
    status, _, error = call(capsys, "report", out)
    assert status == 0, error
    assert "--image-size 8 8" in re.sub(r"<[^>]*>", "", page.read_text())


@pytest.mark.parametrize(("shape", "n_components"), [((20, 8, 8, 1), 20), ((80, 3, 3, 1), 9)])
def test_there_are_no_more_components_than_samples_or_values(shape, n_components, tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    save_pair(tmp_path / "small", images, None)
    import_dataset(tmp_path / "small", tmp_path / "data")
    folder = folder_of(tmp_path / "run")
    data = open_training_data(str(tmp_path / "data"), folder, show_progress=False)
    embeddings = prepare_embeddings(
        data, folder, EncoderSettings(kind="pca"), device="cpu", show_progress=True
    )
    assert embeddings.shape == (shape[0], n_components)
    assert f"{n_components} principal components instead of 64" in capsys.readouterr().err


def test_soft_labels_alone_are_split_by_the_most_probable_class(tmp_path):
    values = np.full((40, 4), 0.1, np.float32)
    values[np.arange(40), np.arange(40) % 4] = 0.7
    with DatasetWriter(
        tmp_path / "soft", name="soft", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=40
    ) as writer:
        writer.append(GREY, soft_labels=values)
    data = prepared(tmp_path / "soft", tmp_path)
    for part, n_rows in ((data.train, 30), (data.test, 10)):
        assert part.labels is None
        counts = np.bincount(part.soft_labels.argmax(axis=1), minlength=4)
        assert counts.sum() == n_rows
        assert np.ptp(counts) <= 1
    folder = folder_of(tmp_path / "run")
    parts = prepare_parts(data, folder, validation=0.4, share=0.5, seed=0)
    assert np.bincount(parts.train.soft_labels.argmax(axis=1)).min() >= 2
    assert (len(parts.train), len(parts.validation)) == (9, 12)
