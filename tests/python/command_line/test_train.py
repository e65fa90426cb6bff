"""`thinset train` on distilled datasets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from thinset.command_line import EXIT_BAD_INPUT, EXIT_USAGE, main
from thinset.data import import_dataset

STEPS = tuple(((0, 10), 0.3) for _ in range(30))
MADE_FOR = {
    "settings": {"network": "convnet", "width": 1.0},
    "mean": [0.3],
    "deviation": [0.4],
}


@pytest.fixture
def folders(tmp_path, monkeypatch, write_distilled):
    """The digits and two distilled datasets in the current folder."""
    monkeypatch.chdir(tmp_path)
    train = import_dataset("digits", "digits")["train"]
    labels = np.asarray(train.labels)
    rows = [int(np.flatnonzero(labels == number)[0]) for number in range(10)]
    images = train.images[rows].astype(np.float32) / 255
    write_distilled(tmp_path / "distilled", images, np.arange(10), steps=STEPS, params=MADE_FOR)
    write_distilled(tmp_path / "unknown", images, np.arange(10), steps=STEPS)


def train(capsys, *arguments):
    status = main(["train", *arguments, "--test", "digits/test", "--device", "cpu"])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def phases(folder):
    with open(f"{folder}/record.json", encoding="utf-8") as file:
        record = json.load(file)
    return record, [(phase["name"], phase["dataset"], phase["steps"]) for phase in record["phases"]]


@pytest.mark.usefixtures("folders")
def test_a_distilled_dataset_is_replayed_on_the_network_it_was_made_for(capsys):
    status, output, error = train(capsys, "distilled", "-o", "out")
    assert status == 0, error
    assert "after 30 steps, 30 of them stored" in output
    record, found = phases("out")
    assert found == [("replay", "subset", 30)]
    assert record["arm"] == "data:distilled"
    assert record["settings"]["model"] == "convnet"
    assert record["total"] == "30st"
    assert record["final"]["accuracy"]["value"] > 40
    assert "warning" not in error
    # Again, it prints what is there.
    assert train(capsys, "distilled", "-o", "out")[:2] == (0, output)


@pytest.mark.usefixtures("folders")
def test_a_distilled_subset_is_replayed_before_fine_tuning(capsys):
    status, output, error = train(
        capsys, "digits/train", "--subset", "distilled", "--total", "40st", "-o", "out",
        "--evaluations", "2",
    )  # fmt: skip
    assert status == 0, error
    assert "after 40 steps, 30 of them stored" in output
    assert phases("out")[1] == [("replay", "subset", 30), ("fine-tuning", "full", 10)]


@pytest.mark.usefixtures("folders")
def test_ordinary_training_says_that_step_sizes_are_not_used(capsys, monkeypatch):
    monkeypatch.setattr("warnings.filters", [])  # as outside of tests, where they are no errors
    status, _, error = train(
        capsys, "distilled", "--ordinary", "--total", "5st", "-o", "out", "--evaluations", "2"
    )
    assert status == 0, error
    assert error.count("the stored step sizes of distilled are not used") == 1
    assert phases("out")[1] == [("fine-tuning", "full", 5)]


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("distilled", "--total", "50st"), "--total does not apply: distilled is trained on by"),
        (("distilled", "--split", "0.5"), "--split needs --subset"),
        (
            ("digits/train", "--subset", "distilled", "--split", "0.5"),
            "--split does not apply: distilled is trained on by its 30 stored steps",
        ),
        (
            ("digits/train", "--subset", "distilled", "--total", "30st"),
            "longer than the 30 stored steps of distilled, which are 30st; got 30st",
        ),
        (("digits/train", "--ordinary"), "--ordinary is for distilled data: digits/train has"),
        (("unknown",), "unknown does not say which network it was distilled for: its manifest has"),
        (
            ("unknown", "--model", "paper"),
            "cannot be replayed on Classifier: its layer 'features.3' (BatchNorm2d)",
        ),
    ],
)
def test_mistakes_leave_no_folder(capsys, tmp_path, arguments, message):
    status, _, error = train(capsys, *arguments, "-o", "out")
    assert status == (EXIT_USAGE if message.endswith("needs --subset") else EXIT_BAD_INPUT)
    assert message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("folders")
def test_stored_steps_that_diverge_are_named(capsys, tmp_path, write_distilled, monkeypatch):
    images = np.random.default_rng(0).random((10, 8, 8, 1), np.float32)
    steps = (((0, 10), 1e30),) * 5
    monkeypatch.setattr("thinset.data.schedule.LARGEST_STEP_SIZE", 1e30)
    write_distilled(tmp_path / "wild", images, np.arange(10), steps=steps, params=MADE_FOR)
    status, _, error = train(capsys, "wild", "-o", "out")
    assert status == EXIT_BAD_INPUT
    assert "the stored steps do not suit this network, or are damaged" in error


@pytest.mark.usefixtures("folders")
def test_a_network_that_only_a_manifest_names_is_not_imported(capsys, tmp_path, write_distilled):
    for name in ("here_to_be_run", "given_to_be_run"):
        text = f"import pathlib; pathlib.Path('{name}.ran').touch(); make = None"
        (tmp_path / f"{name}.py").write_text(text)
    images = np.zeros((10, 8, 8, 1), np.float32)
    params = {**MADE_FOR, "settings": {"network": "here_to_be_run:make"}}
    write_distilled(tmp_path / "hostile", images, np.arange(10), steps=STEPS, params=params)
    for subset in (("hostile",), ("digits/train", "--subset", "hostile", "--total", "40st")):
        status, _, error = train(capsys, *subset, "-o", "out")
        assert status == EXIT_BAD_INPUT
        for text in (
            "hostile/manifest.json: provenance.params.settings.network is 'here_to_be_run:make'",
            "If you trust it, give --model here_to_be_run:make",
        ):
            assert text in error
    arguments = ["distill", "evaluate", "hostile", "--data", "digits", "-o", "out"]
    assert main(arguments) == EXIT_BAD_INPUT
    assert "give --networks here_to_be_run:make" in capsys.readouterr().err
    params = {**MADE_FOR, "settings": {"network": "cnn:"}}
    write_distilled(tmp_path / "newer", images, np.arange(10), steps=STEPS, params=params)
    assert "is 'cnn:', which this version" in train(capsys, "newer", "-o", "out")[2]
    assert not list(tmp_path.glob("*.ran"))
    assert not (tmp_path / "out").exists()
    # What the user names is imported.
    train(capsys, "hostile", "--model", "given_to_be_run:make", "-o", "out")
    assert [path.name for path in tmp_path.glob("*.ran")] == ["given_to_be_run.ran"]


@pytest.mark.usefixtures("folders")
def test_the_network_can_be_chosen(capsys):
    status, _, error = train(capsys, "unknown", "--model", "small_networks:small", "-o", "out")
    assert status == 0, error
    assert phases("out")[1] == [("replay", "subset", 30)]
