"""thinset embed, and other commands, with a network of the user's own as a person calls them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from interrupted_commands import interrupt
from thinset.command_line import main
from thinset.command_line.compare import Command as Compare
from thinset.command_line.embed import Command as Embed
from thinset.command_line.plan import Command as Plan
from thinset.command_line.run import Command as Run
from thinset.data import DatasetWriter
from thinset.embeddings.store import verify_embeddings
from thinset.files.json import write_json_with_digest

ENCODERS = """
import torch
from torch import nn

SIDE = 8

def network():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(2)
    )

def resized(images):
    return nn.functional.interpolate(images, size=(SIDE, SIDE))

def small():
    return network(), resized

def wide():
    return nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.Flatten()), resized

def tokens():
    return nn.Sequential(network(), nn.Flatten(2))

def colour():
    return nn.Conv2d(3, 6, 3)

SIZE = 3
"""


def call(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def save_data(folder, n=40):
    with DatasetWriter(
        folder, name="d", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=n
    ) as writer:
        writer.append(
            np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), np.uint8), np.arange(n) % 2
        )


def write_encoders(**replaced):
    text = ENCODERS
    for name, value in replaced.items():
        text = text.replace(f"{name} = 8", f"{name} = {value}")
    # A file of another size: Python would take one of the same second and size from its cache.
    Path("my_encoders.py").write_text(text + "#" * len(replaced))


def save_weights(path, seed=0):
    names = {"torch": torch}
    exec(ENCODERS, names)
    torch.manual_seed(seed)
    torch.save(names["network"]().state_dict(), path)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "my_encoders", raising=False)
    save_data("data")
    save_data("test", 20)
    write_encoders()
    save_weights("w.pth")


EMBED = ("embed", "data", "-o", "out", "--device", "cpu", "--encoder", "my_encoders:small")


def again():
    """As in another process: modules are imported anew."""
    import sys

    sys.modules.pop("my_encoders", None)


def matrix():
    return np.load("out/embeddings/embeddings.npy")


def test_a_network_with_weights_becomes_a_matrix(capsys):
    status, output, error = call(capsys, *EMBED, "--weights", "w.pth")
    assert status == 0, error
    assert "dimensions: 6" in output
    assert matrix().shape == (40, 6)
    verify_embeddings("out/embeddings")
    settings = json.loads(Path("out/settings.json").read_text())["encoder"]
    assert (settings["kind"], settings["weights"]) == ("module", "w.pth")
    assert (settings["function"], settings["batch_size"]) == ("my_encoders:small", 64)
    assert call(capsys, "verify", "out")[0] == 0
    status, _, error = call(
        capsys, "select", "out/embeddings/embeddings.npy", "-n", 5, "-m", "kmeans", "-o", "s.npz"
    )
    assert status == 0, error


def test_options_of_a_network(capsys):
    plain = (*EMBED, "--weights", "w.pth")
    unit = (*plain, "--unit-length", "--batch-size", 7, "-o", "unit")
    assert call(capsys, *plain)[0] == 0
    assert call(capsys, *unit)[0] == 0
    lengths = np.linalg.norm(matrix(), axis=1, keepdims=True)
    found = np.load("unit/embeddings/embeddings.npy")
    np.testing.assert_allclose(found, matrix() / lengths, rtol=1e-4)
    layer = (*plain, "--feature-layer", "0", "-o", "layer", "--image-size", 6, 6)
    assert call(capsys, *layer)[0] == 0
    assert (np.load("layer/embeddings/embeddings.npy") < 0).any()  # not after the rectifier
    assert np.load("layer/data/train/images.npy").shape == (40, 6, 6, 1)


def test_the_same_command_computes_nothing_again(capsys):
    assert call(capsys, *EMBED, "--weights", "w.pth")[0] == 0
    written = os.stat("out/embeddings/embeddings.npy").st_mtime_ns
    again()
    assert call(capsys, *EMBED, "--weights", "w.pth")[0] == 0
    assert os.stat("out/embeddings/embeddings.npy").st_mtime_ns == written


@pytest.mark.parametrize("change", ["weights", "code"])
def test_changed_weights_or_code_are_encoded_anew(capsys, change):
    assert call(capsys, *EMBED, "--weights", "w.pth")[0] == 0
    before = matrix()
    if change == "weights":
        save_weights("w.pth", seed=1)
    else:
        write_encoders(SIDE=4)
    again()
    status, _, error = call(capsys, *EMBED, "--weights", "w.pth")
    assert status == 0, error
    assert not np.allclose(matrix(), before)
    verify_embeddings("out/embeddings")
    assert len(json.loads(Path("out/inputs.json").read_text())) == 2


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--encoder", "my_encoders:wide"), "encoder.function"),
        (("--weights", "w.pth"), "encoder.weights"),
        (("--unit-length",), "encoder.unit_length"),
        (("--feature-layer", "0"), "encoder.feature_layer"),
        (("--seed", "1"), "encoder.seed"),
        (("--encoder", "pca"), "encoder.function"),
    ],
)
def test_other_options_need_another_folder(capsys, options, name):
    assert call(capsys, *EMBED)[0] == 0
    before = matrix()
    status, _, error = call(capsys, *EMBED, *options)
    assert status == 3
    assert f"out holds a run with other settings: {name} is" in error
    assert np.array_equal(matrix(), before)


def test_a_failed_call_does_not_block_its_folder(capsys):
    for options in (("--encoder", "my_encoders:tokens"), ("--encoder", "my_encoders:colour")):
        status, _, error = call(capsys, *EMBED, *options)
        assert status == 3
        assert "Traceback" not in error
    assert "the encoder fails on a batch of images of shape (40, 1, 8, 8)" in error
    assert call(capsys, *EMBED)[0] == 0


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--encoder", "resnet"), 2, "--encoder must be autoencoder, pca or MODULE:FUNCTION"),
        (("--encoder", ":small"), 3, "encoder must be MODULE:FUNCTION"),
        (("--encoder", "my_encoders:"), 3, "encoder must be MODULE:FUNCTION"),
        (("--encoder", "my_encoders:big"), 3, "my_encoders has no callable named 'big'"),
        (("--encoder", "my_encoders:SIZE"), 3, "which cannot be called; name a function"),
        (("--encoder", "no_such_encoders:small"), 3, "No module named 'no_such_encoders'"),
        (("--weights", "gone.pth"), 4, "gone.pth: No such file or directory"),
        (("--weights", "my_encoders.py"), 3, "my_encoders.py is not a file of tensors alone"),
        (("--encoder", "my_encoders:wide", "--weights", "w.pth"), 3, "w.pth does not hold the"),
        (("--feature-layer", "head"), 3, "layer must be one of 0, 1, 2, 3; got 'head'"),
        (("--batch-size", "0"), 3, "batch_size must be a whole number from 1"),
        (("--crop", "4"), 2, "--crop does not apply to --encoder my_encoders:small"),
        (("--length", "9st"), 2, "--length does not apply to --encoder my_encoders:small"),
        (("--n-components", "9"), 2, "--n-components does not apply"),
        (("--encoder", "pca", "--weights", "w.pth"), 2, "--weights is for --encoder MODULE:FUN"),
        (("--encoder", "pca", "--unit-length"), 2, "--unit-length is for --encoder MODULE"),
        (("--encoder", "pca", "--feature-layer", "a"), 2, "it does not apply to pca"),
    ],
)
def test_mistakes_leave_no_folder(capsys, options, status, message):
    found, _, error = call(capsys, *EMBED, *options)
    assert (found, message in error) == (status, True), error
    assert "Traceback" not in error
    assert "bug" not in error
    assert not Path("out").exists()


def test_folders_of_earlier_versions_go_on(capsys):
    arguments = ("embed", "data", "-o", "out", "--encoder", "pca", "--n-components", "3")
    assert call(capsys, *arguments)[0] == 0
    settings = json.loads(Path("out/settings.json").read_text())
    del settings["sha256"]
    for name in ("function", "weights", "feature_layer", "unit_length"):
        del settings["encoder"][name]
    write_json_with_digest(Path("out/settings.json"), settings)
    written = os.stat("out/embeddings/embeddings.npy").st_mtime_ns
    status, _, error = call(capsys, *arguments)
    assert status == 0, error
    assert os.stat("out/embeddings/embeddings.npy").st_mtime_ns == written


def test_batch_sizes_of_each_kind():
    def batch_size(encoder, **options):
        return Embed("data", Path("out"), encoder=encoder, **options).settings().batch_size

    assert [batch_size(name) for name in ("autoencoder", "pca", "m:f")] == [1024, 1024, 64]
    assert batch_size("m:f", batch_size=7) == 7


def test_an_interrupted_command_goes_on(capsys):
    Path("my_encoders.py").write_text(
        ENCODERS
        + """
