"""Arms that add or replace images: their data are what they say, made once and shared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from thinset.augmentation.generators import flow, sngan
from thinset.data import DatasetWriter, open_dataset
from thinset.duration import Duration
from thinset.experiments.cells import cells_of
from thinset.experiments.generation import GenerationSettings
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.prepare import generated
from thinset.experiments.settings import EncoderSettings, StudySettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.results import Arm

STEPS = Duration(2, "st")
GENERATION = GenerationSettings(
    length=STEPS,
    evaluations=1,
    candidates=3,
    classifier_length=STEPS,
    flow=flow.Settings(batch_size=16, widths=(8, 8), n_steps=1),
    sngan=sngan.Settings(
        batch_size=16, n_discriminator=2, generator_channels=4, discriminator_channels=4
    ),
)
SETTINGS = StudySettings(
    seeds=(0,),
    sizes=(37,),
    totals=(STEPS,),
    encoder=EncoderSettings(kind="pca", n_components=4),
    generation=GENERATION,
    training=TrainingSettings(batch_size=16, evaluations=1, width=0.1),
)


def write(folder, *, n=100, shape=(8, 8, 1), dtype="uint8", labels=None, **more):
    """A dataset folder of random images; labels take turns through 4 classes by default."""
    random = np.random.default_rng(0)
    images = random.random((n, *shape), np.float32)
    images = (255 * images).astype(np.uint8) if dtype == "uint8" else images
    with DatasetWriter(
        folder, name=folder.name, image_shape=shape, image_dtype=dtype, n_samples=n, **more
    ) as writer:
        if labels is not False:
            labels = np.arange(n) % 4 if labels is None else labels
            if np.ndim(labels) == 2:
                writer.append(images, soft_labels=labels)
            else:
                writer.append(images, labels)
        else:
            writer.append(images)


@pytest.fixture
def source(tmp_path):
    write(tmp_path / "data" / "train")
    write(tmp_path / "data" / "test", n=24)
    return tmp_path / "data"


def study(source, out, *arms, **changes):
    settings = dataclasses.replace(SETTINGS, arms=tuple(map(Arm.parse, arms)), **changes)
    return Study(Where(str(source), out, device="cpu"), settings)


def data_of(made, arm, seed=0):
    cell = next(
        cell for cell in cells_of(made.settings) if (str(cell.arm), cell.seed) == (arm, seed)
    )
    bench = made.bench
    return bench.subset(cell).data if cell.arm.has_fast_phase else bench._full_of(cell)


ADDED = [
    "full:augment=augorig", "full:augment=blur", "full:augment=rot", "full:augment=rotblur",
    "full:augment=interpolate", "full:augment=cdcgan", "full:augment=cdcvae", "full:augment=flow",
    "full:augment=sngan",
]  # fmt: skip
ALONE = [
    "generated:flow", "generated:flow:keep=confidence", "generated:flow:keep=typicality",
    "generated:flow:keep=coverage",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::thinset.augmentation.train.CollapseWarning")
def test_the_data_of_every_arm_are_what_it_says(source, tmp_path, monkeypatch):
    made = study(
        source, tmp_path / "out", "full", *ADDED, "random:augment=flow", *ALONE, "generated:sngan"
    )
    records = {str(record.arm): record for record in made.train()}
    assert not made.left_out
    real = open_dataset(source / "train")
    for arm in ADDED:
        data = data_of(made, arm)
        assert len(data) == 200
        np.testing.assert_array_equal(data.images[:100], real.images)
        np.testing.assert_array_equal(data.labels[:100], real.labels)
        assert np.bincount(data.labels[100:]).tolist() == [25] * 4
        is_copy = np.array_equal(data.images[100:], real.images)
        assert is_copy == (arm == "full:augment=augorig")
        assert (records[arm].n_full, records[arm].n_trained) == (100, 200)
    subset = data_of(made, "random:augment=flow")
    assert len(subset) == 74
    assert records["random:augment=flow"].fast_phase.n_samples == 74
    found = {tuple(image.ravel()) for image in real.images}
    assert all(tuple(image.ravel()) in found for image in subset.images[:37])
    for arm in (*ALONE, "generated:sngan"):
        data = data_of(made, arm)
        assert sorted(np.bincount(data.labels)) == [9, 9, 9, 10]
        assert records[arm].fast_phase.n_samples == 37
    # The kept ones are among three times as many, which are drawn once.
    drawn = open_dataset(made.folder.subset("generated-flow-n111-seed0"))
    candidates = {tuple(image.ravel()) for image in drawn.images}
    for arm in ALONE[1:]:
        assert all(tuple(image.ravel()) in candidates for image in data_of(made, arm).images)
    # The cost of generators, classifiers and images is that of each arm that uses them.
    stages = made.folder.stage_seconds
    for arm, record in records.items():
        spent = record.preparation_seconds
        kind = record.arm.generator
        assert ("training the generator" in spent) == (kind is not None)
        if kind is not None:
            trained = stages[f"training a generator ({kind}, seed 0)"]
            assert spent["training the generator"] == trained > 0
        assert ("training the classifier" in spent) == ("keep" in arm)
        assert ("keeping" in spent) == ("keep" in arm)
        assert ("augmenting" in spent) == ("augment=" in arm)
        assert ("generating" in spent) == ("generated" in arm)
    # Nothing is made twice.
    monkeypatch.setattr(generated, "train_and_keep_generator", None)
    monkeypatch.setattr(generated, "make_images", None)
    for path in made.folder.records.glob("*"):
        path.unlink()
    again = {str(record.arm): record for record in made.train()}
    for arm, record in records.items():
        assert again[arm].final == record.final
        assert again[arm].preparation_seconds == record.preparation_seconds


def test_seeds_take_turns_through_the_generators(source, tmp_path):
    generation = dataclasses.replace(GENERATION, n_seeds=2)
    made = study(
        source, tmp_path / "out", "full:augment=flow", seeds=(0, 1, 2), generation=generation
    )
    made.train()
    files = sorted(path.name for path in made.folder.path.glob("generators/*.safetensors"))
    assert files == ["flow-seed0.safetensors", "flow-seed1.safetensors"]
    images = [data_of(made, "full:augment=flow", seed).images[100:] for seed in (0, 1, 2)]
    assert [made.bench.artificial.generator("flow", seed).seed for seed in (0, 1, 2)] == [0, 1, 0]
    # One generator, other latents.
    assert not np.array_equal(images[0], images[2])


def test_a_killed_generator_resumes(source, tmp_path, monkeypatch):
    whole = study(source, tmp_path / "whole", "full:augment=flow")
    whole.train()
    broken = study(source, tmp_path / "broken", "full:augment=flow")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(generated, "store_training", stop)  # trained, but not yet stored
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    monkeypatch.undo()
    checkpoint = broken.folder.checkpoint("generator-flow-seed0")
    assert checkpoint.exists()
    steps = []
    monkeypatch.setattr(
        "thinset.training.learners.generative.GenerativeLearner.step",
        lambda *_: steps.append(1),
    )
    broken.train()
    assert (steps, checkpoint.exists()) == ([], False)
    found = [data_of(made, "full:augment=flow").images for made in (whole, broken)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (10, 8, 1)}, "height of images must be divisible by 4, got 10"),
        ({"labels": np.where(np.arange(100) < 99, np.arange(100) % 3, 3)}, "class 3 has a single"),
    ],
)
@pytest.mark.parametrize("arm", ["full:augment=flow", "generated:cdcgan", "random:augment=cdcvae"])
def test_data_that_cannot_train_a_generator_are_refused_before_any_training(
    tmp_path, changes, message, arm
):
    write(tmp_path / "data" / "train", **changes)
    write(tmp_path / "data" / "test", **changes)
    with pytest.raises(ValueError, match=message):
        study(tmp_path / "data", tmp_path / "out", "full", arm)
    assert not (tmp_path / "out" / "records").exists()
    assert not (tmp_path / "out" / "generators").exists()
    # Methods without a generator need none of that.
    assert study(tmp_path / "data", tmp_path / "out", "full:augment=rot").train()


@pytest.mark.parametrize("arm", ["full:augment=sngan", "generated:sngan"])
def test_each_generator_says_which_sides_it_draws(tmp_path, arm):
    for split in ("train", "test"):
        write(tmp_path / "data" / split, shape=(8, 12, 1))
    with pytest.raises(ValueError, match="images must be square, got 8x12"):
        study(tmp_path / "data", tmp_path / "out", "generated:flow", arm)
    assert not (tmp_path / "out" / "records").exists()
    study(tmp_path / "data", tmp_path / "out", "generated:flow")


def test_data_without_labels_are_refused(tmp_path):
    write(tmp_path / "data" / "train", labels=False)
    with pytest.raises(ValueError, match="no labels"):
        study(tmp_path / "data", tmp_path / "out", "full:augment=flow")


def test_float_images_stay_float(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / "data" / split, dtype="float32")
    arms = ("full:augment=flow", "full:augment=rotblur", "generated:flow:keep=typicality")
    made = study(tmp_path / "data", tmp_path / "out", *arms)
    assert len(made.train()) == 3
    for arm in arms:
        images = data_of(made, arm).images
        assert images.dtype == np.float32
        assert 0 <= images.min() <= images.max() <= 1


def test_encoded_images_are_decoded_once_and_paid_for(source, tmp_path):
    made = study(
        source, tmp_path / "out", "full:augment=flow", from_encoded=True, photograph_side=16
    )
    (record,) = made.train()
    assert "decoding everything" in record.preparation_seconds
    assert len(data_of(made, "full:augment=flow")) == 200


def test_scores_in_training_are_those_of_the_classifier(source, tmp_path):
    generation = dataclasses.replace(GENERATION, n_scored=12, evaluations=2)
    made = study(source, tmp_path / "out", "full:augment=flow", generation=generation)
    model = made.bench.artificial.generator("flow", 0)
    assert [set(point.scores) >= {"fid", "agreement"} for point in model.history.curve] == [
        True
    ] * 2
    assert all(0 <= point.scores["agreement"] <= 1 for point in model.history.curve)


def test_a_repeated_step_writes_its_grid_again(tmp_path, monkeypatch):
    monkeypatch.setattr(generated, "shown_rows", lambda *_: np.zeros((10, 8, 8, 1), np.uint8))
    logged = []
    for steps in ((2, 4), (4, 6)):  # as after an interruption between 2 and 4
        grids = generated.SampleGrids(tmp_path / "grids", lambda _, step: logged.append(step), [0])
        for step in steps:
            assert grids(None) == {}
            grids.log({}, step)
    names = sorted(path.name for path in (tmp_path / "grids").iterdir())
    assert names == ["0000002.png", "0000004.png", "0000006.png"]
    assert logged == [2, 4, 4, 6]
