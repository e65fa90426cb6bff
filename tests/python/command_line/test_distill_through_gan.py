"""thinset distill by the methods that go through a generator, on small folders."""

from __future__ import annotations

import json
import shlex
import shutil

import numpy as np
import pytest

from interrupted_commands import interrupt
from thinset.augmentation.generators import cdcgan, flow
from thinset.augmentation.train import train_generator
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.command_line import main
from thinset.data import DatasetWriter, open_dataset
from thinset.data.provenance import DistilledBy

R = "--network smooth_networks:perceptron --device cpu"
TERM = (
    f"--method gan-difference --model cdcgan --batch-size 8 --length 4st --evaluations 2 "
    f"--latent-size 4 {R}"
)
LATENT = f"--method latent --length 4st --evaluations 2 {R}"

pytestmark = pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")


def write(folder, *, side=8, n_classes=2, names=("cat", "dog"), seed=0):
    random = np.random.default_rng(seed)
    with DatasetWriter(
        folder, name="d", image_shape=(side, side, 1), image_dtype="uint8", n_samples=40,
        class_names=names,
    ) as writer:  # fmt: skip
        images = random.integers(0, 256, (40, side, side, 1), np.uint8)
        writer.append(images, np.arange(40) % n_classes)
    return open_dataset(folder)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the dataset folder `data`: noise, 20 images of each of two classes."""
    monkeypatch.chdir(tmp_path)
    write("data")
    return tmp_path


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A generator of the images of `data`."""
    top = tmp_path_factory.mktemp("kept")
    train_generator(
        write(top / "data"), top / "generator.safetensors", length="2st", device="cpu",
        settings=cdcgan.Settings(batch_size=8, latent_size=4),
    )  # fmt: skip
    return top / "generator.safetensors"


@pytest.fixture
def gan(here, kept):
    """The same in the folder `gan`."""
    (here / "gan").mkdir()
    shutil.copy(kept, here / "gan")
    return TrainedGenerator.load("gan")


def call(capsys, command):
    capsys.readouterr()
    status = main(shlex.split(command))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("method", ["gan-difference", "gan-magnitude"])
def test_a_gan_is_trained_with_a_term_once_and_drawn_from(here, capsys, method):
    command = f"distill data -o out {TERM} --weight 1.5 --images-per-class 3"
    command = command.replace("gan-difference", method)
    status, output, error = call(capsys, command)
    assert status == 0, error
    assert "training cdcgan: 4/4 st" in error
    assert output.startswith(f"{method} after 4 steps: loss ")
    assert ", term " in output
    assert f"\n6 images by {method}: out/dataset\ngenerator: out/generator.safetensors\n" in output
    made = open_dataset("out/dataset")
    assert made.labels.tolist() == [0, 1] * 3
    assert made.class_names == ("cat", "dog")
    assert made.name == f"d, {method}"
    provenance = made.manifest.provenance
    assert isinstance(provenance, DistilledBy)
    trained = TrainedGenerator.load("out")
    assert (provenance.by, provenance.model) == (method, trained.fingerprint)
    assert provenance.params["settings"]["weight"] == 1.5
    assert provenance.params["generator"]["model"] == "cdcgan"
    lines = lines_of(here / "out" / "log.jsonl")
    assert [line["step"] for line in lines] == [2, 4]
    assert all((line["test_term"] > 0) == (method == "gan-difference") for line in lines)
    assert names_in(here / "out" / "grids") == ["0000002.png", "0000004.png"]
    assert names_in(here / "out" / "checkpoints") == []
    before = (here / "out" / "generator.safetensors").stat().st_mtime_ns
    assert call(capsys, command)[:2] == (0, output)
    assert (here / "out" / "generator.safetensors").stat().st_mtime_ns == before
    status, _, error = call(capsys, command.replace("1.5", "2"))
    assert (status, "settings.weight is 1.5 there and 2.0 here" in error) == (3, True)
    assert call(capsys, "verify out")[0] == 0
    # It is a generator like any other.
    status, _, error = call(capsys, "augment sample out -n 4 -o more")
    assert status == 0, error
    # What was cut off before the images were drawn is drawn.
    images = np.array(made.images)
    for path in (here / "out" / "dataset").iterdir():
        path.unlink()
    (here / "out" / "dataset").rmdir()
    assert call(capsys, command)[:2] == (0, output)
    np.testing.assert_array_equal(open_dataset("out/dataset").images, images)


def test_a_term_on_the_discriminator_gives_the_plain_gan(here, capsys):
    for name, options in (("plain", "--weight 0"), ("side", "--weight 9 --on discriminator")):
        status, _, error = call(capsys, f"distill data -o {name} {TERM} {options}")
        assert status == 0, error
    plain, side = (open_dataset(f"{name}/dataset") for name in ("plain", "side"))
    assert np.array_equal(plain.images, side.images)


