"""Learning curves with artificial images on the embedded digits, as short as they go."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from thinset.augmentation.generators import flow
from thinset.command_line import main
from thinset.data import DatasetWriter, open_dataset, write_subset
from thinset.duration import Duration
from thinset.experiments.augmentation_settings import AugmentationSettings
from thinset.experiments.cells import cells_of
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.generation import GenerationSettings
from thinset.experiments.kinds import augmentation
from thinset.experiments.learning_curve import LearningCurve
from thinset.experiments.prepare import generated, kept
from thinset.experiments.settings import TrainingSettings
from thinset.experiments.shown_generators import (
    store_grid,
    stored_extractor,
    stored_grid,
    stored_training,
)
from thinset.experiments.verification import verify
from thinset.experiments.where import Where
from thinset.files.json import read_json, write_json_with_digest
from thinset.results import Arm, load_records
from thinset.results.measures import load_measures
from thinset.training import TrainingDivergedError

STEPS = Duration(2, "st")
SETTINGS = AugmentationSettings(
    n_train=1000,
    shares=(0.1, 0.2, 1.0),
    arms=tuple(map(Arm.parse, ("full", "full:augment=augorig", "full:augment=flow"))),
    seeds=(0, 1),
    totals=(STEPS,),
    measured=("augorig", "rot", "flow"),
    shown=("flow",),
    generation=GenerationSettings(
        length=STEPS,
        evaluations=2,
        classifier_length=STEPS,
        flow=flow.Settings(batch_size=16, widths=(8, 8), n_steps=1),
    ),
    training=TrainingSettings(
        model="vgg", width=0.1, optimizer="adam", learning_rate=0.001, batch_size=16,
        evaluations=1, keep="best",
    ),
)  # fmt: skip
RECIPE = recipe_of("aug-table2")


def make(settings, out, note=lambda _: None):
    where = Where("digits", out, device="cpu", command="thinset reproduce aug-table2")
    return augmentation.make(RECIPE, settings, where, note)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("curves") / "out"
    make(SETTINGS, out)
    return out


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "moved")


def rows_of(dataset):
    return {image.tobytes() for image in dataset.images}


def test_sizes_are_nested_and_leave_validation_data_alone(finished):
    parts = {name: open_dataset(finished / "parts" / name) for name in ("train", "validation")}
    assert (len(parts["train"]), len(parts["validation"])) == (1000, 438)
    train = np.load(finished / "parts" / "train" / "indices.npy")
    validation = np.load(finished / "parts" / "validation" / "indices.npy")
    assert not set(train.tolist()) & set(validation.tolist())
    part = {
        share: open_dataset(finished / f"share-{share}" / "parts" / "train") for share in (0.1, 0.2)
    }
    assert [len(part[share]) for share in (0.1, 0.2)] == [100, 200]
    assert rows_of(part[0.1]) <= rows_of(part[0.2]) <= rows_of(parts["train"])
    # Everything has the same size for all; no copy of it is made.
    assert not (finished / "share-1" / "parts").exists()
    records = load_records(finished / "report" / "records.json")
    assert sorted({record.n_full for record in records}) == [100, 200, 1000]
    assert all("validation accuracy" in record.final for record in records)


def test_a_subset_does_not_depend_on_the_sizes_beside_it(finished, tmp_path):
    settings = dataclasses.replace(SETTINGS, arms=(), measured=("rot",), shown=(), shares=(0.1,))
    make(settings, tmp_path / "alone")
    alone = open_dataset(tmp_path / "alone" / "share-0.1" / "parts" / "train")
    among = open_dataset(finished / "share-0.1" / "parts" / "train")
    assert alone.fingerprint == among.fingerprint


def test_the_page_has_every_section(finished):
    page = (finished / "report" / "index.html").read_text(encoding="utf-8")
    for text in (
        "Accuracy by size of the training data", "Differences", "Logarithmic fits",
        "Validation accuracy", "What the images are like", "Beside the paper", "Samples",
        "Training of the generators", "Where the time went", "original twice",
        "on MNIST", "FID[classifier]", "classifier trained on the real data (SHA-256 ",
    ):  # fmt: skip
        assert text in page, text
    assert "on CIFAR-10" not in page
    assert "digits: 1,000 training samples" in page
    assert "digits/train" not in page
    # Settings of parts that nothing uses are left out.
    settings = page[page.index("<summary>Settings") :]
    assert "flow = model = flow" in settings
    for unused in ("encoder", "distillation", "cdcgan ="):
        assert unused not in settings, unused
    assert "Left out" not in page


def test_measures_are_of_one_classifier_and_count_generators(finished):
    measures = [
        one
        for s in ("0.1", "0.2", "1")
        for one in load_measures(finished / f"share-{s}" / "measures.json")
    ]
    assert len({one.extractor for one in measures}) == 1
    assert [(one.augmentation, one.seed) for one in measures[:5]] == [
        ("augorig", 0), ("rot", 0), ("rot", 1), ("flow", 0), ("flow", 1),
    ]  # fmt: skip
    assert len(measures) == 15
    copies = [one for one in measures if one.augmentation == "augorig"]
    assert all(abs(one.fid) < 1e-3 and one.near_copies == 1 for one in copies)
    for share, one in zip(("0.1", "0.2", "1"), measures[3::5], strict=True):
        assert (one.augmentation, one.seed) == ("flow", 0)
        stages = json.loads((finished / f"share-{share}" / "stages.json").read_text())
        assert one.seconds >= stages["training a generator (flow, seed 0)"] > 0


def test_what_is_added_later_is_all_that_is_made(copied, monkeypatch):
    made = {"generators": 0, "trainings": [], "measures": 0}
    train, measure = generated.train_and_keep_generator, kept.RealClassifier.agreement

    def counted(*args, **options):
        made["generators"] += 1
        return train(*args, **options)

    def counted_measure(*args):
        made["measures"] += 1
        return measure(*args)

    monkeypatch.setattr(generated, "train_and_keep_generator", counted)
    monkeypatch.setattr(kept.RealClassifier, "agreement", counted_measure)

    def note(text):
        if text.startswith("training "):
            made["trainings"].append(text.split(": ")[1])

    make(SETTINGS, copied, note)
    assert made == {"generators": 0, "trainings": [], "measures": 0}
    arms = (*SETTINGS.arms, Arm(augment="rot"))
    more = dataclasses.replace(SETTINGS, arms=arms, shares=(*SETTINGS.shares, 0.5), seeds=(0, 1, 2))
    make(more, copied, note)
    assert made["generators"] == 1  # that of the new size
    assert len(made["trainings"]) == 4 * 4 * 3 - 3 * 3 * 2
    assert made["measures"] == 4 * (1 + 3 + 3) - 15
    page = (copied / "report" / "index.html").read_text(encoding="utf-8")
    assert "50\N{NO-BREAK SPACE}%" in page


def test_a_larger_size_brings_another_classifier_and_measures_by_it(tmp_path):
    small = dataclasses.replace(SETTINGS, arms=(), shown=(), measured=("rot",), seeds=(0,))
    make(dataclasses.replace(small, shares=(0.1, 0.2)), tmp_path / "out")
    make(dataclasses.replace(small, shares=(0.1, 1.0)), tmp_path / "out")
    first, second = load_measures(tmp_path / "out" / "share-0.1" / "measures.json")
    assert first.extractor != second.extractor
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert second.extractor in page
    assert first.extractor not in page


SCORED = dataclasses.replace(
    SETTINGS,
    arms=(),
    measured=(),
    shares=(0.1, 0.2),
    generation=dataclasses.replace(SETTINGS.generation, n_scored=12),
)


def test_one_classifier_scores_the_generators_of_all_sizes(tmp_path):
    out = tmp_path / "out"
    make(SCORED, out)
    files = [out / f"share-{share}" / "generators" / "flow-seed0.json" for share in (0.1, 0.2)]
    judge = stored_extractor(out / "share-0.2")
    assert [stored_training(file).extractor for file in files] == [judge] * 2
    assert [(file.parents[1] / "classifier.safetensors").exists() for file in files] == [
        False,
        True,
    ]
    page = out / "report" / "index.html"
    assert f"share in the asked class by: {judge}" in page.read_text(encoding="utf-8")
    assert "not drawn" not in page.read_text(encoding="utf-8")
    # Earlier versions scored each size by its own classifier, and did not store which.
    for file in files:
        old = {name: value for name, value in read_json(file).items() if name != "extractor"}
        write_json_with_digest(file, old)
    make(SCORED, out)
    text = page.read_text(encoding="utf-8")
    assert "flow, 10\N{NO-BREAK SPACE}%" in text
    assert "not drawn: they are by the classifier trained on 10 % of the data" in text
    assert "flow, 20\N{NO-BREAK SPACE}%" not in text
    assert f"by: {judge}" in text


def test_a_generator_half_scored_by_another_classifier_is_refused(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(generated, "store_training", stop)
        with pytest.raises(KeyboardInterrupt):
            make(dataclasses.replace(SCORED, shares=(0.1,)), tmp_path / "out")
    with pytest.raises(ValueError, match="learner scored by is .* remove it to start again"):
        make(SCORED, tmp_path / "out")


def test_classes_without_training_images_are_neither_drawn_nor_scored(tmp_path, monkeypatch):
    for split, n in (("train", 90), ("test", 30)):
        images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), np.uint8)
        with DatasetWriter(
            tmp_path / "data" / split, name=split, image_shape=(8, 8, 1), image_dtype="uint8",
            n_samples=n, class_names=("a", "b", "c", "d"),
        ) as writer:  # fmt: skip
            writer.append(images, np.array([0, 1, 3])[np.arange(n) % 3])
    scored = []
    monkeypatch.setattr(
        kept.RealClassifier, "agreement", lambda _, data: scored.append(set(data.labels)) or 1.0
    )
    settings = dataclasses.replace(SCORED, shares=(1.0,), n_train=60)
    where = Where(str(tmp_path / "data"), tmp_path / "out", device="cpu")
    augmentation.make(RECIPE, settings, where, lambda _: None)
    assert scored == [{0, 1, 3}] * 2
    grid = tmp_path / "out" / "share-1" / "generators" / "flow-seed0.npz"
    drawn = stored_grid(grid)
    assert len(drawn) == 3 * 10
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "a row for each class but 2 (c), which has no training images" in page
    # Earlier versions drew those classes as well; the grid is drawn again.
    store_grid(grid, np.zeros((40, 8, 8, 1), np.uint8))
    augmentation.make(RECIPE, settings, where, lambda _: None)
    np.testing.assert_array_equal(stored_grid(grid), drawn)


def test_settings_of_the_data_cannot_change_in_a_folder(copied):
    for changes in ({"n_train": 900}, {"validation": 0.3}, {"split_seed": 1}):
        with pytest.raises(ValueError, match=next(iter(changes))):
            make(dataclasses.replace(SETTINGS, **changes), copied)


def test_a_moved_folder_is_reported_verified_and_continued(copied, capsys):
    page = copied / "report" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert main(["report", str(copied)]) == 0
    assert page.read_bytes() == before
    assert main(["verify", str(copied)]) == 0
    notes = []
    make(SETTINGS, copied, notes.append)
    assert not any(note.startswith("training 1") for note in notes)
    capsys.readouterr()


def test_every_kind_of_file_is_verified(copied):
    n_parts = verify(copied)
    changed = [
        "share-0.1/measures.json", "share-0.2/generators/flow-seed0.json",
        "share-0.2/generators/flow-seed0.npz", "share-0.2/generators/flow-seed0.safetensors",
        "share-0.1/generators/flow-seed0.safetensors.seconds.json",
        "share-1/classifier.safetensors",
        "share-0.1/records/steps-full-2st-seed0.json", "share-0.1/settings.json",
        "share-1/extractor.json",
        "share-0.1/subsets/full-flow-seed0/images.npy", "share-0.1/parts/train/labels.npy",
        "settings.json", "parts/validation/images.npy",
    ]  # fmt: skip
    for name in changed:
        whole = (copied / name).read_bytes()
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 4
        (copied / name).write_bytes(damaged)
        with pytest.raises(ValueError, match=name.split("/")[-2] if "/" in name else name):
            verify(copied)
        (copied / name).write_bytes(whole)
    assert verify(copied) == n_parts


def test_a_half_finished_folder_has_a_page(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(LearningCurve, "measure", stop)
    with pytest.raises(KeyboardInterrupt):
        make(dataclasses.replace(SETTINGS, shares=(0.1, 0.2)), tmp_path / "out")
    assert main(["report", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "What the images are like" not in page
    assert "original twice" in page


def test_nothing_finished_is_said(tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(LearningCurve, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        make(SETTINGS, tmp_path / "out")
    assert main(["report", str(tmp_path / "out")]) == 4
    assert "nothing is finished yet" in capsys.readouterr().err


def test_a_generator_that_diverges_is_left_out_by_name(tmp_path, monkeypatch):
    def diverge(*_, **__):
        raise TrainingDivergedError("flow: the loss is not finite at step 1")

    monkeypatch.setattr(generated, "train_and_keep_generator", diverge)
    settings = dataclasses.replace(SETTINGS, shares=(0.1, 0.2), seeds=(0,))
    notes = []
    make(settings, tmp_path / "out", notes.append)
    assert sum("left out: flow: the loss is not finite" in note for note in notes) == 2 * 3
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    for text in ("steps-full augment=flow-2st-seed0, 10", "measuring flow, seed 0, 20",
                 "showing flow, seed 0, 10"):  # fmt: skip
        assert text in page, text
    # Another call leaves them out again without training.
    again = []
    make(settings, tmp_path / "out", again.append)
    assert not any("left out" in note for note in again)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": (0.1, 0.1)}, "shares must be distinct"),
        ({"shares": ()}, "shares must have at least one value"),
        ({"shares": (0.0,)}, "shares must be above 0"),
        ({"seeds": (1, 1)}, "seeds must be distinct"),
        ({"measured": ("mixup",)}, "measured must be among .*got mixup"),
        ({"shown": ("rot",)}, "shown must be among .*got rot"),
        ({"arms": (), "measured": (), "shown": ()}, "there must be arms to train"),
        ({"sizes": (0.1, 0.2)}, "sizes must have one value here, got 2"),
        ({"splits": (0.5, 1.0)}, "splits must have one value here, got 2"),
        ({"accounting": ("everything", "training")}, "accounting must have one value here"),
        ({"totals": (Duration(0, "st"),)}, "totals must be longer than 0st"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **changes)


def test_sides_that_no_generator_draws_are_refused_before_training(tmp_path):
    where = Where("digits", tmp_path / "out", device="cpu", image_size=(10, 10))
    for settings in (
        SETTINGS,
        dataclasses.replace(SETTINGS, arms=()),
        dataclasses.replace(SETTINGS, arms=(), measured=()),
    ):
        with pytest.raises(ValueError, match="divisible by 4, got 10"):
            augmentation.make(RECIPE, settings, where, lambda _: None)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "shape", "brightness", "message"),
    [
        ({"measured": ("rot",)}, (8, 8, 2), 0.5, "at least one image of 1, 3 or 4 channels"),
        ({"measured": ("flow",)}, (8, 8, 1), 0.5, r"class 0 has a single sample; .* at least two"),
        ({"measured": ("rot",), "shares": (0.1, 1)}, (8, 8, 1), 0.5, "has 3 images, too few for c"),
        ({"measured": ("rot",)}, (8, 8, 1), 9, r"must be in \[0, 1\], row 0 holds 9.0"),
        ({"arms": (Arm(augment="rot"),)}, (8, 8, 1), 9, r"must be in \[0, 1\], row 0 holds 9.0"),
    ],
)
def test_the_smallest_size_is_checked_before_training(
    tmp_path, changes, shape, brightness, message
):
    """What would otherwise be found after the trainings at this size, or at larger ones."""
    images, labels = np.full((50, *shape), brightness, np.float32), np.arange(50) % 3
    write_subset(np.arange(50), (images, labels), tmp_path / "data")
    settings = {"n_train": None, "shares": (0.15, 1), "arms": (), "measured": (), "shown": ()}
    settings = dataclasses.replace(SETTINGS, **{**settings, "validation": 0.2, **changes})
    where = Where(str(tmp_path / "data"), tmp_path / "out", device="cpu")
    with pytest.raises(ValueError, match=message):
        augmentation.make(RECIPE, settings, where, lambda _: None)
    assert not (tmp_path / "out").exists()


def test_cells_at_a_size_are_those_of_a_comparison():
    assert [cell.name for cell in cells_of(SETTINGS.at(0.1))][:2] == [
        "steps-full-2st-seed0",
        "steps-full_augment=augorig-2st-seed0",
    ]
