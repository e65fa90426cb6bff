"""`thinset distill evaluate`: its arguments, its table, and sets of other programs."""

from __future__ import annotations

import numpy as np
import pytest

from thinset.command_line import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    EXIT_IO_FAILURE,
    EXIT_USAGE,
    main,
)
from thinset.data import import_dataset
from thinset.experiments import audit as audit_module
from thinset.results.audit import THE_SET, Audit

SHORT = (
    "--length", "2ep", "--n-networks", "1", "--seeds", "0", "1", "--learning-rates", "0.05",
    "--baselines", "random", "--device", "cpu",
)  # fmt: skip


@pytest.fixture
def images(tmp_path, monkeypatch):
    """The first image of each of the digits, in the current folder beside all of them."""
    monkeypatch.chdir(tmp_path)
    train = import_dataset("digits", "digits")["train"]
    labels = np.asarray(train.labels)
    return train.images[[int(np.flatnonzero(labels == number)[0]) for number in range(10)]]


def evaluate(capsys, *arguments):
    status = main(["distill", "evaluate", "--data", "digits", "-o", "out", *SHORT, *arguments])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def test_a_distilled_dataset_is_evaluated_on_the_network_it_was_made_for(
    capsys, tmp_path, images, write_distilled
):
    params = {"settings": {"network": "cnn:3-4-max", "width": 1.0}}
    steps = (((0, 10), 0.2),) * 3
    write_distilled(tmp_path / "distilled", images, np.arange(10), steps=steps, params=params)
    status, output, error = evaluate(capsys, "distilled")
    assert status == 0, error
    assert output.startswith("distilled: 10 images, 652 bytes (images 640, step sizes 12)")
    for text in ("cnn:3-4-max:", "random images", "replay", "the parts", "out/audit.json"):
        assert text in output
    audit = Audit.load("out/audit.json")
    assert audit.networks == ("cnn:3-4-max",)
    assert audit.command.startswith("thinset distill evaluate distilled --data digits --out out")
    assert audit.settings["training"]["length"] == "2st"  # two epochs of ten images
    # Again: nothing is trained.
    assert evaluate(capsys, "distilled")[:2] == (0, output)
    assert main(["verify", "out"]) == 0


def test_the_folder_of_a_distillation_is_its_dataset(capsys, tmp_path, images, write_distilled):
    (tmp_path / "run").mkdir()
    write_distilled(tmp_path / "run" / "dataset", images, np.arange(10))
    status, output, error = evaluate(capsys, "run", "--networks", "small_networks:small")
    assert status == 0, error
    assert output.startswith("dataset: 10 images")


def test_images_of_another_program_are_evaluated(capsys, images):
    soft = (0.9 * np.eye(10) + 0.01).astype(np.float32)
    values = (np.moveaxis(images, 3, 1).astype(np.float32) / 255 - 0.3) / 0.4
    np.savez("theirs.npz", images=values, labels=soft)
    status, output, error = evaluate(
        capsys, "theirs.npz", "--mean", "0.3", "--deviation", "0.4", "--networks",
        "small_networks:small", "--teacher-length", "3st",
    )  # fmt: skip
    assert status == 0, error
    assert output.startswith("theirs: 10 images, 1,040 bytes (images 640, soft labels 400)")
    rows = Audit.load("out/audit.json").rows
    assert {row.labels for row in rows if row.name == THE_SET} == {"hard", "own"}


@pytest.mark.parametrize("form", ["files", "folder"])
def test_images_and_labels_in_two_files_are_evaluated(capsys, tmp_path, images, form):
    if form == "files":
        np.save("set.npy", images)
        np.save("classes.npy", np.arange(10))
        arguments = ("set.npy", "--labels", "classes.npy")
    else:
        (tmp_path / "set").mkdir()
        np.save("set/images.npy", images)
        np.save("set/labels.npy", np.arange(10))
        arguments = ("set",)
    status, output, error = evaluate(capsys, *arguments, "--networks", "small_networks:small")
    assert status == 0, error
    assert output.startswith("set: 10 images, 640 bytes (images 640)")


