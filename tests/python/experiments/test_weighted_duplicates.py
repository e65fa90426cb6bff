"""The arm that weighs near-duplicates down instead of leaving them out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from grids import SETTINGS, arms
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.prepare.subsets import group_sizes, prepare_weights, typical_distance
from thinset.experiments.run_folder import RunFolder
from thinset.experiments.verification import verify
from thinset.experiments.where import Where
from thinset.selection import Selection
from thinset.training import SupervisedLearner

REDUNDANT = dataclasses.replace(
    SETTINGS,
    arms=arms("full", "full:dedup=0.2:weighted"),
    seeds=(0,),
    splits=(0.5,),
    variant="redundant",
    training=dataclasses.replace(SETTINGS.training, evaluations=3),
)


def test_samples_of_a_group_weigh_as_much_as_one(tmp_path):
    rows = np.array([[0, 0], [9, 0], [0, 0.1], [0, 9], [9, 0.1], [0, 0.2]])  # groups of 3, 2, 1
    share = 0.15 / typical_distance(rows)
    assert group_sizes(rows, share).tolist() == [3, 2, 3, 1, 2, 3]
    folder = RunFolder(tmp_path / "run", {"source": "x", "device": "cpu", "settings": {}}, notes={})
    order, seconds = prepare_weights(rows, folder, share)
    assert list(seconds) == ["weighing near-duplicates"]
    data = type("Data", (), {"images": np.zeros((6, 1, 1, 1), np.uint8), "labels": None})
    _, weights = order.over(data).draw(torch.Generator())
    order_again, _ = prepare_weights(rows, folder, share)
    assert repr(order_again) == repr(order)
    # 1/3, 1/2 and 1, which sum to 3 over 6 samples: their mean becomes 1.
    assert sorted(weights.tolist()) == pytest.approx([2 / 3] * 3 + [1] * 2 + [2])


def test_every_sample_is_trained_on_by_its_weight(tmp_path, monkeypatch):
    seen = {}
    real = SupervisedLearner.step

    def step(learner, batch, **options):
        if batch.weights is not None:
            seen.update(zip(batch.indices.tolist(), batch.weights.tolist(), strict=True))
        return real(learner, batch, **options)

    monkeypatch.setattr(SupervisedLearner, "step", step)
    study = Study(Where("digits", tmp_path / "study"), REDUNDANT)
    plain, weighted = study.train()
    embeddings = np.load(study.folder.embeddings / "embeddings.npy")
    weights = 1 / group_sizes(embeddings, 0.2)
    assert weights.min() < 0.5  # samples do repeat
    weights /= weights.mean()
    assert len(seen) == 6 * 32
    assert list(seen.values()) == pytest.approx([weights[row] for row in seen], rel=1e-6)
    assert weighted.n_trained == plain.n_trained == weighted.n_full
    assert list(weighted.preparation_seconds) == [
        "principal components", "weighing near-duplicates",
    ]  # fmt: skip
    stored = Selection.load(study.folder.selection("weights-0.2"))
    np.testing.assert_allclose(stored.gains / stored.gains.mean(), weights)
    assert verify(tmp_path / "study") > 0
    before = study.folder.stage_seconds
    again = Study(Where("digits", tmp_path / "study"), REDUNDANT)
    assert again.train() == (plain, weighted)
    assert again.folder.stage_seconds == before


def test_training_resumes_exactly(tmp_path, interruptions):
    whole = Study(Where("digits", tmp_path / "whole"), REDUNDANT).train()
    with interruptions(steps=4) as until_done:  # checkpoints are written after steps 2, 4 and 6
        records = until_done(lambda: Study(Where("digits", tmp_path / "part"), REDUNDANT).train())
    for resumed, expected in zip(records, whole, strict=True):
        assert resumed.final == expected.final
        losses = [[point.train_loss for point in one.curve] for one in (resumed, expected)]
        assert losses[0] == losses[1]
