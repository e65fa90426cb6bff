"""Arms that train on everything and make up for classes of different sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from grids import SETTINGS, arms
from thinset.data import DatasetWriter, import_dataset, open_dataset
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.where import Where

LONG_TAILED = dataclasses.replace(
    SETTINGS,
    arms=arms("full", "full:logit_adjusted", "full:effective"),
    seeds=(0,),
    splits=(0.5,),
    variant="long_tailed:20",
    training=dataclasses.replace(SETTINGS.training, evaluations=3),
)


def test_small_classes_count_more(tmp_path):
    texts = (
        "full", "full:balanced", "full:logit_adjusted", "full:logit_adjusted=2",
        "full:effective", "full:effective=0.5", "full:logit_adjusted:dedup=0.3",
        "full:effective:dedup=0.3",
    )  # fmt: skip
    settings = dataclasses.replace(LONG_TAILED, arms=arms(*texts))
    study = Study(Where("digits", tmp_path / "study"), settings)
    records = {str(record.arm): record for record in study.train()}
    assert tuple(records) == texts
    assert len({record.curve[0].train_loss for record in records.values()}) == len(texts)
    n_left = len(open_dataset(study.folder.subset("distinct-0.3")))
    for text, record in records.items():
        assert record.fast_phase is None
        assert record.n_trained == (n_left if "dedup" in text else len(study.data.train))
    # Nothing is trained again.
    assert Study(Where("digits", tmp_path / "study"), settings).train() == tuple(records.values())


def test_training_resumes_exactly(tmp_path, interruptions):
    whole = Study(Where("digits", tmp_path / "whole"), LONG_TAILED).train()
    with interruptions(steps=4) as until_done:  # checkpoints are written after steps 2, 4 and 6
        records = until_done(lambda: Study(Where("digits", tmp_path / "part"), LONG_TAILED).train())
    for resumed, expected in zip(records, whole, strict=True):
        assert resumed.arm == expected.arm
        assert resumed.final == expected.final
        losses = [[point.train_loss for point in one.curve] for one in (resumed, expected)]
        assert losses[0] == losses[1]


def test_scores_are_those_of_plain_logits(tmp_path, monkeypatch):
    """The strength changes nothing where the model never learns."""
    settings = dataclasses.replace(
        LONG_TAILED,
        arms=arms("full", "full:logit_adjusted=5"),
        training=dataclasses.replace(LONG_TAILED.training, learning_rate=1e-12, ema_decay=None),
    )
    plain, adjusted = Study(Where("digits", tmp_path / "study"), settings).train()
    assert plain.curve[-1].train_loss != pytest.approx(adjusted.curve[-1].train_loss, abs=0.1)
    assert plain.final["loss"].value == pytest.approx(adjusted.final["loss"].value, rel=1e-5)
    assert plain.final["accuracy"] == adjusted.final["accuracy"]


def write_softly(train, path, *, with_labels=True):
    with DatasetWriter(
        path, name="soft", image_shape=train.image_shape, image_dtype="uint8",
        n_samples=len(train), class_names=train.class_names, overwrite=True,
    ) as writer:  # fmt: skip
        soft = np.eye(10, dtype=np.float32)[train.labels]
        labels = np.array(train.labels) if with_labels else None
        writer.append(np.array(train.images), labels, soft)


@pytest.mark.parametrize("option", ["logit_adjusted", "effective"])
def test_soft_labels_are_refused_before_any_training(tmp_path, option):
    digits = import_dataset("digits", tmp_path / "digits")
    write_softly(digits["train"], tmp_path / "soft")
    added = f"full+data:{tmp_path / 'soft'}:{option}"
    settings = dataclasses.replace(SETTINGS, arms=arms("full", added), seeds=(0,))
    where = Where(str(tmp_path / "digits"), tmp_path / "added")
    with pytest.raises(ValueError, match=f"soft:{option} needs class labels alone, but soft has s"):
        Study(where, settings)
    write_softly(digits["train"], tmp_path / "digits" / "train")
    settings = dataclasses.replace(
        SETTINGS, arms=arms("full:balanced", f"full:{option}"), seeds=(0,)
    )
    with pytest.raises(ValueError, match=f"the arm full:{option} needs class labels alone, but s"):
        Study(Where(str(tmp_path / "digits"), tmp_path / "study"), settings)
    for name in ("study", "added"):
        assert not list((tmp_path / name / "records").glob("*"))


@pytest.mark.parametrize("option", ["balanced", "logit_adjusted", "effective"])
def test_class_labels_are_needed_before_any_training(tmp_path, option):
    digits = import_dataset("digits", tmp_path / "digits")
    write_softly(digits["train"], tmp_path / "digits" / "train", with_labels=False)
    settings = dataclasses.replace(SETTINGS, arms=arms("full", f"full:{option}"), seeds=(0,))
    with pytest.raises(
        ValueError, match=f"full:{option} needs a class label for each sample; soft"
    ):
        Study(Where(str(tmp_path / "digits"), tmp_path / "study"), settings)
