"""The commands as a person calls them: output, exit status, speed of --help."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tyro

import thinset
from thinset.command_line import COMMANDS, main
from thinset.command_line.arguments import typed_again
from thinset.command_line.compare import Command as Compare
from thinset.command_line.plan import Command as Plan
from thinset.command_line.reproduce import Command as Reproduce
from thinset.command_line.run import Command as Run
from thinset.command_line.study_options import with_quick_encoder
from thinset.command_line.train import Command as Train
from thinset.data import open_dataset
from thinset.experiments.figures.registry import settings_of


def call(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(capsys, arguments):
    status, output, _ = call(capsys, *arguments)
    assert status == 0
    for name, *_ in COMMANDS:
        assert f"\n  {name} " in output
    assert max(len(line) for line in output.splitlines()) <= 100


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_every_command_explains_itself(capsys, name):
    status, output, _ = call(capsys, *name.split(), "--help")
    assert status == 0
    assert f"usage: thinset {name}" in output
    # Names of Python objects are no values to choose from.
    assert not re.search(r"\{None|default: None|\(default: \)", output)


def test_failures_of_the_system_name_the_file_first(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, error = call(capsys, "select", "nothing.npy", "-n", "3", "-o", "s.npz")
    assert (status, error) == (4, "thinset: error: nothing.npy: No such file or directory\n")


@pytest.mark.alone
def test_help_costs_little_beside_numpy():
    def processor_seconds(program):
        # Processor time: other programs may keep the machine busy.
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime

    programs = ("import thinset.command_line as c; c.main(['--help'])", "import numpy")
    # In turns: machines change their speed.
    times = [[processor_seconds(program) for program in programs] for _ in range(8)]
    help_seconds, numpy_seconds = map(min, zip(*times, strict=True))
    assert help_seconds < 1.6 * numpy_seconds


def test_help_loads_neither_torch_nor_the_parser():
    program = (
        "import sys, thinset.command_line as c; c.main(['--help']); "
        "print(sorted({'torch', 'tyro', 'matplotlib', 'pyarrow', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_version(capsys):
    assert call(capsys, "--version") == (0, f"thinset {thinset.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, ""),
        (["dance"], 2, "unknown command 'dance'"),
        (["data"], 2, "data needs import, split, list or download; got none"),
        (["data", "burn"], 2, "got burn"),
        (["run"], 2, "thinset run: missing DATA, -o/--out DIR"),
        (["select", "gone.npy", "-n", "3", "-o", "s.npz"], 4, "No such file or directory"),
        (["select", "gone.npy", "-n", "x", "-o", "s.npz"], 3, "a count such as 4320"),
        (["run", "nowhere", "-o", "out"], 4, "nowhere does not exist"),
        (["run", "digits", "-o", "out", "--steps", "5"], 3, "a length is a number with a unit"),
        (["run", "digits", "-o", "out", "--n-seeds", "0"], 3, "--n-seeds must be at least 1"),
        (["plan", "digits", "-o", "out"], 2, "give either --budget or --steps"),
        (["plan", "digits", "-o", "out", "--budget", "9"], 3, "a length is a number with a unit"),
        (["run", "digits", "-o", "out", "--plan"], 2, "give either --budget or --steps"),
        (
            ["run", "digits", "-o", "out", "--plan", "--budget", "9s", "--method", "topk"],
            2,
            "the plan decides what to train on: give --plan or --method",
        ),
        (
            ["run", "digits", "-o", "out", "--plan", "--budget", "9s", "--metric", "cosine"],
            2,
            "the plan decides what to train on: give --plan or --metric",
        ),
        (
            ["select", "gone.npy", "-n", "3", "-o", "s.npz", "--engine", "local", "--threads", "0"],
            3,
            "--threads must be from 1 to 1024, got 0",
        ),
        (["verify", "nowhere"], 4, "nowhere does not exist"),
        (["verify", "."], 3, "holds no dataset folder, selection or run record"),
        (["report", "."], 3, "is not the folder of a run: it has no settings.json"),
    ],
)
def test_mistakes(capsys, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    found, _, error = call(capsys, *arguments)
    assert (found, message in error) == (status, True), error
    assert "Traceback" not in error


def test_from_source_to_subset(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, output, _ = call(capsys, "data", "import", "digits", "-o", "digits")
    assert status == 0
    assert "train: 1,438 images of 8 x 8 x 1, 10 classes: digits/train" in output
    status, output, _ = call(
        capsys, "embed", "digits/train", "-o", "emb", "--length", "4st", "--batch-size", "64"
    )
    assert status == 0
    assert "dimensions: 24" in output
    status, output, error = call(
        capsys, "select", "emb/embeddings/embeddings.npy", "-n", "0.05", "-o", "s.npz",
        "--labels", "digits/train", "--per-class", "balanced", "--drop-constant", "--objective",
    )  # fmt: skip
    assert status == 0, error
    assert "Selection(topk: 72 of 1,438 rows): s.npz" in output
    assert "covering_radius: " in output
    status, output, _ = call(capsys, "subset", "s.npz", "digits/train", "-o", "subset")
    assert (status, output) == (0, "72 samples: subset\n")
    subset, full = open_dataset("subset"), open_dataset("digits/train")
    indices = thinset.Selection.load("s.npz").indices
    np.testing.assert_array_equal(subset.images, full.images[indices])
    assert np.bincount(subset.labels).tolist() == [8, 8, 7, 7, 7, 7, 7, 7, 7, 7]

    status, output, error = call(
        capsys, "train", "digits/train", "--subset", "subset", "--test", "digits/test",
        "--total", "6st", "--batch-size", "32", "--evaluations", "2", "-o", "trained",
    )  # fmt: skip
    assert status == 0, error
    assert output.startswith("test accuracy ")
    record = json.loads((tmp_path / "trained/record.json").read_text())
    assert [phase["steps"] for phase in record["phases"]] == [3, 3]
    assert (tmp_path / "trained/classifier.safetensors").exists()
    assert call(capsys, "verify", ".")[:2] == (0, "ok: 12 parts checked under .\n")

    with open("subset/images.npy", "r+b") as file:
        file.seek(200)
        file.write(b"\xff\xfe")
    status, _, error = call(capsys, "verify", ".")
    assert status == 3
    assert "subset/images.npy" in error


def test_select_takes_several_files_as_one_matrix(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((50, 4))
    np.save("a.npy", X[:20])
    np.save("b.npy", X[20:])
    status, output, error = call(capsys, "select", "a.npy", "b.npy", "-n", "9", "-o", "s.npz")
    assert (status, output) == (0, "Selection(topk: 9 of 50 rows): s.npz\n"), error
    assert thinset.Selection.load("s.npz").indices.tolist() == thinset.select(X, 9).indices.tolist()


def test_a_dry_run_selects_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((500, 4)))
    status, output, error = call(
        capsys, "select", "a.npy", "-n", "0.1", "-o", "s.npz", "--dry-run", "-m", "max_sum"
    )
    assert (status, error) == (0, "")
    assert "memory beyond the embeddings: about " in output
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
    assert call(capsys, "select", "a.npy", "-n", "5", "--dry-run")[0] == 0
    status, _, error = call(capsys, "select", "a.npy", "-n", "5")
    assert (status, "select needs -o FILE, or --dry-run" in error) == (2, True)


def test_data_list_names_every_kind(capsys):
    status, output, _ = call(capsys, "data", "list")
    assert status == 0
    for kind in ("digits", "npy", "image-folder", "parquet", "cifar10", "mnist"):
        assert f"{kind} " in output


@pytest.mark.parametrize(
    ("command", "positional", "expected"),
    [
        (
            Run("my data", Path("out"), preset="smoke", n_samples="10", method="kmeans"),
            "data",
            "thinset run 'my data' --out out --preset smoke --method kmeans --n-samples 10",
        ),
        (
            Plan("d", Path("o"), budget="7min", encoded=True, learning_rate=0.1),
            "data",
            "thinset plan d --out o --budget 7min --encoded --learning-rate 0.1",
        ),
        (
            Train(Path("d"), Path("o"), Path("t"), split=0.25, seed=3),
            "data",
            "thinset train d --out o --test t --split 0.25 --seed 3",
        ),
        (
            Reproduce(
                figure="fig5", out=Path("o"), methods=("random", "topk:mode=abs"), sizes=("9",)
            ),
            "figure",
            "thinset reproduce fig5 --methods random topk:mode=abs --sizes 9 --out o",
        ),
        (
            Compare("d", Path("o"), seeds=(0, 1), embeddings=Path("e.npy")),
            "data",
            "thinset compare d --seeds 0 1 --out o --embeddings e.npy",
        ),
        (
            Train(Path("d"), Path("o"), Path("t"), ordinary=True, total="9st"),
            "data",
            "thinset train d --out o --test t --ordinary --total 9st",
        ),
    ],
)
def test_a_command_line_can_be_typed_again(command, positional, expected):
    _, name, *words = shlex.split(typed_again(expected.split()[1], command, positional))
    assert tyro.cli(type(command), args=words) == command
    assert sorted(shlex.split(expected)) == sorted(["thinset", name, *words])


def test_a_plan_is_made_and_then_followed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--size", "smoke", "--batch-size", 32, "--probe-share", 0, "--seed", 3)
    status, output, _ = call(capsys, "plan", "digits", "-o", "out", "--steps", "30st", *options)
    assert status == 0
    assert "advice: do not select; train on everything" in output
    assert "follow it: thinset run digits --plan -o out" in output
    status, output, _ = call(capsys, "run", "digits", "--plan", "-o", "out")
    assert (status, output) == (0, "report: out/report/index.html\n")
    record = json.loads((tmp_path / "out" / "records" / "planned.json").read_text())
    assert (record["seed"], record["total"], record["settings"]["batch_size"]) == (3, "30st", 32)
    assert (tmp_path / "out" / "classifier.safetensors").exists()
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Prediction and outcome" in page


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (("--steps", "30st", "--learning-rate", 0.02), None),
        (("--steps", "40st"), "--steps is '40st', but the plan in out has '30st'"),
        (("--budget", "20s"), "--budget is '20s', but the plan in out has '30st'"),
        (("--learning-rate", 0.3), "--learning-rate is 0.3, but the plan in out has 0.02"),
        (("--seed", 4), "--seed is 4, but the plan in out has 3"),
        (("--model", "lenet"), "--model is 'lenet', but the plan in out has none"),
    ],
)
def test_a_plan_is_followed_with_its_own_settings_alone(
    asked, refused, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    options = ("--preset", "smoke", "--probe-share", 0, "--seed", 3, "--learning-rate", 0.02)
    call(capsys, "plan", "digits", "-o", "out", "--steps", "30st", *options)
    status, output, error = call(capsys, "run", "digits", "--plan", "-o", "out", *asked)
    if refused is None:
        assert (status, output) == (0, "report: out/report/index.html\n"), error
    else:
        assert status == 3
        assert refused in error
        assert "leave the option out to follow that plan" in error
        assert not (tmp_path / "out" / "records").exists()


def test_a_plan_that_cannot_be_followed_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--budget", "0.01s", "--probe-share", 0)
    status, output, _ = call(capsys, "plan", "digits", "-o", "out", *options)
    assert status == 0
    assert "advice: the budget of 0.01s is too short to train" in output
    assert "follow it" not in output
    status, _, error = call(capsys, "run", "digits", "--plan", "-o", "out")
    assert status == 3
    assert "cannot be followed: the budget of 0.01s is too short" in error
    assert not (tmp_path / "out" / "records").exists()


def test_a_method_that_is_asked_for_is_taken_as_it_is():
    arms = [
        str(Run("digits", "out", **options).settings().arm)
        for options in (
            {},
            {"method": "topk"},
            {"method": "topk", "per_class": "proportional", "dedup": 0.1},
            {"dedup": 0.1},
        )
    ]
    assert arms == [
        "kmeans:per_class",
        "topk",
        "topk:per_class=proportional:dedup=0.1",
        "kmeans:per_class:dedup=0.1",
    ]


@pytest.mark.slow
def test_killed_at_any_moment_a_run_goes_on_and_ends_the_same(tmp_path):
    """kill -9 at several moments; the steps runs end with the accuracies of an unbroken run."""
    base = [sys.executable, "-m", "thinset", "run", "digits", "--size", "smoke", "--n-seeds", "1"]
    subprocess.run([*base, "-o", tmp_path / "whole"], check=True, capture_output=True)
    for delay in (3.0, 4.0, 5.0, 6.0, 8.0):
        with subprocess.Popen([*base, "-o", tmp_path / "broken"], stderr=subprocess.DEVNULL) as run:
            time.sleep(delay)
            os.kill(run.pid, signal.SIGKILL)
    subprocess.run([*base, "-o", tmp_path / "broken"], check=True, capture_output=True)
    for arm in ("selected", "random", "full"):
        finals = [
            json.loads((tmp_path / run / f"records/steps-{arm}-seed0.json").read_text())["final"]
            for run in ("whole", "broken")
        ]
        assert finals[0] == finals[1]


def test_the_older_name_of_an_option_keeps_working(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("--preset", "--size"):
        assert tyro.cli(Run, args=["digits", "-o", "out", name, "smoke"]).preset == "smoke"
        assert tyro.cli(Plan, args=["digits", "-o", "out", name, "paper"]).preset == "paper"
        assert tyro.cli(Compare, args=["digits", "-o", "out", name, "smoke"]).preset == "smoke"
        assert tyro.cli(Reproduce, args=["fig5", "-o", "out", name, "quick"]).preset == "quick"
    for number, name in enumerate(("--image-size", "--size")):
        arguments = ("data", "import", "digits", "-o", f"d{number}", name, 8, 8)
        status, output, error = call(capsys, *arguments)
        assert status == 0, error
        assert "images of 8 x 8 x 1" in output


def test_the_smoke_preset_trains_an_autoencoder_on_the_digits_alone():
    assert Run("digits", Path("o"), preset="smoke").settings().encoder.kind == "autoencoder"
    assert Run("photos", Path("o"), preset="smoke").settings().encoder.kind == "pca"
    asked = Run("photos", Path("o"), preset="smoke", encoder="autoencoder")
    assert asked.settings().encoder.kind == "autoencoder"
    for name, kind in (("compare", "pca"), ("fig5", "pca")):
        recipe = settings_of(name, "smoke")
        assert with_quick_encoder(recipe, "smoke", "photos").encoder.kind == kind
        assert with_quick_encoder(recipe, "smoke", "digits") == recipe
        assert with_quick_encoder(recipe, "quick", "photos") == recipe


def test_a_dataset_folder_is_resized_into_the_folder_of_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call(capsys, "data", "import", "digits", "-o", "d")
    arguments = ("embed", "d/train", "-o", "e", "--encoder", "pca", "--n-components", 4)
    status, _, error = call(capsys, *arguments, "--image-size", 4, 4)
    assert status == 0, error
    assert open_dataset("e/data/train").image_shape == (4, 4, 1)
    assert open_dataset("d/train").image_shape == (8, 8, 1)


def test_select_computes_figures_with_progress(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.random.default_rng(0).standard_normal((200, 4)))
    arguments = ("select", "a.npy", "-n", "9", "--objective", "--certificates")
    status, output, error = call(capsys, *arguments, "-o", "s.npz")
    assert status == 0
    assert "objective: 100/100 %" in error
    assert "certificates: 100/100 %" in error
    names = [line.partition(":")[0] for line in output.splitlines()]
    loaded = thinset.Selection.load("s.npz")
    assert names[:-1] == [*loaded.objective, *loaded.certificates]
    assert len(names) == 11
    status, output, _ = call(capsys, *arguments, "--dry-run")
    assert status == 0
    assert [line.partition(": roughly")[0] for line in output.splitlines()[1:]] == [
        "time",
        "objective",
        "certificates",
    ]
    assert call(capsys, "select", "a.npy", "-n", "1", "--objective", "-o", "one.npz")[0] == 0


def test_a_selection_is_saved_before_its_figures_are_computed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.random.default_rng(0).standard_normal((200, 4)))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(thinset.Selection, "certificates_from", interrupted)
    assert call(capsys, "select", "a.npy", "-n", "9", "--certificates", "-o", "s.npz")[0] != 0
    assert len(thinset.Selection.load("s.npz")) == 9


@pytest.mark.parametrize("others", [[], ["a.npy"]])
@pytest.mark.parametrize("name", ["short.npy", "integers.npy", "hole.npy"])
def test_select_names_the_file_that_cannot_be_used(capsys, tmp_path, monkeypatch, others, name):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((50, 4))
    np.save("a.npy", X)
    Path("short.npy").write_bytes(Path("a.npy").read_bytes()[:-1])
    np.save("integers.npy", X.astype(int))
    X[3, 1] = np.nan
    np.save("hole.npy", X)
    status, _, error = call(capsys, "select", *others, name, "-n", "5", "-o", "s.npz")
    assert status == 3
    assert f"'{name}'" in error
    assert "shard" not in error