def test_mistakes_are_named(capsys, tmp_path, images, write_distilled):
    write_distilled(tmp_path / "distilled", images, np.arange(10))
    write_distilled(tmp_path / "split" / "train", images, np.arange(10))
    np.save("set.npy", images)
    for arguments, status, message in (
        (("nothing",), EXIT_IO_FAILURE, "nothing does not exist"),
        (("distilled", "--mean", "0.5"), EXIT_USAGE, "--mean does not apply: distilled is a"),
        (("set.npy", "--networks", "vgg"), EXIT_BAD_INPUT, "with --labels"),
        (("distilled", "-o", "digits/x"), EXIT_BAD_INPUT, "is inside its source digits"),
        (("split",), EXIT_BAD_INPUT, "split holds several datasets; give the one to evaluate"),
        (("distilled", "--seeds", "-1"), EXIT_BAD_INPUT, "--seeds must be a whole number"),
        (
            ("distilled", "--learning-rates", "0.1", "0.01"),
            EXIT_BAD_INPUT,
            "--learning-rates must be distinct and ascending",
        ),
        (
            ("set.npy", "--mean", "nan", "--deviation", "1"),
            EXIT_BAD_INPUT,
            ": --mean must be finite",
        ),
        (("set.npy", "--mean", "0.5"), EXIT_USAGE, "give --mean and --deviation, or neither"),
        (("distilled", "--networks"), EXIT_BAD_INPUT, "--networks must have at least"),
        (("distilled", "--networks", "x"), EXIT_BAD_INPUT, "--networks must be MODULE:FUNCTION"),
        (
            ("distilled", "--networks", "vgg", "--width", "-1"),
            EXIT_BAD_INPUT,
            "--width must be a number above 0",
        ),
    ):
        found, _, error = evaluate(capsys, *arguments)
        assert (found, message in error) == (status, True), error
        assert "Traceback" not in error


def test_sets_of_other_programs_that_do_not_fit_are_named_and_may_be_corrected(capsys, images):
    np.save("classes.npy", np.arange(10))
    arguments = ("set.npy", "--labels", "classes.npy", "--networks", "small_networks:small")
    for wrong, labels, message in (
        (images[:, :4], np.arange(10), "set.npy has images of 4 x 8 x 1 (height, width, channels)"),
        (images, np.arange(10) + 1, "classes.npy must hold classes from 0 to 9, those of the real"),
        (images, np.eye(11, dtype=np.float32)[:10], "classes.npy holds probabilities of 11 classe"),
    ):
        np.save("set.npy", wrong)
        np.save("classes.npy", labels)
        status, _, error = evaluate(capsys, *arguments)
        assert (status, message in error) == (EXIT_BAD_INPUT, True), error
    np.save("set.npy", images)
    np.save("classes.npy", np.arange(10))
    assert evaluate(capsys, *arguments)[0] == 0
    # The audit is of the earlier images.
    np.save("set.npy", 255 - images)
    status, _, error = evaluate(capsys, *arguments)
    assert (status, "set.npy has changed since out was begun" in error) == (EXIT_BAD_INPUT, True)


def test_an_interruption_says_how_to_go_on(capsys, tmp_path, images, write_distilled, monkeypatch):
    write_distilled(tmp_path / "distilled", images, np.arange(10))

    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(audit_module, "scores_of", interrupted)
        status, _, error = evaluate(capsys, "distilled", "--networks", "small_networks:small")
    assert status == EXIT_INTERRUPTED
    assert "the same command resumes from what is finished" in error
    assert evaluate(capsys, "distilled", "--networks", "small_networks:small")[0] == 0


def test_embeddings_that_no_baseline_uses_are_refused(capsys, tmp_path, images, write_distilled):
    write_distilled(tmp_path / "distilled", images, np.arange(10))
    np.save("embeddings.npy", np.zeros((1438, 2), np.float32))
    status, _, error = evaluate(capsys, "distilled", "--embeddings", "embeddings.npy")
    assert status == EXIT_USAGE
    assert "--embeddings does not apply to the baselines random; those that are" in error
    assert not (tmp_path / "out").exists()