def test_sngan_is_the_default_gan(here, capsys):
    options = TERM.replace("--model cdcgan", "--bottom-width 4 --n-discriminator 2")
    channels = "--generator-channels 4 --discriminator-channels 4 --betas 0 0.8"
    status, _, error = call(capsys, f"distill data -o out {options} {channels}")
    assert status == 0, error
    trained = TrainedGenerator.load("out")
    assert (trained.name, trained.settings.betas) == ("sngan", (0.0, 0.8))
    assert trained.settings.generator_channels == 4


def test_latents_are_searched_once(here, gan, capsys):
    command = f"distill data -o out {LATENT} --generator gan --images-per-class 3 --beta -0.5"
    status, output, error = call(capsys, f"{command} --constraint sphere")
    assert status == 0, error
    assert "searching latents: 4/4 st" in error
    assert output.startswith("latent after 4 steps: loss ")
    assert ", length of latents 1.155\n6 images by latent: out/dataset\n" in output
    made = open_dataset("out/dataset")
    assert made.array("latents").shape == (6, 4)
    assert made.manifest.provenance.model == gan.fingerprint
    assert [line["step"] for line in lines_of(here / "out" / "log.jsonl")] == [2, 4]
    assert names_in(here / "out" / "grids") == ["0000002.png", "0000004.png"]
    assert names_in(here / "out" / "checkpoints") == []
    assert call(capsys, f"{command} --constraint sphere")[:2] == (0, output)
    status, _, error = call(capsys, f"{command} --constraint l2")
    assert (status, "constraint is 'sphere' there and 'l2' here" in error) == (3, True)
    assert call(capsys, "verify out")[0] == 0


def test_the_control_has_the_same_latents_not_moved(here, gan, capsys):
    for name, length in (("moved", "3st"), ("control", "0st")):
        command = f"distill data -o {name} {LATENT} --generator gan".replace("4st", length)
        status, output, error = call(capsys, command)
        assert status == 0, error
    assert output.startswith("latent after 0 steps: length of latents ")
    moved, control = (open_dataset(f"{name}/dataset") for name in ("moved", "control"))
    course = [made.manifest.provenance.params["trajectory"][0] for made in (moved, control)]
    assert course[0] == course[1]
    assert not np.array_equal(moved.array("latents"), control.array("latents"))
    assert names_in(here / "control" / "grids") == ["0000000.png"]


@pytest.mark.parametrize("init", ["real", "topk"])
def test_searches_start_from_real_images(here, gan, capsys, init):
    command = f"distill data -o out {LATENT} --generator gan --init {init} --encoding 4st --pool 8"
    status, _, error = call(capsys, command)
    assert status == 0, error
    provenance = open_dataset("out/dataset").manifest.provenance
    assert provenance.params["init"] == init
    assert "distance" in lines_of(here / "out" / "log.jsonl")[0]


