"""What arms train on: data, subsets and validation data of an experiment, each made once."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest

from grids import SETTINGS, arms, lengths
from thinset.data import (
    DatasetWriter,
    encoded_images,
    import_dataset,
    open_dataset,
    write_subset,
)
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.prepare.subsets import typical_distance
from thinset.experiments.settings import TrainingSettings
from thinset.experiments.verification import verify
from thinset.experiments.where import Where
from thinset.results import FastPhase
from thinset.selection import Selection, deduplicate, select


def test_everything_balanced_or_deduplicated_is_trained_as_everything(tmp_path):
    texts = ("full", "full:balanced", "full:dedup=0.3", "full:balanced:dedup=0.3")
    settings = dataclasses.replace(SETTINGS, arms=arms(*texts), seeds=(0,), splits=(0.5, 1.0))
    study = Study(Where("digits", tmp_path / "study"), settings)
    records = {str(record.arm): record for record in study.train()}
    assert tuple(records) == texts  # a split does not apply
    embeddings = np.load(study.folder.embeddings / "embeddings.npy")
    rows = deduplicate(embeddings, 0.3 * typical_distance(embeddings)).representatives
    assert 1 < len(rows) < 1438
    left = open_dataset(study.folder.subset("distinct-0.3"))
    np.testing.assert_array_equal(left.images, study.data.train.images[rows])
    for text, record in records.items():
        is_distinct = "dedup" in text
        assert (record.fast_phase, record.n_full) == (None, 1438)
        assert record.n_trained == (len(rows) if is_distinct else 1438)
        assert [(phase.name, phase.steps) for phase in record.phases] == [("fine-tuning", 6)]
        stages = ["principal components", "leaving out near-duplicates"] if is_distinct else []
        assert list(record.preparation_seconds) == stages
        assert all(seconds > 0 for seconds in record.preparation_seconds.values())
    assert len({record.curve[-1].train_loss for record in records.values()}) == 4
    # Called again, nothing is deduplicated or trained again.
    before = study.folder.stage_seconds
    again = Study(Where("digits", tmp_path / "study"), settings)
    assert {str(record.arm): record for record in again.train()} == records
    assert again.folder.stage_seconds == before


def test_variants_and_deduplication(tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("random", "random:dedup=0.2"),
        seeds=(0,),
        splits=(1.0,),
        variant="redundant",
    )
    study = Study(Where("digits", tmp_path / "study"), settings)
    study.train()
    chosen = {
        name: Selection.load(tmp_path / "study" / "selections" / f"{name}-k100-seed0.npz").indices
        for name in ("random", "random_dedup=0.2")
    }
    images = open_dataset(tmp_path / "study" / "variant").images
    distances = {
        name: np.linalg.norm(
            np.float64(images[rows])[:, None] - np.float64(images[rows])[None], axis=(2, 3)
        ).squeeze(-1)
        + 1e9 * np.eye(100)
        for name, rows in chosen.items()
    }
    nearest = {name: np.median(d.min(axis=1)) for name, d in distances.items()}
    assert nearest["random_dedup=0.2"] > nearest["random"]
    with pytest.raises(ValueError, match="variant must be redundant, or long_tailed"):
        Study(Where("digits", tmp_path / "b"), dataclasses.replace(settings, variant="odd"))
    many = dataclasses.replace(settings, arms=arms("random:dedup=0.9"), sizes=(1400,))
    with pytest.raises(ValueError, match="deduplication leaves .* fewer than the 1400 to select"):
        Study(Where("digits", tmp_path / "study"), many).train()


def test_a_model_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "from torch import nn\n"
        "def small(image_shape, n_classes):\n"
        "    height, width, channels = image_shape\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(height * width * channels, n_classes))\n"
        "def nothing(image_shape, n_classes):\n"
        "    return 3\n"
    )
    monkeypatch.chdir(tmp_path)
    base = dataclasses.replace(SETTINGS, arms=arms("random"), seeds=(0,), splits=(1.0,))

    def with_model(name):
        training = dataclasses.replace(base.training, model=name)
        return dataclasses.replace(base, training=training)

    (record,) = Study(Where("digits", tmp_path / "a"), with_model("my_models:small")).train()
    assert record.settings["model"] == "my_models:small"
    for name, message in (
        ("my_models", "model must be MODULE:FUNCTION"),
        ("my_models:large", "my_models has no callable named 'large'"),
        ("my_models:nothing", "must return a torch.nn.Module, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            Study(Where("digits", tmp_path / name.replace(":", "-")), with_model(name)).train()


def test_a_selection_of_ones_own(tmp_path):
    rows = np.arange(0, 1438, 9)
    own = Selection(rows, np.zeros(len(rows)), 1438, "every ninth", {})
    own.save(tmp_path / "mine.npz")
    text = f"file:{tmp_path / 'mine.npz'}"
    settings = dataclasses.replace(
        SETTINGS, arms=arms("random", text), seeds=(0,), sizes=(len(rows),), splits=(1.0,)
    )
    records = Study(Where("digits", tmp_path / "study"), settings).train()
    assert {record.fast_phase.n_samples for record in records} == {len(rows)}
    (mine,) = (record for record in records if str(record.arm) == text)
    assert mine.arm.kind == "selected"
    assert set(mine.preparation_seconds) == {"writing the subset"}


def test_images_that_are_decoded_in_the_loop(tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("full", "full:resident", "random", "topk"),
        seeds=(0,),
        splits=(0.5,),
        from_encoded=True,
        photograph_side=24,
    )
    study = Study(Where("digits", tmp_path / "study"), settings)
    records = {str(record.arm): record for record in study.train()}
    stages = {text: set(record.preparation_seconds) for text, record in records.items()}
    chosen = {"selection", "writing the subset"}
    assert stages == {
        "full": set(),
        "full:resident": {"decoding everything"},
        "random": chosen,
        "topk": {"decoding everything", "principal components", *chosen},
    }
    # The same samples in the same order, wherever they are decoded.
    assert records["full"].final == records["full:resident"].final
    assert records["full"].data_wait_seconds > records["full:resident"].data_wait_seconds


def test_encoded_images_that_are_decoded_once_or_at_a_part_of_their_size(tmp_path, monkeypatch):
    decoded, real = [], encoded_images.decode

    def decode(encoded, *arguments, **options):
        decoded.append(options["draft"])
        return real(encoded, *arguments, **options)

    monkeypatch.setattr(encoded_images, "decode", decode)
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("full", "full:cached", "full:draft", "full:cached:draft"),
        seeds=(0,),
        totals=lengths("90st"),  # two passes
        from_encoded=True,
        photograph_side=32,
    )
    study = Study(Where("digits", tmp_path / "study"), settings)
    counts, records = {}, {}

    def note(text):
        counts[text.split("steps-")[1]] = len(decoded)

    for record in study.train(note):
        records[str(record.arm)] = record
    starts = [*counts.values(), len(decoded)]
    n_decoded = [after - before for before, after in itertools.pairwise(starts)]
    n_total = len(study.data.train)
    assert n_decoded == [90 * 32, n_total, 90 * 32, n_total]
    assert decoded == [False] * (90 * 32 + n_total) + [True] * (90 * 32 + n_total)
    # A cache changes no pixel, a draft does.
    assert records["full"].final == records["full:cached"].final
    assert records["full:draft"].final == records["full:cached:draft"].final
    assert records["full"].final != records["full:draft"].final
    assert all(record.preparation_seconds == {} for record in records.values())


def test_trainings_on_cached_drafts_resume_exactly(tmp_path, interruptions):
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("full:cached:draft"),
        seeds=(0,),
        from_encoded=True,
        photograph_side=32,
        training=dataclasses.replace(SETTINGS.training, evaluations=3),
    )
    (whole,) = Study(Where("digits", tmp_path / "whole"), settings).train()
    with interruptions(steps=4) as until_done:
        (part,) = until_done(lambda: Study(Where("digits", tmp_path / "part"), settings).train())
    assert part.final == whole.final
    assert [point.train_loss for point in part.curve] == [p.train_loss for p in whole.curve]


def test_decoded_images_need_no_cache_in_the_loop(tmp_path):
    settings = dataclasses.replace(SETTINGS, arms=arms("full", "full:cached"))
    match = r"the arm full:cached is for images that stay encoded \(from_encoded = true\), but"
    with pytest.raises(ValueError, match=match):
        Study(Where("digits", tmp_path / "study"), settings)
    settings = dataclasses.replace(
        SETTINGS, arms=arms("full:draft"), from_encoded=True, photograph_side=8
    )
    with pytest.raises(ValueError, match="the arm full:draft: draft=True changes nothing: none of"):
        Study(Where("digits", tmp_path / "b"), settings)


def test_samples_that_count_as_much_as_their_clusters(tmp_path):
    settings = dataclasses.replace(
        SETTINGS, arms=arms("kmeans", "kmeans:weighted"), seeds=(0,), splits=(1.0,)
    )
    plain, weighted = Study(Where("digits", tmp_path / "study"), settings).train()
    assert len(list((tmp_path / "study" / "selections").glob("*.npz"))) == 1
    assert plain.final != weighted.final


def test_another_dataset_is_an_arm(tmp_path):
    splits = import_dataset("digits", tmp_path / "digits")
    small = write_subset(np.arange(40), splits["train"], tmp_path / "small")
    texts = ("full", f"data:{small.path}", f"full+data:{small.path}")
    settings = dataclasses.replace(SETTINGS, arms=arms(*texts), seeds=(0,), splits=(0.5,))
    where = Where(str(tmp_path / "digits"), tmp_path / "study")
    records = {str(record.arm): record for record in Study(where, settings).train()}
    assert tuple(records) == texts
    data, added = records[texts[1]], records[texts[2]]
    assert data.arm.kind == added.arm.kind == "data"
    assert data.fast_phase == FastPhase(40, 0.5)
    assert [(phase.name, phase.steps) for phase in data.phases] == [("fast", 3), ("fine-tuning", 3)]
    assert data.preparation_seconds == {}
    assert (added.fast_phase, added.n_full, added.n_trained) == (None, 1438, 1478)
    assert list(added.preparation_seconds) == ["adding samples"]
    joined = open_dataset(next((tmp_path / "study" / "subsets").glob("full-and-*")))
    np.testing.assert_array_equal(joined.images[1438:], small.images)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("data", r"odd has images of 5 x 5 x 1 .* training images are 8 x"),
        ("full+data", r"odd has images of 5 x 5 x 1 .* training images are 8 x"),
        ("file", r"odd.npz was made from 30 samples, but the training data are 1438"),
    ],
)
def test_what_arms_name_must_fit_before_anything_is_trained(tmp_path, kind, message):
    grey = np.zeros((4, 5, 5, 1), np.uint8)
    write_subset([0, 1], (grey, np.zeros(4, np.int64)), tmp_path / "odd")
    select(np.zeros((30, 1)), 9, "random", random_state=0).save(tmp_path / "odd.npz")
    named = f"{kind}:{tmp_path / 'odd'}{'.npz' if kind == 'file' else ''}"
    settings = dataclasses.replace(SETTINGS, arms=arms("full", named))
    with pytest.raises(ValueError, match=message):
        Study(Where("digits", tmp_path / "study"), settings)
    assert not (tmp_path / "study").exists()


def test_two_spellings_of_an_arm_are_one(tmp_path):
    one = dataclasses.replace(SETTINGS, arms=arms("kmeans:per_class"), seeds=(0,), splits=(1.0,))
    (record,) = Study(Where("digits", tmp_path / "study"), one).train()
    other = dataclasses.replace(one, arms=arms("kmeans:per_class=balanced:n_iterations=10"))
    told: list[str] = []
    assert Study(Where("digits", tmp_path / "study"), other).train(told.append) == (record,)
    assert told == []
    with pytest.raises(ValueError, match="arms must be distinct, got kmeans:per_class twice"):
        dataclasses.replace(one, arms=one.arms + other.arms)


def test_data_that_changed_between_two_calls_are_not_mixed(tmp_path):
    source = import_dataset("digits", tmp_path / "digits")
    train = source["train"]
    write_subset(np.arange(40), train, tmp_path / "made")
    select(np.zeros((1438, 1)), 30, "random", random_state=0).save(tmp_path / "mine.npz")
    texts = (f"data:{tmp_path / 'made'}", f"file:{tmp_path / 'mine.npz'}")
    settings = dataclasses.replace(SETTINGS, arms=arms(*texts), seeds=(0,), splits=(1.0,))
    where = Where(str(tmp_path / "digits"), tmp_path / "study")
    before = Study(where, settings).train()
    assert len(before) == 2
    assert verify(tmp_path / "study") > 0
    more = dataclasses.replace(settings, seeds=(0, 1))
    write_subset(np.arange(40, 80), train, tmp_path / "made", overwrite=True)
    with pytest.raises(ValueError, match=r"data:.*made has changed since .*study was begun"):
        Study(where, more).train()
    write_subset(np.arange(40), train, tmp_path / "made", overwrite=True)
    select(np.zeros((1438, 1)), 50, "random", random_state=1).save(tmp_path / "mine.npz")
    with pytest.raises(ValueError, match=r"file:.*mine.npz has changed since"):
        Study(where, more).train()
    write_subset(np.arange(1438)[::-1], train, tmp_path / "other")
    shutil.rmtree(tmp_path / "digits" / "train")
    (tmp_path / "other").rename(tmp_path / "digits" / "train")
    with pytest.raises(ValueError, match=r"the training data of .*digits has changed since"):
        Study(where, settings)


def test_a_model_that_takes_other_arguments_is_refused(tmp_path):
    training = dataclasses.replace(SETTINGS.training, model="os:getcwd")
    settings = dataclasses.replace(SETTINGS, arms=arms("full"), training=training)
    with pytest.raises(ValueError, match="model 'os:getcwd' must take the image shape"):
        Study(Where("digits", tmp_path / "study"), settings).train()


def test_soft_labels_of_other_classes_are_refused(tmp_path):
    with DatasetWriter(
        tmp_path / "soft", name="soft", image_shape=(8, 8, 1), image_dtype="uint8", n_samples=4
    ) as writer:
        writer.append(
            np.zeros((4, 8, 8, 1), np.uint8), soft_labels=np.full((4, 5), 0.2, np.float32)
        )
    settings = dataclasses.replace(
        SETTINGS, arms=arms(f"data:{tmp_path / 'soft'}"), seeds=(0,), splits=(1.0,)
    )
    with pytest.raises(ValueError, match="soft labels for 5 classes, but the .* have 10"):
        Study(Where("digits", tmp_path / "study"), settings).train()


VALIDATED = dataclasses.replace(
    SETTINGS,
    arms=arms("full", "random"),
    seeds=(0,),
    splits=(1.0,),
    totals=lengths("12st"),
    validation=300,
    training=TrainingSettings(
        model="vgg", width=0.1, batch_size=32, optimizer="adam", learning_rate=0.003,
        evaluations=6, keep="best", ema_decay=None,
    ),
)  # fmt: skip


def test_the_best_weights_on_validation_data_are_kept_and_tested(tmp_path):
    study = Study(Where("digits", tmp_path / "study"), VALIDATED)
    assert (len(study.data.train), len(study.data.validation)) == (1438 - 300, 300)
    for record in study.train():
        validated = [point.scores["validation accuracy"] for point in record.curve]
        kept = record.curve[validated.index(max(validated))]  # of equal ones the first
        assert {name: score.value for name, score in record.final.items()} == kept.scores
        assert record.score == kept.scores["accuracy"]
        assert record.metric == "accuracy"
        assert record.metrics["validation accuracy"].unit == "%"
        assert "validation loss" in record.final
        assert record.settings["standardise"] is False  # the model does it
        assert record.settings["optimizer"] == "adam"
        assert record.settings["ema_decay"] is None
        assert record.n_full == 1438 - 300
    assert verify(tmp_path / "study") > 4
    again = Study(Where("digits", tmp_path / "study"), VALIDATED).train()
    assert [record.curve for record in again] == [record.curve for record in study.records()]


def test_keeping_the_best_needs_validation_data(tmp_path):
    settings = dataclasses.replace(VALIDATED, validation=None)
    with pytest.raises(ValueError, match='keep = "best" needs validation data, but digits has'):
        Study(Where("digits", tmp_path / "study"), settings)


def test_a_validation_split_of_the_source_is_used(tmp_path, capsys):
    imported = import_dataset("digits", tmp_path / "digits")
    write_subset(
        np.arange(200),
        imported["test" if "test" in imported else "train"],
        tmp_path / "digits" / "validation",
    )
    settings = dataclasses.replace(VALIDATED, validation=None, arms=arms("full"))
    study = Study(Where(str(tmp_path / "digits"), tmp_path / "a"), settings)
    assert len(study.data.validation) == 200
    settings = dataclasses.replace(settings, validation=30, share=0.25, split_seed=2)
    where = Where(str(tmp_path / "digits"), tmp_path / "b", show_progress=True)
    study = Study(where, settings)
    assert len(study.data.validation) == 200
    assert "the validation split of" in capsys.readouterr().err
    (record,) = study.train()
    assert record.n_full == round(0.25 * len(imported["train"])) == len(study.data.train)


def test_other_parts_of_the_data_need_another_folder(tmp_path):
    settings = dataclasses.replace(VALIDATED, arms=arms("full"), totals=lengths("1st"))
    Study(Where("digits", tmp_path / "study"), settings).train()
    for name, value in (("validation", 200), ("share", 0.5), ("split_seed", 1)):
        other = dataclasses.replace(settings, **{name: value})
        with pytest.raises(ValueError, match=f"other settings: settings.{name} is"):
            Study(Where("digits", tmp_path / "study"), other)


def test_a_folder_from_before_a_generator_is_continued(tmp_path):
    small = dataclasses.replace(SETTINGS, arms=arms("full"), seeds=(0,), totals=lengths("2st"))
    (record,) = Study(Where("digits", tmp_path / "study"), small).train()
    path = tmp_path / "study" / "settings.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    del content["settings"]["generation"]["sngan"]
    path.write_text(json.dumps(content))
    assert Study(Where("digits", tmp_path / "study"), small).train() == (record,)


def test_a_folder_from_before_these_settings_is_continued(tmp_path):
    small = dataclasses.replace(SETTINGS, arms=arms("full"), seeds=(0,), totals=lengths("2st"))
    (record,) = Study(Where("digits", tmp_path / "study"), small).train()
    path = tmp_path / "study" / "settings.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    for name in ("validation", "share", "split_seed", "generation"):
        del content["settings"][name]
    for name in ("optimizer", "keep", "standardise"):
        del content["settings"]["training"][name]
    path.write_text(json.dumps(content))
    larger = dataclasses.replace(small, seeds=(0, 1))
    first, _ = Study(Where("digits", tmp_path / "study"), larger).train()
    assert first == record
    assert set(record.final) == {"accuracy", "loss"}
