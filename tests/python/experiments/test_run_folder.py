"""The folder of a run: seconds that no kill loses, settings that a failure does not fix."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from thinset.data import import_dataset
from thinset.duration import Duration
from thinset.experiments import run_folder
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.kinds import run
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.pages import write_page
from thinset.experiments.run_folder import RunFolder, read_settings, read_stages
from thinset.experiments.settings import (
    EncoderSettings,
    RunSettings,
    StudySettings,
    TrainingSettings,
)
from thinset.experiments.where import Where
from thinset.files.folder_lock import LOCK_FILE
from thinset.results import Arm, load_records
from thinset.training import TrainingDivergedError

SETTINGS = RunSettings(
    seeds=(0,),
    steps=Duration(4, "st"),
    encoder=EncoderSettings(length=Duration(3, "st"), batch_size=64),
    arm=Arm.parse("topk"),
    size=60,
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=1),
)
STAGES = {
    "import",
    "encoder training",
    "encoding",
    "selection (topk-k60)",
    "writing the subset (topk-k60)",
    "selection (random-k60-seed0)",
    "writing the subset (random-k60-seed0)",
}


def make(source, out, settings):
    return run.make(recipe_of("run"), settings, Where(str(source), out))


class Killed(BaseException):
    """Stands for a kill: nothing that catches errors catches it."""


@pytest.fixture
def killed_before_stages(monkeypatch):
    """Every first attempt to write the seconds of a stage to stages.json ends the process."""
    seen = set()
    real = RunFolder.add_stage_seconds

    def add(folder, name, seconds):
        if name not in seen:
            seen.add(name)
            raise Killed(name)
        real(folder, name, seconds)

    monkeypatch.setattr(RunFolder, "add_stage_seconds", add)
    return seen


def resumed_until_done(action):
    for _ in range(30):
        try:
            return action()
        except Killed:  # noqa: PERF203 - as often as it takes
            continue
    pytest.fail("it never ended")


def test_a_run_killed_after_every_stage_still_charges_each(tmp_path, killed_before_stages):
    resumed_until_done(lambda: make("digits", tmp_path / "run", SETTINGS))
    assert killed_before_stages == STAGES
    stages = read_stages(tmp_path / "run")
    assert set(stages) == STAGES
    assert min(stages.values()) > 0
    # What was made before the kill was not made again: reading it takes next to nothing.
    history = json.loads((tmp_path / "run/encoder/encoder.json").read_text())["history"]
    assert stages["encoder training"] == history["seconds"]
    description = json.loads((tmp_path / "run/embeddings/embeddings.json").read_text())
    assert stages["encoding"] == description["seconds"]
    (record,) = [
        record
        for record in load_records(tmp_path / "run" / "records")
        if (record.arm, record.comparison) == (SETTINGS.arm, "steps")
    ]
    assert record.preparation_seconds == {
        "encoder training": stages["encoder training"],
        "encoding": stages["encoding"],
        "selection": stages["selection (topk-k60)"],
        "writing the subset": stages["writing the subset (topk-k60)"],
    }


@pytest.fixture(scope="module")
def folder_of_images(tmp_path_factory):
    """A class folder of 120 small PNG images, which can be decoded in the loop."""
    image = pytest.importorskip("PIL.Image")
    root = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for split, n_images in (("train", 30), ("test", 10)):
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            for number in range(n_images):
                pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                image.fromarray(pixels).save(root / split / name / f"{number}.png")
    return root


def test_a_comparison_killed_after_every_stage_still_charges_each(
    tmp_path, folder_of_images, killed_before_stages
):
    settings = StudySettings(
        arms=tuple(map(Arm.parse, ("full", "random", "kmeans", "full:dedup=0.01"))),
        seeds=(0,),
        sizes=(20,),
        totals=(Duration(2, "s"),),
        from_encoded=True,
        encoder=EncoderSettings(kind="pca", n_components=4),
        training=TrainingSettings(batch_size=16, evaluations=1, width=0.25),
    )
    where = Where(str(folder_of_images), tmp_path / "study")
    records = resumed_until_done(lambda: Study(where, settings).train())
    assert {"decoding everything", "principal components"} <= killed_before_stages
    seconds = {str(record.arm): record.preparation_seconds for record in records}
    assert set(seconds["kmeans"]) == {
        "decoding everything", "principal components", "selection", "writing the subset",
    }  # fmt: skip
    assert set(seconds["full:dedup=0.01"]) == {
        "decoding everything", "principal components", "leaving out near-duplicates",
    }  # fmt: skip
    assert set(seconds["random"]) == {"selection", "writing the subset"}
    assert min(seconds["kmeans"].values()) > 0


def test_a_split_killed_before_its_seconds_is_kept_with_them(tmp_path, killed_before_stages):
    digits = import_dataset("digits", tmp_path / "digits")
    settings = dataclasses.replace(SETTINGS, encoder=EncoderSettings(kind="pca", n_components=4))
    resumed_until_done(lambda: make(str(digits["train"].path), tmp_path / "run", settings))
    assert "splitting" in killed_before_stages
    assert read_stages(tmp_path / "run")["splitting"] > 0


def test_a_kill_between_the_seconds_and_the_result_leaves_no_result(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    result = folder.path / "thing"
    with pytest.raises(Killed), folder.making(result, "stage") as partial:
        partial.mkdir()
        (partial / "half").write_text("x")
        raise Killed
    assert not result.exists()
    assert not folder.is_made(result, "stage")
    assert sorted(path.name for path in folder.path.iterdir()) == [LOCK_FILE, "settings.json"]


def test_leftovers_of_a_kill_are_removed_by_the_next_attempt(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    (folder.path / ".thing.making" / "thing").mkdir(parents=True)
    with folder.making(folder.path / "thing", "stage") as partial:
        partial.write_text("whole")
    assert (folder.path / "thing").read_text() == "whole"
    assert not (folder.path / ".thing.making").exists()


def test_a_result_without_known_seconds_is_made_again(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    with folder.making(folder.path / "thing", "stage") as partial:
        partial.write_text("whole")
    (folder.path / "stages.json").unlink()
    assert folder.is_made(folder.path / "thing", "stage")
    assert folder.stage_seconds["stage"] >= 0
    (folder.path / "stages.json").unlink()
    (folder.path / "thing.seconds.json").unlink()
    assert not folder.is_made(folder.path / "thing", "stage")


def failed_run(folder, settings, message):
    with pytest.raises((ValueError, OSError), match=message):
        make("digits", folder, settings)


def test_a_failed_run_does_not_block_its_folder(tmp_path):
    """Each failure comes later than the one before; the last call is free to change all of it."""
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        make("nowhere", tmp_path / "run", SETTINGS)
    too_many = dataclasses.replace(SETTINGS, arm=Arm.parse("topk:dedup=0.9"), size=1400)
    failed_run(tmp_path / "run", too_many, "deduplication leaves")
    no_model = dataclasses.replace(SETTINGS.training, model="json:nothing")
    failed_run(tmp_path / "run", dataclasses.replace(SETTINGS, training=no_model), "no callable")
    diverging = dataclasses.replace(SETTINGS.training, learning_rate=1e30)
    with pytest.raises(TrainingDivergedError):
        make("digits", tmp_path / "run", dataclasses.replace(SETTINGS, training=diverging))
    assert make("digits", tmp_path / "run", SETTINGS).exists()


def test_what_was_made_keeps_the_settings_that_it_depends_on(tmp_path):
    too_many = dataclasses.replace(SETTINGS, arm=Arm.parse("topk:dedup=0.9"), size=1400)
    failed_run(tmp_path / "run", too_many, "deduplication leaves")
    made = (tmp_path / "run" / "embeddings" / "embeddings.npy").read_bytes()
    other = dataclasses.replace(SETTINGS, encoder=dataclasses.replace(SETTINGS.encoder, seed=5))
    with pytest.raises(ValueError, match=r"settings\.encoder\.seed is 0 there and 5 here"):
        make("digits", tmp_path / "run", other)
    assert (tmp_path / "run" / "embeddings" / "embeddings.npy").read_bytes() == made


def test_a_first_write_that_was_killed_does_not_block_the_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".settings.json.abc.partial").write_text("{")
    assert RunFolder(tmp_path / "run", {"a": 1}).path == tmp_path / "run"


def test_a_folder_is_locked_while_its_run_exists(tmp_path):
    folder = RunFolder(tmp_path / "run", {"a": 1})
    program = (
        "import sys; from pathlib import Path; "
        "from thinset.experiments.run_folder import RunFolder; "
        "RunFolder(Path(sys.argv[1]), {'a': 2})"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    before = (folder.path / "settings.json").read_bytes()
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"is in use by another thinset process (pid {os.getpid()})" in second.stderr
    assert (folder.path / "settings.json").read_bytes() == before
    del folder
    assert os.listdir(tmp_path / "run") == ["settings.json"]
    subprocess.run(command, check=True)


def test_no_lock_is_left_in_a_folder_of_something_else(tmp_path):
    (tmp_path / "photo.png").write_text("x")
    with pytest.raises(FileExistsError, match="is not the folder of a run"):
        RunFolder(tmp_path, {})
    assert os.listdir(tmp_path) == ["photo.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must hold a JSON object, got list"),
        ("3", "must hold a JSON object, got int"),
        (
            '{"source": 1, "device": "cpu", "settings": {}, "notes": {}}',
            "source must be a JSON str",
        ),
        ('{"source": "d", "device": "x", "settings": {}, "notes": {}}', "device must be auto, cpu"),
        (
            '{"source": "d", "device": "cpu", "settings": [], "notes": {}}',
            "settings must be a JSON",
        ),
        ('{"source": "d", "device": "cpu", "settings": {}, "notes": []}', "notes must be a JSON"),
        (
            '{"source": "d", "device": "cpu", "settings": {}, "notes": {"figure": 3}}',
            r"notes\.figure must be a JSON str",
        ),
        ('{"source": ' + "9" * 400 + "}", "digits"),
    ],
)
def test_settings_of_wrong_types_are_refused(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_settings(tmp_path)
    assert "settings.json" in str(error.value)


@pytest.mark.parametrize("text", ['{"encoding": "x"}', '{"encoding": -1}', "[1]", '{"a": true}'])
def test_seconds_of_wrong_types_are_refused(tmp_path, text):
    (tmp_path / "stages.json").write_text(text)
    with pytest.raises(ValueError, match=r"stages\.json"):
        read_stages(tmp_path)


def test_every_json_file_of_a_run_states_its_digest(tmp_path):
    folder = RunFolder(tmp_path / "run", {"a": (1, 2)}, notes={"command": "x"})
    folder.add_stage_seconds("stage", 1.5)
    folder.leave_out("one", "diverged")
    for name in ("settings.json", "stages.json", "left_out.json"):
        path = folder.path / name
        assert "sha256" in json.loads(path.read_text())
        path.write_text(path.read_text().replace("1", "7").replace("diverged", "digested"))
    with pytest.raises(ValueError, match="has changed since it was written"):
        RunFolder(tmp_path / "run", {"a": (1, 2)})
    with pytest.raises(ValueError, match="has changed since it was written"):
        _ = folder.stage_seconds
    with pytest.raises(ValueError, match="has changed since it was written"):
        _ = folder.left_out


def test_folders_of_earlier_versions_are_resumed(tmp_path):
    """Their files state no digests, and no result has a file with its seconds."""
    folder = tmp_path / "run"
    make("digits", folder, SETTINGS)
    for path in folder.rglob("*.json"):
        if path.name.endswith(run_folder.SECONDS_SUFFIX):
            path.unlink()
            continue
        content = json.loads(path.read_text())
        content.pop("sha256", None)
        if path.name == "embeddings.json":
            del content["seconds"], content["matrix_sha256"]
        if path.name == "settings.json":
            content.pop("image_size", None)
        path.write_text(json.dumps(content))
    before = {path: os.stat(path).st_mtime_ns for path in folder.rglob("*.npy")}
    records = {path: path.read_bytes() for path in (folder / "records").iterdir()}
    make("digits", folder, SETTINGS)
    assert {path: os.stat(path).st_mtime_ns for path in folder.rglob("*.npy")} == before
    assert {path: path.read_bytes() for path in (folder / "records").iterdir()} == records


def test_another_image_size_is_taken_while_the_folder_holds_only_imported_data(tmp_path):
    out = tmp_path / "run"
    first = RunFolder(out, {"source": "x", "image_size": [10, 10]})
    with first.making(first.data, "import") as partial:
        partial.mkdir(parents=True)
        (partial / "images.npy").write_bytes(b"x")
    del first
    second = RunFolder(out, {"source": "x", "image_size": [12, 12]})
    assert not second.is_made(second.data, "import")
    assert "import" not in second.stage_seconds
    (out / "embeddings").mkdir()
    (out / "embeddings" / "embeddings.npy").write_bytes(b"x")
    del second
    with pytest.raises(ValueError, match="other settings: image_size is"):
        RunFolder(out, {"source": "x", "image_size": [8, 8]})


@pytest.mark.parametrize(
    ("settings", "command", "results"),
    [
        ({"source": "d", "device": "cpu", "set": "s", "settings": {}}, "distill evaluate", "audit"),
        (
            {"source": "d", "device": "cpu", "settings": {}, "images_per_class": 1, "length": None},
            "distill",
            "dataset",
        ),
        ({"data": "d", "test": "t", "subset": None, "device": "cpu"}, "train", "record.json"),
        ({"source": "d", "device": "cpu", "encoder": {}}, "embed", "embeddings"),
        (
            {"source": "d", "device": "cpu", "settings": {}, "length": "2st"},
            "augment train",
            "generator.safetensors",
        ),
    ],
)
def test_a_page_of_a_command_without_one_is_refused_by_its_name(
    tmp_path, settings, command, results
):
    RunFolder(tmp_path / "out", settings)
    with pytest.raises(
        ValueError, match=f"is the folder of `thinset {command}`, which has no"
    ) as e:
        write_page(tmp_path / "out")
    assert str(tmp_path / "out" / results) in str(e.value)


def _made(folder, *names):
    for name in names:
        with folder.making(folder.path / name, f"making {name}") as partial:
            partial.write_text("x")


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({"validation": 0.1}, {"data", "split", "set"}),
        ({"validation": None}, {"data", "split", "set"}),
        ({"hold_out": 0.3}, {"data", "set"}),
        ({"read": {"channels": "last"}}, {"data", "split", "parts"}),
        ({"encoder": {"kind": "autoencoder"}}, {"data", "split", "parts", "set"}),
        ({"settings": {"learning_rate": 2}}, {"data", "split", "parts", "set"}),
        ({"validation": 0.1, "image_size": [4, 4]}, set()),
        ({"validation": 0.1, "learning_rate": 2}, {"data", "split", "set"}),
    ],
)
def test_wrong_settings_do_not_block_a_folder_with_imported_data(tmp_path, changed, kept):
    settings = {
        "source": "x", "encoder": None, "hold_out": 0.2, "validation": 5000, "read": {},
        "settings": {"learning_rate": 1},
    }  # fmt: skip
    first = RunFolder(tmp_path / "run", settings)
    _made(first, "data", "split", "parts", "set")
    first.require_unchanged("the set", "one")
    del first
    second = RunFolder(tmp_path / "run", {**settings, **changed})
    names = {"data", "split", "parts", "set"}
    assert {name for name in names if (second.path / name).exists()} == kept
    # The time of what is gone is not charged.
    assert set(second.stage_seconds) == {f"making {name}" for name in kept}
    if kept != names:
        second.require_unchanged("the set", "another")


def test_a_folder_whose_source_differs_is_refused(tmp_path):
    first = RunFolder(tmp_path / "run", {"source": "x", "validation": 5})
    _made(first, "data")
    del first
    with pytest.raises(ValueError, match="other settings: source is 'x' there"):
        RunFolder(tmp_path / "run", {"source": "y", "validation": 7})