def test_without_a_generator_a_gan_is_trained_first(here, capsys):
    command = f"distill data -o out {LATENT} --model cdcgan --generator-length 2st"
    status, output, error = call(capsys, command)
    assert status == 0, error
    trained = TrainedGenerator.load("out/generator")
    assert (trained.name, trained.history.steps) == ("cdcgan", 2)
    assert names_in(here / "out" / "generator") == ["generator.safetensors", "grids", "log.jsonl"]
    assert open_dataset("out/dataset").manifest.provenance.model == trained.fingerprint
    assert call(capsys, command)[:2] == (0, output)
    assert call(capsys, "verify out")[0] == 0


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("--weight -1", 3, "--weight must be a finite number of at least 0, got -1.0"),
        ("--weight nan", 3, "--weight must be a finite number of at least 0, got nan"),
        ("--weight much", 2, "--weight must be a number, got 'much'"),
        ("--on nothing", 2, "--on must be"),
        ("--images-per-class 0", 3, "--images-per-class must be at least 1, got 0"),
        ("--length 0st", 3, "--length must be longer than 0st"),
        ("--length=-5st", 3, "--length: a length is a number with a unit"),
        ("--images-per-class 10000000000", 3, "--images-per-class must be at most 1,000,000,000"),
        ("--images 4", 2, "--images does not apply to gan-difference"),
        ("--init real", 2, "--init does not apply to gan-difference"),
        ("--validation 4", 2, "--validation does not apply to gan-difference"),
        ("--keep best", 2, "--keep does not apply to gan-difference"),
        ("--embeddings e.npy", 2, "--embeddings does not apply to gan-difference"),
        ("--encoder pca", 2, "--encoder does not apply to gan-difference"),
        ("--generator gan", 2, "--generator does not apply to gan-difference"),
        ("--generator-length 3st", 2, "--generator-length does not apply to gan-difference"),
        ("--alpha 1", 2, "--alpha does not apply to gan-difference"),
        ("--momentum 0.5", 2, "--momentum does not apply to gan-difference"),
        ("--padding 4", 2, "--padding does not apply to gan-difference with --model cdcgan"),
        ("--model cdcvae", 2, "--model must be"),
        ("--start fresh --pretrained-path r", 3, "--pretrained-path needs start"),
        ("--pretraining 2ep", 2, "--pretraining does not apply to --start fresh"),
        ("--pretraining 0ep --start pretrained", 3, "--pretraining must be longer than 0ep"),
        (
            "--pretraining 2ep --start pretrained --pretrained-path r",
            2,
            "--pretraining does not apply to --pretrained-path",
        ),
        ("--start pretrained --pretrained-path r", 4, "r"),
        ("--network resnot", 3, "--network must be MODULE:FUNCTION"),
        ("--network through_gan_networks:without_statistics", 3, "must treat every image alone"),
        ("--batch-size 1", 3, "batch-size must be at least 2, for batch norm; got 1"),
        ("--learning-rate -1", 3, "--learning-rate must be a number above 0, got -1.0"),
        ("--seed -1", 3, "--seed must be a whole number"),
        ("--device cuda", 3, "device must be auto or cpu here, got cuda"),
    ],
)
def test_options_of_terms_that_do_not_fit_leave_nothing(here, capsys, options, status, message):
    given = {name for name in options.split() if name.startswith("--")}
    words = TERM.split()
    kept = [
        part
        for name, part in zip(words[::2], zip(words[::2], words[1::2], strict=True), strict=True)
        if name not in {option.partition("=")[0] for option in given}
    ]
    command = " ".join(word for pair in kept for word in pair)
    found, _, error = call(capsys, f"distill data -o out {command} {options}")
    assert (found, error.count("\n")) == (status, 1), error
    assert message in error
    assert names_in(here) == ["data"]


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("--alpha -1", 3, "--alpha must be a finite number of at least 0, got -1.0"),
        ("--alpha nan", 3, "--alpha must be a finite number of at least 0, got nan"),
        ("--beta inf", 3, "--beta must be a finite number, got inf"),
        ("--alpha 0", 3, "--alpha must not be 0 where beta is 0"),
        ("--penalty -1 --constraint l2", 3, "--penalty must be a finite number of at least 0, got"),
        ("--penalty 1", 2, "--penalty does not apply to --constraint free"),
        ("--penalty 1 --constraint sphere", 2, "--penalty does not apply to --constraint sphere"),
        ("--pretraining 2ep", 2, "--pretraining does not apply to --start fresh"),
        ("--constraint ball", 2, "--constraint must be"),
        ("--images-per-class 0", 3, "--images-per-class must be at least 1, got 0"),
        ("--images-per-class 21 --init real", 3, "class 0 (cat) has 20 samples, but 21 images of"),
        ("--init real --pool 1 --images-per-class 2", 3, "--pool must be at least the 2 images"),
        ("--pool 4", 2, "--pool does not apply to --init noise"),
        ("--encoding 4st", 2, "--encoding does not apply to --init noise"),
        ("--init real --encoding 4ep", 3, "--encoding must be in steps, such as 200st; got '4ep'"),
        ("--encoder pca", 2, "--encoder does not apply to --init noise"),
        ("--images 4", 2, "--images does not apply to latent"),
        ("--validation 4", 2, "--validation does not apply to latent"),
        ("--weight 1", 2, "--weight does not apply to latent"),
        ("--latent-size 4", 2, "--latent-size does not apply to latent"),
        ("--model sngan", 2, "--model does not apply to a given generator"),
        ("--generator-length 1st", 2, "--generator-length does not apply to a given generator"),
        ("--precision bfloat16", 3, "--precision must be float32: gradients through two networks"),
        ("--length=-5st", 3, "--length: a length is a number with a unit"),
        ("--batch-size 0", 3, "--batch-size must be at least 1, got 0"),
        ("--learning-rate 0", 3, "--learning-rate must be a finite number above 0, got 0.0"),
        ("--network resnot", 3, "--network must be MODULE:FUNCTION"),
        ("--generator nowhere", 4, "nowhere"),
        ("--generator data", 3, "data is not the folder of a trained generator: it has no"),
        ("-o gan", 3, "the output gan would replace its own source gan"),
        ("-o data/out", 3, "the output data/out is inside its source data"),
    ],
)
def test_options_of_searches_that_do_not_fit_leave_nothing(
    here, gan, capsys, options, status, message
):
    command = f"distill data {LATENT.replace('--length 4st', '')} {options}"
    for name, value in (("--generator ", "gan"), ("-o ", "out")):
        if name not in options:
            command += f" {name}{value}"
    found, _, error = call(capsys, command)
    assert (found, error.count("\n")) == (status, 1), error
    assert message in error
    assert names_in(here) == ["data", "gan"]


