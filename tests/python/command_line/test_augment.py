"""thinset augment as a person calls it, on the embedded digits and small folders."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from interrupted_commands import interrupt
from thinset.augmentation.trained_generator import TrainedGenerator
from thinset.command_line import main
from thinset.data import DatasetWriter, open_dataset
from thinset.training import TrainingDivergedError
from thinset.training.loop.checkpoint import read_tensors, write_tensors

FLOW = "--model flow --length 3st --widths 8 8 --batch-size 16 --n-steps 1 --evaluations 2"
pytestmark = pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")


def write(folder, *, shape=(8, 8, 1), n=40, labels=None, seed=0, class_names=("cat", "dog")):
    random = np.random.default_rng(seed)
    with DatasetWriter(
        folder, name="d", image_shape=shape, image_dtype="uint8", n_samples=n,
        class_names=class_names,
    ) as writer:  # fmt: skip
        writer.append(
            random.integers(0, 256, (n, *shape), np.uint8),
            np.arange(n) % 2 if labels is None else labels,
        )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write(folder / "data")
    command = f"augment train {folder / 'data'} -o {folder / 'flow'} {FLOW} --device cpu"
    assert main(command.split()) == 0
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data")
    return tmp_path


def call(capsys, command):
    capsys.readouterr()
    status = main(command.split())
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("source", ["data", "pair"])
def test_data_that_are_refused_leave_no_folder(here, capsys, source):
    labels = np.arange(40) % 2
    labels[labels == 1] = [1, *[0] * 19]
    shutil.rmtree("data")
    if source == "data":
        write(here / "data", labels=labels)
    else:
        (here / "pair").mkdir()
        np.save("pair/images.npy", np.zeros((40, 8, 8, 1), np.uint8))
        np.save("pair/labels.npy", labels)
    for command in (
        f"augment train {source} -o new/out {FLOW} --device cpu",
        f"augment apply {source} --method flow -o new/out --widths 8 8 --device cpu",
        "augment apply nowhere --method rot -o new/out --device cpu",
        "embed nowhere -o new/out --encoder pca",
        "run nowhere -o new/out",
    ):
        status, _, error = call(capsys, command)
        assert status in (3, 4), error
        assert names_in(here) == [source]


def test_digits_are_learned_drawn_and_trained_on(here, capsys):
    status, output, error = call(capsys, f"augment train digits -o flow {FLOW}")
    assert status == 0, error
    assert "flow after 3 steps: " in output
    assert output.endswith("generator: flow/generator.safetensors\n")
    assert len(list((here / "flow" / "grids").glob("*.png"))) == 2
    lines = [json.loads(line) for line in (here / "flow" / "log.jsonl").read_text().splitlines()]
    assert any("diversity" in str(line) for line in lines)
    assert not (here / "flow" / "checkpoints" / "generator.safetensors").exists()
    # Again: nothing is trained.
    before = (here / "flow" / "generator.safetensors").stat().st_mtime_ns
    assert call(capsys, f"augment train digits -o flow {FLOW}")[1] == output
    assert (here / "flow" / "generator.safetensors").stat().st_mtime_ns == before
    status, output, error = call(capsys, "augment sample flow -n 25 --balanced -o drawn")
    assert (status, output) == (0, "25 images by flow: drawn\n"), error
    assert np.bincount(open_dataset("drawn").labels).tolist() == [3] * 5 + [2] * 5
    assert call(capsys, "verify .")[0] == 0
    status, _, error = call(
        capsys,
        "compare digits -o study --methods full full+data:drawn data:drawn --steps 2st --seeds 0 "
        "--preset smoke",
    )
    assert status == 0, error


def test_images_do_not_depend_on_how_many_are_drawn(trained, here, capsys):
    model = trained / "flow"
    for options in ("-n 9 -o short", "-n 20 -o long --batch-size 3"):
        assert call(capsys, f"augment sample {model} {options}")[0] == 0
    short, long = open_dataset("short"), open_dataset("long")
    np.testing.assert_array_equal(short.labels, long.labels[:9])
    difference = short.images.astype(int) - long.images[:9]
    assert np.abs(difference).max() <= 1  # rounding depends on the batch size
    assert call(capsys, f"augment sample {model}/generator.safetensors -n 9 -o s --seed 1")[0] == 0
    assert not np.array_equal(open_dataset("s").images, short.images)


@pytest.mark.parametrize(
    ("classes", "counts"),
    [("dog", [0, 6]), ("1", [0, 6]), ("cat dog", [3, 3]), ("0 dog", [3, 3])],
)
def test_classes_are_named_or_numbered(trained, here, capsys, classes, counts):
    command = f"augment sample {trained / 'flow'} -n 6 -o out --classes {classes}"
    assert call(capsys, command)[0] == 0
    assert np.bincount(open_dataset("out").labels, minlength=2).tolist() == counts


def test_natural_classes_follow_the_data(tmp_path, capsys):
    labels = np.array([0] * 38 + [1] * 2)
    write(tmp_path / "data", labels=labels)
    assert main(f"augment train {tmp_path}/data -o {tmp_path}/flow {FLOW}".split()) == 0
    assert main(f"augment sample {tmp_path}/flow -n 200 --natural -o {tmp_path}/n".split()) == 0
    assert 1 <= np.bincount(open_dataset(tmp_path / "n").labels, minlength=2)[1] <= 30


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("-n 0 -o out", 3, "-n must be at least 1, got 0"),
        ("-n -3 -o out", 3, "-n must be at least 1, got -3"),
        ("-n 99999999999999999999999 -o out", 3, "-n must be at most 100,000,000, got 99999999"),
        ("-n x -o out", 2, ""),
        ("-n 3 -o out --classes bird", 3, "unknown class 'bird'; the model knows cat, dog"),
        ("-n 3 -o out --classes 2", 3, "unknown class '2'"),
        ("-n 3 -o out --classes -1", 3, "unknown class '-1'"),
        ("-n 3 -o out --classes cat 0", 3, "--classes must be distinct, got cat 0"),
        ("-n 3 -o out --natural --classes cat", 2, "give one of --balanced, --natural and"),
        ("-n 3 -o out --batch-size 0", 3, "--batch-size must be at least 1, got 0"),
        ("-n 3 -o data", 4, "already exists"),
        ("-n 3 -o . --overwrite", 4, "is not replaced"),
        ("-n 3 -o out --device cuda", 3, ""),
        ("-n 3 -o out --seed -1", 3, "seed"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(trained, here, capsys, options, status, message):
    found, _, error = call(capsys, f"augment sample {trained / 'flow'} {options}")
    assert found == status, error
    assert message in error
    assert status == 2 or error.count("\n") == 1
    assert names_in(here) == ["data"]


def test_files_that_hold_no_generator_are_refused(trained, here, capsys):
    model = trained / "flow" / "generator.safetensors"
    whole = model.read_bytes()
    tensors, content = read_tensors(model)
    write_tensors(here / "m", tensors, {**content, "version": 9})
    (here / "cut").write_bytes(whole[:-9])
    for name, status in (("m", 3), ("cut", 3), ("nothing", 4), ("data", 3)):
        found, _, error = call(capsys, f"augment sample {name} -n 3 -o out")
        assert (found, error.count("\n")) == (status, 1), error
        assert name in error
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--model flow --beta 2", "--beta does not apply to flow"),
        ("--model cdcgan --beta 2", "--beta does not apply to cdcgan"),
        ("--model cdcvae --loss hinge", "--loss does not apply to cdcvae"),
        ("--model cdcvae --spectral-norm", "--spectral-norm does not apply to cdcvae"),
        ("--model flow --amsgrad", "--amsgrad does not apply to flow"),
        ("--model cdcgan --widths 8 8", "--widths does not apply to cdcgan"),
        ("--model flow --widths 8 9", "widths must be multiples of 8"),
        ("--batch-size 1", "--batch-size must be at least 2"),
        ("--batch-size 0", "--batch-size must be"),
        ("--learning-rate -1", "--learning-rate must be a number above 0, got -1.0"),
        ("--differentiable wobble", "--differentiable must be names among color, brightness"),
        ("--length 0st", "0st"),
        ("--n-discriminator 5 --length 3st", "--length 3st is 3 steps, too few to train the gen"),
        ("--model sngan --length 1ep", "generator of sngan once: with --n-discriminator 5 it ta"),
        ("--length 5", "--length: a length is a number with a unit"),
        ("--evaluations 0", "evaluations"),
        (
            "--image-size 10 8",
            "divisible by 4, got 10; resize them to 12, for example with --image-size 12 8",
        ),
        (
            "--image-size 0 0",
            "--image-size must be the height and the width, each from 1 to 65,536",
        ),
        ("--image-size 400000000 8", "65,536, such as --image-size 32 32; got 400000000 8"),
        ("--seed -1", "--seed must be a whole number from 0 to 2**63 - 1, got -1"),
        ("--model cdcvae --beta -1", "beta"),
        ("--model sngan --penalty 1", "--penalty does not apply to sngan"),
        ("--model sngan --spectral-norm", "--spectral-norm does not apply to sngan"),
        ("--model sngan --generator-rate 2", "--generator-rate does not apply to sngan"),
        ("--model sngan --matches-features", "--matches-features does not apply to sngan"),
        ("--model sngan --amsgrad", "--amsgrad does not apply to sngan"),
        ("--model sngan --beta 2", "--beta does not apply to sngan"),
        ("--model sngan --widths 8 8", "--widths does not apply to sngan"),
        ("--model cdcgan --betas 0 0.9", "--betas does not apply to cdcgan"),
        ("--model cdcgan --padding 0", "--padding does not apply to cdcgan"),
        ("--model flow --bottom-width 4", "--bottom-width does not apply to flow"),
        ("--model cdcvae --shortcuts all", "--shortcuts does not apply to cdcvae"),
        ("--model cdcgan --output-norm plain", "--output-norm does not apply to cdcgan"),
        ("--model flow --generator-channels 8", "--generator-channels does not apply to flow"),
        ("--discriminator-channels 8", "--discriminator-channels does not apply to cdcgan"),
        ("--model sngan --betas 0 1", "--betas must be at least 0 and less than 1, got (0.0, 1"),
        ("--model sngan --padding -1", "--padding must be a whole number from 0"),
        ("--model sngan --bottom-width 0", "--bottom-width must be"),
        ("--model sngan --n-discriminator 0", "--n-discriminator must be"),
        ("--model sngan --image-size 20 20", "got 20; resize them to 16 or 32"),
        ("--model sngan --image-size 24 32", "images must be square, got 24x32"),
        ("--model sngan --bottom-width 5 --image-size 8 8", "the bottom width 5 times"),
        ("--model cdcgan --penalty -1", "penalty"),
        ("--ema-decay 2", "--ema-decay must be"),
        ("--ema-decay 1", "--ema-decay must be at least 0 and less than 1, got 1"),
        ("--latent-size 0", "--latent-size must be"),
        ("--latent-size 4000000000000000000", "--latent-size must be at most 65536, got 4000000"),
        ("--model cdcvae --latent-size 65537", "--latent-size must be at most 65536, got 65537"),
        ("--model flow --widths 8000000 8", "--widths must be at most 65536, got 8000000 8"),
        ("--model flow --widths 0 8", "--widths must be a whole number from 1 to 2**63 - 1, got 0"),
    ],
)
def test_settings_that_do_not_fit_leave_nothing(here, capsys, options, message):
    status, _, error = call(capsys, f"augment train data -o out {options}")
    expected = 2 if "does not apply" in message else 3
    assert (status, error.count("\n")) == (expected, 1), error
    assert message in error
    assert names_in(here) == ["data"]


def test_a_residual_gan_is_trained_drawn_from_and_applied(here, capsys):
    options = (
        "--batch-size 16 --generator-channels 4 --discriminator-channels 4 --n-discriminator 2 "
        "--padding auto --bottom-width 4 --betas 0 0.9 --shortcuts all --output-norm conditional "
        "--loss hinge --differentiable color --ema-decay 0.9 --length 4st"
    )
    status, output, error = call(
        capsys, f"augment train data -o model --model sngan {options} --evaluations 2"
    )
    assert status == 0, error
    assert "sngan after 4 steps: discriminator_loss " in output
    settings = TrainedGenerator.load("model").settings
    assert (settings.padding, settings.shortcuts, settings.n_discriminator) == ("auto", "all", 2)
    assert len(list((here / "model" / "grids").glob("*.png"))) == 2
    assert call(capsys, "augment sample model -n 6 --balanced -o drawn")[0] == 0
    assert open_dataset("drawn").images.shape == (6, 8, 8, 1)
    for command in ("--model model -o out", f"{options} -o again"):
        status, _, error = call(capsys, f"augment apply data --method sngan {command}")
        assert status == 0, error
    assert open_dataset("out").images.shape == open_dataset("again").images.shape == (40, 8, 8, 1)
    status, _, error = call(capsys, "augment apply data --method cdcgan --model model -o other")
    assert (status, "holds a sngan; cdcgan needs a cdcgan" in error) == (3, True), error


def test_zero_is_a_value_and_not_the_default(here, capsys):
    command = "augment train data -o out --model cdcvae --length 1st --batch-size 16 --beta 0"
    assert call(capsys, f"{command} --evaluations 1")[0] == 0
    assert TrainedGenerator.load("out").settings.beta == 0


def test_options_of_another_training_are_refused_in_its_folder(here, capsys):
    assert call(capsys, f"augment train data -o out {FLOW}")[0] == 0
    status, _, error = call(capsys, f"augment train data -o out {FLOW} --seed 1")
    assert (status, "seed" in error) == (3, True)
    # Of another model, before the settings that only one of the two has.
    status, _, error = call(capsys, "augment train data -o out --model sngan --length 9st")
    assert (status, "settings.model is 'flow' there and 'sngan' here" in error) == (3, True), error


@pytest.mark.parametrize("method", ["rot", "blur", "rotblur", "augorig"])
@pytest.mark.parametrize("source", ["data", "digits"])
def test_transformed_images_keep_their_labels(here, capsys, method, source):
    status, output, error = call(capsys, f"augment apply {source} --method {method} -o new/out")
    assert status == 0, error
    made = open_dataset("new/out")
    assert output == f"{len(made)} images by {method}: new/out\n"
    assert len(made) == (40 if source == "data" else 1438)
    if source == "data":
        real = open_dataset("data")
        np.testing.assert_array_equal(made.labels, real.labels)
        assert np.array_equal(made.images, real.images) == (method == "augorig")
    assert names_in(here / "new") == ["out"]


def test_apply_trains_a_generator_first_and_resumes(here, capsys, monkeypatch):
    options = FLOW.replace("--model flow ", "").replace("--evaluations 2", "")
    command = f"augment apply digits --method flow -o out {options} --image-size 8 8"
    with monkeypatch.context() as patched:
        patched.setattr(
            "thinset.experiments.prepare.generated.make_images",
            lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        assert call(capsys, command)[0] == 130
    assert names_in(here) == ["data", "out-model"]
    before = (here / "out-model" / "generator.safetensors").stat().st_mtime_ns
    assert call(capsys, command)[0] == 0
    assert (here / "out-model" / "generator.safetensors").stat().st_mtime_ns == before
    assert len(open_dataset("out")) == 1438
    status, _, error = call(capsys, f"{command} --overwrite --seed 3")
    assert (status, "seed" in error) == (3, True)  # the model beside it has another seed
    assert call(capsys, "augment apply digits --method flow --model out-model -o other")[0] == 0
    np.testing.assert_array_equal(open_dataset("other").images, open_dataset("out").images)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("--method rot --beta 2 -o out", 2, "--beta does not apply to rot, which has no generator"),
        ("--method rot --model flow -o out", 2, "--model does not apply to rot"),
        ("--method rot --length 3st -o out", 2, "--length does not apply to rot"),
        ("--method cdcgan --beta 2 -o out", 2, "--beta does not apply to cdcgan"),
        ("--method flow --model {flow} --n-steps 3 -o out", 2, "--n-steps does not apply to the"),
        ("--method flow --model {flow} --length 3st -o out", 2, "--length does not apply to the"),
        ("--method cdcvae --model {flow} -o out", 3, "holds a flow; cdcvae needs a cdcvae"),
        ("--method interpolate --model {flow} -o out", 3, "holds a flow; interpolate needs a"),
        ("--method flow --model nothing -o out", 4, "nothing"),
        ("--method flow -o data", 4, "data already exists; choose another output"),
        ("--method flow -o data --overwrite", 3, "would replace its own source"),
        ("--method rot -o . --overwrite", 3, "would replace its own source"),
        ("--method flow --model {flow} --image-size 12 12 -o out", 3, "model's shape (8, 8, 1)"),
        ("--method flow -o . --overwrite", 3, "would replace its own source"),
        ("--method mixup -o out", 2, "mixup"),
    ],
)
def test_what_cannot_be_applied_is_refused_before_training(
    trained, here, capsys, options, status, message
):
    command = f"augment apply data {options.format(flow=trained / 'flow')}"
    found, _, error = call(capsys, command)
    assert found == status, error
    assert message in error
    assert names_in(here) == ["data"]
    assert open_dataset("data").fingerprint == open_dataset(trained / "data").fingerprint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"shape": (8, 8, 3)}, "must have the model's shape (8, 8, 1), got (8, 8, 3)"),
        ({"shape": (12, 12, 1)}, "must have the model's shape (8, 8, 1), got (12, 12, 1)"),
        ({"class_names": ("dog", "cat")}, "must have the classes of the model, ('cat', 'dog')"),
    ],
)
def test_images_of_another_kind_are_not_put_beside_the_data(trained, here, capsys, data, message):
    write(here / "other", **data)
    command = f"augment apply other --method flow --model {trained / 'flow'} -o out"
    status, _, error = call(capsys, command)
    assert (status, message in error) == (3, True), error
    assert names_in(here) == ["data", "other"]


def test_only_dataset_folders_are_replaced(trained, here, capsys):
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("x")
    for command in (
        f"augment sample {trained / 'flow'} -n 3 -o mine --overwrite",
        "augment apply data --method rot -o mine --overwrite",
    ):
        assert call(capsys, command)[0] == 4
    assert names_in(here / "mine") == ["notes.txt"]
    for command in (
        f"augment sample {trained / 'flow'} -n 3 -o out --overwrite",
        "augment apply data --method rot -o out --overwrite",
        "augment apply data --method augorig -o out --overwrite",
    ):
        assert call(capsys, command)[0] == 0
    assert len(open_dataset("out")) == 40


def test_a_divergence_is_named_and_keeps_the_last_good_state(here, capsys):
    status, _, error = call(
        capsys,
        "augment train data -o out --model cdcvae --length 40st --batch-size 16 --evaluations 40 "
        "--learning-rate 1e30",
    )
    assert status == 3, error
    assert "cdcvae: " in error
    assert "Traceback" not in error
    assert not (here / "out" / "generator.safetensors").exists()
    assert issubclass(TrainingDivergedError, ValueError)


def test_interrupted_training_says_so_and_resumes_to_the_same_weights(here):
    command = (
        "augment train data --model flow --length 60st --widths 8 8 --batch-size 16 --n-steps 1 "
        "--evaluations 6 --device cpu"
    )
    assert main(f"{command} -o whole".split()) == 0
    interrupt([*command.split(), "-o", "broken"], here / "broken" / "grids" / "0000020.png")
    assert not (here / "broken" / "generator.safetensors").exists()
    assert (here / "broken" / "checkpoints" / "generator.safetensors").exists()
    assert main(f"{command} -o broken".split()) == 0
    models = [TrainedGenerator.load(here / name) for name in ("whole", "broken")]
    assert models[0].fingerprint == models[1].fingerprint
    # The steps that were repeated have one grid each.
    grids = [sorted((here / name / "grids").iterdir()) for name in ("whole", "broken")]
    assert [path.name for path in grids[1]] == [f"{step:07d}.png" for step in range(10, 61, 10)]
    assert [path.read_bytes() for path in grids[0]] == [path.read_bytes() for path in grids[1]]
