"""thinset distill as a person calls it, on the embedded digits and small folders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from interrupted_commands import interrupt
from thinset.command_line import main
from thinset.command_line.distill import Command
from thinset.data import DatasetWriter, open_dataset
from thinset.distillation.methods import methods

DM = "--method dm --width 0.05 --batch-size 8 --length 4st --score-steps 2 --evaluations 2"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the dataset folder `data`: noise, 20 images of each of two classes."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    with DatasetWriter(
        "data", name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=40,
        class_names=("cat", "dog"),
    ) as writer:  # fmt: skip
        writer.append(random.integers(0, 256, (40, 8, 8, 1), np.uint8), np.arange(40) % 2)
    return tmp_path


def call(capsys, command):
    capsys.readouterr()
    status = main(command.split())
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_digits_are_distilled_once(here, capsys):
    command = f"distill digits -o out {DM} --images-per-class 2 --validation 0.1"
    status, output, error = call(capsys, command)
    assert status == 0, error
    assert "distilling by dm: 4/4 st" in error
    assert output.startswith("dm after 4 steps: loss ")
    assert output.endswith("\n20 images by dm: out/dataset\n")
    made = open_dataset("out/dataset")
    assert made.labels.tolist() == [*range(10)] * 2
    assert names_in(here / "out" / "grids") == ["0000002.png", "0000004.png"]
    lines = [json.loads(line) for line in (here / "out" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert all({"train_loss", "validation_accuracy"} <= line.keys() for line in lines)
    settings = json.loads((here / "out" / "settings.json").read_text())
    assert settings["settings"]["momentum"] == 0.5
    assert (settings["init"], settings["images_per_class"]) == ("real", 2)
    assert names_in(here / "out" / "checkpoints") == []
    # Again: nothing is learned.
    before = (here / "out" / "dataset" / "images.npy").stat().st_mtime_ns
    assert call(capsys, command)[1] == output
    assert (here / "out" / "dataset" / "images.npy").stat().st_mtime_ns == before
    status, _, error = call(capsys, f"{command} --momentum 0.4")
    assert (status, "momentum is 0.5 there and 0.4 here" in error) == (3, True)
    assert call(capsys, "verify out")[0] == 0


@pytest.mark.parametrize("init", ["noise", "real", "topk", "max_min", "kmeans"])
def test_images_start_from_what_was_asked_for(here, capsys, init):
    command = f"distill data -o out {DM} --init {init} --images-per-class 3 --learning-rate 1e-30"
    status, _, error = call(capsys, command)
    assert status == 0, error
    made, data = open_dataset("out/dataset"), open_dataset("data")
    assert made.manifest.provenance.params["init"] == init
    distances = np.abs(
        255 * np.asarray(made.images)[:, None] - np.asarray(data.images)[None].astype(float)
    ).max(axis=(2, 3, 4))
    if init == "noise":
        assert distances.min() > 10
        return
    rows = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 0.01
    np.testing.assert_array_equal(data.labels[rows], made.labels)
    assert len(set(rows)) == 6


def test_given_embeddings_decide_what_is_selected(here, capsys):
    embeddings = np.zeros((40, 3), np.float32)
    embeddings[[7, 30]] = 5
    np.save("e.npy", embeddings)
    command = f"distill data -o out {DM} --init topk --embeddings e.npy --learning-rate 1e-30"
    status, _, error = call(capsys, command)
    assert status == 0, error
    made, data = open_dataset("out/dataset"), open_dataset("data")
    assert made.labels.tolist() == [0, 1]
    np.testing.assert_allclose(255 * made.images[0], data.images[30], atol=0.01)
    np.testing.assert_allclose(255 * made.images[1], data.images[7], atol=0.01)
    np.save("short.npy", embeddings[:9])
    status, _, error = call(
        capsys, f"{command.replace('out', 'other').replace('e.npy', 'short.npy')}"
    )
    assert (status, "one row for each of 40 samples, got shape (9, 3)" in error) == (3, True)
    embeddings[5] = np.nan
    np.save("wrong.npy", embeddings)
    command = command.replace("out", "other").replace("e.npy", "wrong.npy")
    status, _, error = call(capsys, command)
    assert (status, "'wrong.npy': row 5 holds NaN or infinity" in error) == (3, True)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("--pretraining 2ep", 2, "--pretraining does not apply to --initial-weights random"),
        (
            "--initial-weights pretrained --pretraining foo",
            3,
            "--pretraining must be a length: a length is a number with a unit",
        ),
        ("--n-halvings 10000000", 3, "--n-halvings must be at most 1,000, got 10000000"),
        ("--n-networks 1000000000", 3, "--n-networks must be at most 10,000, got 1000000000"),
    ],
)
def test_options_of_unrolled_trainings_are_named(here, capsys, options, status, message):
    found, _, error = call(capsys, f"distill data -o out --method dd {options}")
    assert (found, message in error, names_in(here)) == (status, True, ["data"]), error


@pytest.mark.parametrize("method", ["dd", "dm", "gm --init kmeans"])
def test_an_image_that_is_not_finite_is_named(here, capsys, monkeypatch, method):
    monkeypatch.setattr("thinset.data.matching_splits._ROWS_LOOKED_AT", 20)  # every other one
    images = np.zeros((40, 8, 8, 1), np.float32)
    images[[1, 5], 2, 3] = np.nan
    with DatasetWriter(
        "floats", name="d", image_shape=(8, 8, 1), image_dtype="float32", n_samples=40,
        class_names=("cat", "dog"),
    ) as writer:  # fmt: skip
        writer.append(images, np.arange(40) % 2)
    status, _, error = call(capsys, f"distill floats -o out --length 2st --method {method}")
    message = "floats: image 1 holds nan in row 2, column 3, channel 0; remove the image"
    assert (status, message in error) == (3, True), error


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("--images-per-class 0", 3, "--images-per-class must be at least 1, got 0"),
        ("--images 0", 3, "--images must be at least 1, got 0"),
        ("--images 1", 3, "--images must be at least 2, one for each class, unless labels"),
        ("--images 4 --images-per-class 2", 2, "give --images-per-class or --images, not both"),
        ("--images-per-class 21", 3, "class 0 (cat) has 20 samples, but 21 images of it are to"),
        ("--images-per-class 21 --init kmeans", 3, "class 0 (cat) has 20 samples, but 21 images"),
        ("--n-inner 3", 2, "--n-inner does not apply to dm"),
        ("--n-epochs 3", 2, "--n-epochs does not apply to dm"),
        ("--learns-labels", 2, "unrecognized arguments: --learns-labels"),
        ("--no-such-option 3", 2, "unrecognized arguments: --no-such-option"),
        ("--init middle", 2, "--init must be one of"),
        ("--embeddings e.npy", 2, "--embeddings does not apply to --init real"),
        ("--encoder pca", 2, "--encoder does not apply to --init real"),
        ("--init topk --encoder-length 3st", 2, "--encoder-length does not apply to pca"),
        ("--init topk --embeddings nothing.npy", 4, "nothing.npy"),
        (
            "--init topk --embeddings e.npy --validation 4",
            2,
            "--validation does not apply to given",
        ),
        ("--learning-rate inf", 3, "--learning-rate must be a finite number, got inf"),
        ("--learning-rate nan", 3, "--learning-rate must be a finite number, got nan"),
        ("--width inf", 3, "--width must be a finite number, got inf"),
        ("--init topk --embeddings e.npy --encoder pca", 2, "--encoder does not apply to given"),
        ("--learning-rate -1", 3, "--learning-rate must be a number above 0, got -1.0"),
        ("--batch-size 0", 3, "--batch-size must be a whole number from 1"),
        ("--momentum 2", 3, "--momentum must be a number from 0 to 1, got 2.0"),
        ("--augmentation shear", 3, "--augmentation must be auto, none or a strategy"),
        ("--network alexnot", 3, "--network must be MODULE:FUNCTION"),
        ("--network os:system", 3, "--network 'os:system' has no parameter `width`"),
        ("--network resnet", 3, "needs a network without batch norm, such as convnet; layer '"),
        ("--network paper", 3, "needs a network with"),
        ("--length 0st", 3, "--length must be longer than 0st"),
        ("--length 5", 3, "--length: a length is a number with a unit"),
        ("--evaluations 0", 3, "--evaluations must be at least 1, got 0"),
        ("--validation 100", 3, "--validation 100 does not fit: a count of 100 of 40 rows leaves"),
        ("--validation 1.0", 3, "--validation 1.0 does not fit: fraction must be between 0 and 1"),
        ("--validation 39", 3, "--validation 39 does not fit: the training data would have no"),
        ("--validation many", 3, "--validation needs a count such as"),
        ("--keep best", 3, '--keep "best" needs --validation, on which the images are scored'),
        ("--keep best --validation 4 --n-scored 0", 3, "but --n-scored is 0"),
        ("--images 41 --init noise", 3, "--images must give no more images than d has samples, 40"),
        ("--seed -1", 3, "--seed must be a whole number from 0 to 2**63 - 1, got -1"),
        ("--device cuda", 3, "device must be auto or cpu here, got cuda"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line_and_leaves_nothing(
    here, capsys, options, status, message
):
    command = f"distill data -o out {DM.replace('--batch-size 8 --length 4st', '')} {options}"
    found, _, error = call(capsys, command.replace(" --evaluations 2", "", 1))
    assert (found, error.count("\n")) == (status, 1), error
    assert message in error
    assert names_in(here) == ["data"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 0, 2, 2], "d: class 1 (dog) has no samples"), (None, "d has no labels, which")],
)
def test_classes_need_samples(tmp_path, monkeypatch, capsys, labels, message):
    monkeypatch.chdir(tmp_path)
    with DatasetWriter(
        "data", name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=4,
        class_names=("cat", "dog", "emu"),
    ) as writer:  # fmt: skip
        soft = None if labels is not None else np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
        writer.append(np.zeros((4, 8, 8, 1), np.uint8), labels and np.array(labels), soft)
    status, _, error = call(capsys, f"distill data -o out {DM}")
    assert (status, error.count("\n")) == (3, 1), error
    assert message in error
    assert names_in(tmp_path) == ["data"]


def test_outputs_that_would_harm_something_are_refused(here, capsys):
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("x")
    (here / "photos" / "cat").mkdir(parents=True)
    status, _, error = call(capsys, f"distill photos -o photos/out {DM}")
    assert (status, "photos/out is inside its source photos" in error) == (3, True)
    assert names_in(here / "photos") == ["cat"]
    for out, status, message in (
        ("mine", 4, "mine is not empty and is not the folder of a run"),
        (".", 3, "would replace its own source"),
        ("data", 3, "would replace its own source"),
        ("data/out", 3, "the output data/out is inside its source data"),
    ):
        found, _, error = call(capsys, f"distill data -o {out} {DM}")
        assert (found, error.count("\n")) == (status, 1), error
        assert message in error
    assert names_in(here) == ["data", "mine", "photos"]
    assert names_in(here / "data") == ["images.npy", "labels.npy", "manifest.json"]
    assert names_in(here / "mine") == ["notes.txt"]


@pytest.mark.parametrize("method", ["dd", "soft"])
def test_unrolled_training_has_steps_and_soft_has_labels(here, capsys, method):
    options = "--length 2st --batch-size 8 --n-steps 2 --n-epochs 2 --width 0.1 --evaluations 1"
    command = f"distill data -o out --method {method} --images-per-class 2 {options}"
    status, output, error = call(capsys, f"{command} --network convnet --validation 0.5")
    assert status == 0, error
    assert f"\n4 images by {method}: out/dataset\n" in output
    made = open_dataset("out/dataset")
    assert (made.schedule is not None, made.soft_labels is not None) == (True, method == "soft")
    assert len(made.schedule.steps) == 4
    assert names_in(here / "out" / "grids") == ["0000002.png"]
    few = f"distill data -o few --method {method} --images 1 {options}"
    status, _, error = call(capsys, few.replace("--n-steps 2", "--n-steps 1 --network convnet"))
    if method == "soft":
        assert status == 0, error
        assert len(open_dataset("few/dataset")) == 1
    else:
        assert (status, "--images must be at least 2, one for each" in error) == (3, True)


def test_a_source_that_is_refused_after_its_import_leaves_nothing(here, capsys):
    for options in (f"{DM} --images-per-class 500", f"{DM} --validation 5000"):
        status, _, error = call(capsys, f"distill digits -o new/out {options}")
        assert (status, "train" in error) == (3, True), error
        assert names_in(here) == ["data"]


def test_unknown_methods_are_refused(here, capsys):
    status, _, error = call(capsys, "distill data -o out --method guess")
    assert (status, "--method must be one of" in error) == (2, True)
    status, _, error = call(capsys, "distill data -o out")
    assert (status, "missing --method" in error) == (2, True)


def test_options_are_the_settings_of_the_methods(capsys):
    output = " ".join(call(capsys, "distill --help")[1].replace("│", " ").split())
    assert "--learning-rate NUMBER" in output
    assert "(default: dd, soft, latent: 0.01; dm: 1.0; gm: 0.1; sngan, cdcgan: 0.0002)" in output
    assert "--n-inner INT|auto gm: matching steps with one network" in output
    assert "(default: as many as images of a class)" in output
    assert "--network TEXT dd, soft: classifier to distil for; dm, gm: network to match" in output
    assert "whole graph" not in output  # another table of the card
    assert {"n_inner", "momentum"} <= set(Command.__dataclass_fields__)
    assert set(methods()) == {"dd", "dm", "gm"}


def test_a_divergence_is_named_and_keeps_the_last_good_state(here, capsys):
    command = f"distill data -o out {DM.replace('4st', '40st')} --learning-rate 1e38"
    status, _, error = call(capsys, command)
    assert status == 3, error
    assert "dm: " in error
    assert not (here / "out" / "dataset").exists()


@pytest.mark.slow
def test_interrupted_distillation_says_so_and_resumes_to_the_same_images(here):
    command = "distill data --method gm --width 0.05 --batch-size 8 --length 20st --n-inner 4 "
    command += "--network-epochs 2 --evaluations 2 --device cpu"
    assert main(f"{command} -o whole".split()) == 0
    interrupt(
        [*command.split(), "-o", "broken"],
        here / "broken" / "checkpoints" / "distillation.safetensors",
    )
    assert not (here / "broken" / "dataset").exists()
    assert (here / "broken" / "checkpoints" / "distillation.safetensors").exists()
    assert main(f"{command} -o broken".split()) == 0
    whole, broken = (open_dataset(f"{name}/dataset") for name in ("whole", "broken"))
    np.testing.assert_array_equal(whole.images, broken.images)
    logs = [
        [
            json.loads(line)["train_loss"]
            for line in (here / name / "log.jsonl").read_text().splitlines()
        ]
        for name in ("whole", "broken")
    ]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--n-fixed-layers 3", '--n-fixed-layers needs --initial-weights "fixed" or "pretrained"'),
        ("--network resnet", "or set --freeze-statistics to use the running statistics"),
        ("--learning-rate 1e30", "use a lower --learning-rate or another initial --step-size"),
        ("--initial-weights pretrained --pretraining 0st", "--pretraining must be longer than 0st"),
        ("--n-steps 3", "--n-steps must divide the number of images, 2; got 3"),
        ("--precision bfloat16", "--precision must be float32 for dd"),
        (f"--n-epochs {10**15}", "step sizes alone, but only"),
    ],
)
def test_messages_name_options_wherever_they_name_settings(here, capsys, options, message):
    command = "distill data -o out --method dd --network convnet --width 0.1 --length 4st"
    status, _, error = call(capsys, f"{command} --batch-size 8 {options}")
    assert (status, message in error) == (3, True), error


def test_impossible_validation_does_not_block_a_folder_with_imported_data(here, capsys):
    (here / "arrays").mkdir()
    np.save("arrays/images.npy", np.zeros((40, 8, 8, 1), np.uint8))
    np.save("arrays/labels.npy", np.arange(40) % 2)
    status, _, error = call(capsys, f"distill arrays -o out {DM} --validation 1000")
    assert (status, "--validation 1000 does not fit: a count of 1000" in error) == (3, True), error
    status, _, error = call(capsys, f"distill arrays -o out {DM} --validation 4")
    assert status == 0, error


def test_the_best_images_on_validation_data_are_kept(here, capsys):
    command = f"distill data -o out {DM} --validation 8 --keep best"
    status, output, error = call(capsys, command)
    assert status == 0, error
    kept = open_dataset("out/dataset").manifest.provenance.params["kept"]
    assert f"\nkept: the images after {kept['step']} steps, accuracy " in output
    assert call(capsys, command)[1] == output
    status, _, error = call(capsys, command.replace("best", "last"))
    assert (status, "keep is 'best' there and 'last' here" in error) == (3, True)


def test_a_source_without_validation_data_has_no_best_images(here, capsys):
    (here / "arrays").mkdir()
    np.save("arrays/images.npy", np.zeros((40, 8, 8, 1), np.uint8))
    np.save("arrays/labels.npy", np.arange(40) % 2)
    status, _, error = call(capsys, f"distill arrays -o out {DM} --keep best")
    assert (status, '--keep "best" needs --validation' in error) == (3, True), error


def test_other_data_at_the_same_place_are_refused(here, capsys):
    command = f"distill data -o out {DM}"
    assert call(capsys, command)[0] == 0
    (here / "data").rename("before")
    with DatasetWriter(
        "data", name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=40,
        class_names=("cat", "dog"),
    ) as writer:  # fmt: skip
        writer.append(np.zeros((40, 8, 8, 1), np.uint8), np.arange(40) % 2)
    status, _, error = call(capsys, command)
    assert (status, "the training data has changed since out was begun" in error) == (3, True)


@pytest.mark.parametrize("log", ["", "[]\n", "{}\n", "3\n", '{"step": "x"}\n', '{"step": 4, "tra'])
def test_a_damaged_log_does_not_hide_the_result(here, capsys, log):
    command = f"distill data -o out {DM}"
    assert call(capsys, command)[0] == 0
    (here / "out" / "log.jsonl").write_text(log)
    assert call(capsys, command)[:2] == (0, "2 images by dm: out/dataset\n")