import time
from thinset.embeddings import unfinished
unfinished.KEPT_AFTER_SECONDS = 0.0

class Slow(nn.Module):
    def forward(self, images):
        time.sleep(0.2)
        with open("batches.txt", "a") as file:
            file.write(f"{len(images)} ")
        return images.flatten(1)

def slow():
    return Slow()
"""
    )
    arguments = ("embed", "data", "-o", "out", "--encoder", "my_encoders:slow", "--batch-size", "2")
    interrupt(arguments, Path("out/embeddings/unfinished/000000000004.json"))
    seen = len(Path("batches.txt").read_text().split())
    assert seen < 20
    assert call(capsys, *arguments)[0] == 0
    images = np.load("data/images.npy").reshape(40, -1)
    np.testing.assert_allclose(matrix(), images / np.float32(255), rtol=1e-6)
    counts = list(map(int, Path("batches.txt").read_text().split()))
    assert sum(counts) < 40 + 6 + 2  # those of the batches that were lost, and of two first images


def test_commands_that_train_take_the_same_options():
    options = {
        "encoder": "m:f",
        "encoder_weights": Path("w"),
        "feature_layer": "a.b",
        "unit_length": True,
    }
    expected = ("module", "m:f", "w", "a.b", True, 64)
    for settings in (
        Run("d", Path("o"), **options).settings(),
        Plan("d", Path("o"), budget="9s", **options).settings(),
    ):
        found = settings.encoder
        assert (
            found.kind, found.function, found.weights, found.feature_layer, found.unit_length,
            found.batch_size,
        ) == expected  # fmt: skip


@pytest.mark.parametrize("kind", [Run, Compare])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "big"}, "--encoder must be"),
        ({"encoder_weights": Path("w")}, "--encoder-weights is for --encoder MODULE:FUNCTION"),
        ({"unit_length": True, "encoder": "pca"}, "it does not apply to pca"),
        ({"embeddings": Path("e"), "encoder": "pca"}, "give --embeddings or --encoder, not both"),
        ({"encoder": "m:f", "encoder_length": "9st"}, "--encoder-length is for the autoencoder"),
    ],
)
def test_options_of_other_encoders_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind("d", Path("o"), preset="smoke", **options).run()


COMPARE = (
    "compare", "data", "-o", "out", "--preset", "smoke", "--methods", "random", "topk",
    "--seeds", "0", "--steps", "2st", "--sizes", "8", "--batch-size", "8", "--device", "cpu",
    "--encoder", "my_encoders:small", "--encoder-weights", "w.pth",
)  # fmt: skip


def test_compare_selects_by_the_network_and_refuses_another(capsys, plots):
    status, _, error = call(capsys, *COMPARE)
    assert status == 0, error
    assert matrix().shape == (32, 6)
    record = next(Path("out/records").glob("*topk*.json"))
    assert "encoding" in json.loads(record.read_text())["preparation_seconds"]
    again()
    assert call(capsys, *COMPARE, "--seeds", "0", "1")[0] == 0
    save_weights("w.pth", seed=1)
    again()
    status, _, error = call(capsys, *COMPARE, "--seeds", "0", "1", "2")
    assert status == 3
    assert "the encoder my_encoders:small has changed since out was begun with it" in error


def test_a_plan_measures_the_network(capsys):
    save_data("many", 200)
    status, _, error = call(
        capsys, "plan", "many", "-o", "plan", "--budget", "60s", "--preset", "smoke",
        "--probe-share", 0, "--encoder", "my_encoders:small", "--encoder-weights", "w.pth",
        "--device", "cpu",
    )  # fmt: skip
    assert status == 0, error
    measured = json.loads(Path("plan/plan.json").read_text())
    assert '"encoding"' in json.dumps(measured)