@pytest.mark.parametrize("option", ["--model sngan", "--generator gan", "--weight 1", "--alpha 1"])
def test_other_methods_refuse_options_of_these(here, capsys, option):
    status, _, error = call(capsys, f"distill data -o out --method dm {option}")
    assert (status, f"{option.split()[0]} does not apply to dm" in error) == (2, True)
    assert names_in(here) == ["data"]


def test_generators_of_other_data_are_refused(here, gan, capsys):
    write("large", side=12)
    write("three", n_classes=3, names=("cat", "dog", "emu"))
    write("others", names=("ant", "bee"))
    (here / "flow").mkdir()
    train_generator(
        open_dataset("data"), "flow/generator.safetensors", length="1st", device="cpu",
        settings=flow.Settings(widths=(8, 8), n_steps=2, batch_size=8),
    )  # fmt: skip
    for data, generator, message in (
        ("large", "gan", "images of shape (8, 8, 1), but those of d have (12, 12, 1)"),
        ("three", "gan", "draws 2 classes, but d has 3"),
        ("others", "gan", "d must have the classes of the generator, ('cat', 'dog'); got ('ant'"),
        ("data", "flow", "latents are vectors, such as sngan or cdcvae; those of FlowGenerator"),
    ):
        command = f"distill {data} -o out {LATENT} --generator {generator}"
        status, _, error = call(capsys, command)
        assert (status, error.count("\n")) == (3, 1), error
        assert message in error
        assert not (here / "out").exists()
    # The file changes between two calls.
    status, _, error = call(capsys, f"distill data -o out {LATENT} --generator gan")
    assert status == 0, error
    (here / "gan" / "generator.safetensors").unlink()
    train_generator(
        open_dataset("data"), "gan/generator.safetensors", length="1st", device="cpu", seed=1,
        settings=cdcgan.Settings(batch_size=8, latent_size=4),
    )  # fmt: skip
    status, _, error = call(capsys, f"distill data -o out {LATENT} --generator gan")
    assert (status, "gan has changed since out was begun with it" in error) == (3, True)


def test_data_that_change_between_two_calls_are_refused(here, gan, capsys):
    commands = (f"{TERM} -o a", f"{LATENT} --generator gan -o b")
    for command in commands:
        assert call(capsys, f"distill data {command}")[0] == 0
    shutil.rmtree(here / "data")
    write("data", seed=1)
    for command in commands:
        status, _, error = call(capsys, f"distill data {command}")
        assert (status, "the training data has changed since" in error) == (3, True)


def test_outputs_that_hold_something_else_are_refused(here, gan, capsys):
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("x")
    for command in (f"{TERM} -o mine", f"{LATENT} --generator gan -o mine"):
        status, _, error = call(capsys, f"distill data {command}")
        assert status == 4, error
        assert "mine is not empty and is not the folder of a run" in error
    assert names_in(here / "mine") == ["notes.txt"]


def test_divergences_are_named_and_keep_the_last_good_state(here, gan, capsys):
    for command, out, name in (
        (f"{TERM} --learning-rate 1e38", "term", "gan-difference, cdcgan: "),
        (f"{LATENT} --generator gan --alpha 1e300", "search", "latent: "),
    ):
        longer = command.replace("4st", "12st").replace("--evaluations 2", "--evaluations 12")
        status, _, error = call(capsys, f"distill data -o {out} {longer}")
        assert status == 3, error
        assert name in error
        assert not (here / out / "dataset").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["term", "latent"])
def test_interrupted_runs_resume_to_the_same_images(here, gan, kind):
    convnet = "--network convnet --width 0.05"
    command = {
        "term": f"distill data {TERM.replace('4st', '40st')} --start pretrained",
        "latent": f"distill data {LATENT.replace('4st', '60st')} --generator gan --init real "
        "--encoding 20st --pool 8",
    }[kind].replace("--evaluations 2", "--evaluations 4")
    command = command.replace("--network smooth_networks:perceptron", convnet)
    name = {"term": "generator", "latent": "distillation"}[kind]
    assert main(shlex.split(f"{command} -o whole")) == 0
    interrupt(
        [*shlex.split(command), "-o", "broken"],
        here / "broken" / "checkpoints" / f"{name}.safetensors",
    )
    assert not (here / "broken" / "dataset").exists()
    assert main(shlex.split(f"{command} -o broken")) == 0
    whole, broken = (open_dataset(f"{folder}/dataset") for folder in ("whole", "broken"))
    np.testing.assert_array_equal(whole.images, broken.images)
