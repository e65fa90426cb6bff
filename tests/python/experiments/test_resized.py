"""The arm that trains on smaller images at first."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from grids import SETTINGS, arms, lengths
from thinset.data import write_subset
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.where import Where
from thinset.models.classifiers.resnet import ResNet

PROGRESSIVE = dataclasses.replace(
    SETTINGS,
    arms=arms("full", "full:progressive"),
    seeds=(0,),
    splits=(0.5,),
    totals=lengths("10st"),
    training=dataclasses.replace(
        SETTINGS.training, model="resnet", width=0.1, evaluations=5, batch_size=16
    ),
)
"""Checkpoints are written after every second step"""


@pytest.fixture
def sizes(monkeypatch):
    """Height and mode of every batch that a network is given from now on."""
    found, real = [], ResNet.forward

    def forward(model, images):
        found.append((images.shape[2], model.training))
        return real(model, images)

    monkeypatch.setattr(ResNet, "forward", forward)
    return found


def test_training_images_grow_and_tests_use_full_size(tmp_path, sizes):
    study = Study(Where("digits", tmp_path / "study"), PROGRESSIVE)
    sizes.clear()
    full, progressive = study.train()
    trained = [side for side, is_training in sizes if is_training]
    # Of 8 pixels: 4 before three fifths are done, from where 5.33 is rounded to 4, 6.67 to 8.
    assert trained == [8] * 10 + [4] * 7 + [8] * 3
    assert {side for side, is_training in sizes if not is_training} == {8}
    assert full.curve[0].train_loss != progressive.curve[0].train_loss
    assert (full.n_trained, full.fast_phase) == (progressive.n_trained, None)
    assert progressive.preparation_seconds == {}
    assert Study(Where("digits", tmp_path / "study"), PROGRESSIVE).train() == (full, progressive)


def test_training_resumes_exactly(tmp_path, interruptions):
    whole = Study(Where("digits", tmp_path / "whole"), PROGRESSIVE).train()
    with interruptions(steps=4) as until_done:
        records = until_done(lambda: Study(Where("digits", tmp_path / "a"), PROGRESSIVE).train())
    for resumed, expected in zip(records, whole, strict=True):
        assert resumed.final == expected.final
        losses = [[point.train_loss for point in one.curve] for one in (resumed, expected)]
        assert losses[0] == losses[1]


def test_arms_are_compared_at_equal_time(tmp_path, sizes):
    settings = dataclasses.replace(PROGRESSIVE, totals=lengths("0.5s"))
    study = Study(Where("digits", tmp_path / "study"), settings)
    sizes.clear()
    records = study.train()
    assert {str(record.arm) for record in records} == {"full", "full:progressive"}
    assert all(record.comparison == "time" for record in records)
    trained = [side for side, is_training in sizes if is_training]
    n_full = records[0].phases[0].steps
    assert set(trained[:n_full]) == {8}
    assert trained[n_full] == 4


def test_a_model_for_images_of_one_size_is_refused_before_any_training(tmp_path):
    training = dataclasses.replace(PROGRESSIVE.training, model="paper", width=1.0)
    settings = dataclasses.replace(PROGRESSIVE, training=training)
    match = (
        "the arm full:progressive needs a model that takes images of several sizes, such as "
        "resnet, but paper fails on 4 x 4 pixels: mat1"
    )
    with pytest.raises(ValueError, match=match):
        Study(Where("digits", tmp_path / "study"), settings)
    assert not list((tmp_path / "study" / "records").glob("*"))


def test_images_that_cannot_become_smaller_are_refused(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), dtype=np.uint8)
    for name in ("train", "test"):
        write_subset(np.arange(60), (images, np.arange(60) % 3), tmp_path / "tiny" / name)
    with pytest.raises(ValueError, match="changes nothing: images of 4 x 4 pixels are not made"):
        Study(Where(str(tmp_path / "tiny"), tmp_path / "study"), PROGRESSIVE)


@pytest.mark.parametrize("text", ["full:progressive:balanced", "full:logit_adjusted:progressive"])
def test_it_combines_with_other_options(tmp_path, text, sizes):
    settings = dataclasses.replace(PROGRESSIVE, arms=arms(text), variant="long_tailed:10")
    study = Study(Where("digits", tmp_path / "study"), settings)
    sizes.clear()
    (record,) = study.train()
    assert record.n_full == len(study.data.train)
    assert {side for side, is_training in sizes if is_training} == {4, 8}
