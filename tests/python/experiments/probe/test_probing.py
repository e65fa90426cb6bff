"""Probes of small data, made so that the facts and the advice are known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from thinset.data import DatasetWriter, open_dataset, write_photographs, write_subset
from thinset.experiments.plan import deadline as clock
from thinset.experiments.plan.deadline import Deadline, NoTimeToMeasureError
from thinset.experiments.plan.pace import Pace
from thinset.experiments.probe import probing, trainings
from thinset.experiments.probe.probing import probe
from thinset.experiments.probe.settings import ProbeSettings
from thinset.experiments.probe.trainings import _length
from thinset.experiments.settings import PlanSettings
from thinset.experiments.where import Where
from thinset.results.probe import Probe
from thinset.training import Duration

QUICK = ProbeSettings(time=Duration(5, "s"))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Trainings of a few steps, whatever the time allows."""
    monkeypatch.setattr(trainings, "_SHORTEST", 2)
    monkeypatch.setattr(trainings, "_LONGEST", 4)
    monkeypatch.setattr(probing, "_USABLE", 30.0)


@pytest.fixture
def untrained(monkeypatch):
    """No short trainings."""

    def skip(*_args, **_options):
        raise NoTimeToMeasureError("skipped by the test")

    monkeypatch.setattr(probing, "train_in_pairs", skip)


def probed(source, tmp_path, settings=QUICK, **changes):
    where = Where(str(source), tmp_path / "probe")
    return probe(where, dataclasses.replace(settings, **changes), lambda _: None)


def written(path, images, labels, names=None):
    with DatasetWriter(
        path, name="made", image_shape=images.shape[1:], image_dtype="uint8",
        n_samples=len(images), class_names=names,
    ) as writer:  # fmt: skip
        writer.append(images, labels)
    return open_dataset(path)


def test_facts_are_those_computed_by_hand(tmp_path) -> None:
    # 100 different images, each six times; class 0 has 500 of the 600 samples.
    different = np.random.default_rng(0).integers(0, 256, (100, 4, 4, 1), dtype=np.uint8)
    images = np.repeat(different, 6, axis=0)
    labels = (np.arange(600) >= 500).astype(np.int64)
    written(tmp_path / "data", images, labels)
    result = probed(tmp_path / "data", tmp_path)
    facts = result.facts
    assert (facts.n_samples, facts.n_classes) == (600, 2)
    assert (facts.smallest_class, facts.largest_class) == (100, 500)
    assert facts.imbalance == 5.0
    assert facts.largest_share == pytest.approx(5 / 6)
    assert facts.n_looked_at == 600
    # Each sample has 5 near-duplicates among the 599 others; one of six is kept.
    assert facts.near_duplicates == pytest.approx(5 / 599)
    assert facts.repeated_share == pytest.approx(5 / 6)
    assert facts.repeated_share_of_all == pytest.approx(5 / 6)
    assert result.n_sampled == 600
    # As alike as 120 different samples are: more than a tenth of 600.
    assert result.advice.action == "balance"


def test_short_trainings_are_paired_and_cover_what_the_facts_advise(lopsided, tmp_path) -> None:
    result = probed(lopsided.path, tmp_path)
    names = [str(arm.arm) for arm in result.arms]
    assert names == ["full", "full:balanced", "kmeans:per_class", "random:per_class"]
    assert {len(arm.scores) for arm in result.arms} == {3}
    assert result.steps == 4
    assert result.n_held_out == 20  # 2 of the 14 samples of the smallest class, and of each other
    assert set(result.differences()) == set(names[1:])
    assert result.advice.action in ("balance", "do not select")
    assert "short trainings" not in result.not_measured


@pytest.mark.usefixtures("untrained")
def test_each_kind_of_data_gets_its_advice(digits, lopsided, tmp_path) -> None:
    train = digits["train"]
    rows = np.arange(len(train))
    rows[::2] = 7
    repeated = write_subset(rows, train, tmp_path / "repeated")
    both = write_subset(
        np.concatenate([np.arange(len(lopsided)), np.full(2 * len(lopsided), 3)]),
        lopsided,
        tmp_path / "both",
    )
    expected = {
        "do not select": train, "balance": lopsided, "deduplicate": repeated,
        "balance and deduplicate": both,
    }  # fmt: skip
    for action, data in expected.items():
        result = probe(Where(str(data.path), tmp_path / action), QUICK, lambda _: None)
        if action == "deduplicate":  # row 7 alone makes its class the largest by far
            assert result.advice.action in ("deduplicate", "balance and deduplicate")
        else:
            assert result.advice.action == action
        assert result.not_measured["short trainings"] == "skipped by the test"


@pytest.mark.usefixtures("untrained")
def test_waiting_is_measured_of_images_that_stay_encoded(digits, tmp_path, monkeypatch) -> None:
    write_photographs(write_subset(np.arange(200), digits["train"], tmp_path / "few"),
                      tmp_path / "photographs.parquet", side=16)  # fmt: skip
    real = probing.measure

    def measured(*arguments):
        waiting = Pace(0.04, 1e-4, 0.75, 10**8)
        return dataclasses.replace(
            real(*arguments), pace=waiting, in_memory=Pace(0.01, 1e-4, 0, 10**8)
        )

    monkeypatch.setattr(probing, "measure", measured)
    result = probed(tmp_path / "photographs.parquet", tmp_path, encoded=True)
    assert result.facts.waiting_share == 0.75
    assert result.facts.decoded_per_second > 0
    assert result.advice.action == "keep decoded images"
    assert "4.0 times as many" in result.advice.reason
    assert "waiting" not in result.not_measured


@pytest.mark.usefixtures("untrained")
def test_sources_of_encoded_images_are_not_imported(digits, tmp_path) -> None:
    write_photographs(write_subset(np.arange(150), digits["train"], tmp_path / "few"),
                      tmp_path / "photographs.parquet", side=16)  # fmt: skip
    result = probed(tmp_path / "photographs.parquet", tmp_path)
    assert result.facts.image_shape == (16, 16, 1)
    assert not (tmp_path / "probe" / "data").exists()
    assert "see --encoded" in result.not_measured["waiting"]


def test_data_without_labels_have_a_label_budget(tmp_path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (300, 4, 4, 1), dtype=np.uint8)
    written(tmp_path / "data", images, None)
    result = probed(tmp_path / "data", tmp_path, label_budget=50)
    assert result.facts.n_classes is None
    assert result.facts.repeated_share == 0.0
    assert result.not_measured["classes"] == "the data have no labels"
    assert result.arms == ()
    assert result.advice.action == "choose rows to label"
    assert result.advice.cost_seconds > 0
    other = Where(str(tmp_path / "data"), tmp_path / "more")
    more = probe(other, dataclasses.replace(QUICK, label_budget=400), lambda _: None)
    assert more.advice.action == "label everything"
    none = probe(Where(str(tmp_path / "data"), tmp_path / "none"), QUICK, lambda _: None)
    assert (none.advice.action, none.advice.sureness) == ("do not select", "low")


def test_one_class_and_few_samples_are_not_trained_on(digits, tmp_path) -> None:
    train = digits["train"]
    one = write_subset(np.flatnonzero(train.labels == 3), train, tmp_path / "one")
    result = probed(one.path, tmp_path)
    assert result.facts.n_classes == 1
    assert "labels of two classes" in result.not_measured["short trainings"]
    assert "all samples are of one class" in result.not_measured["classes"]
    assert "classes" not in result.advice.reason
    assert result.advice.sureness == "low"
    few = write_subset(np.arange(40), train, tmp_path / "few")
    result = probe(Where(str(few.path), tmp_path / "of few"), QUICK, lambda _: None)
    assert "at least 100 different samples, got" in result.not_measured["short trainings"]
    single = write_subset([5], train, tmp_path / "single")
    with pytest.raises(ValueError, match="at least 2 training samples"):
        probe(Where(str(single.path), tmp_path / "of one"), QUICK, lambda _: None)


def test_a_class_of_one_sample_is_no_obstacle(digits, tmp_path) -> None:
    train = digits["train"]
    rows = np.concatenate([np.flatnonzero(train.labels < 9), np.flatnonzero(train.labels == 9)[:1]])
    data = written(tmp_path / "data", train.images[rows], train.labels[rows])
    result = probed(data.path, tmp_path)
    assert result.facts.smallest_class == 1
    assert [len(arm.scores) for arm in result.arms] == [3, 3, 3, 3]


@pytest.mark.usefixtures("untrained")
def test_given_embeddings_are_checked(digits, tmp_path) -> None:
    train = digits["train"]
    embeddings = np.random.default_rng(0).normal(size=(len(train), 32)).astype(np.float32)
    embeddings[1000:] = embeddings[0]
    np.save(tmp_path / "mine.npy", embeddings)
    mine = str(tmp_path / "mine.npy")
    result = probed(train.path, tmp_path, embeddings=mine)
    assert result.facts.repeated_share == pytest.approx(438 / len(train), abs=0.01)
    assert result.advice.action == "deduplicate"
    assert mine in result.advice.command
    embeddings[777, 3] = np.nan
    np.save(tmp_path / "bad.npy", embeddings)
    with pytest.raises(ValueError, match=r"bad\.npy': row 777 holds nan in column 3"):
        probe(
            Where(str(train.path), tmp_path / "bad"),
            dataclasses.replace(QUICK, embeddings=str(tmp_path / "bad.npy")),
            lambda _: None,
        )
    np.save(tmp_path / "short.npy", embeddings[:5])
    with pytest.raises(ValueError, match="one row for each of"):
        probe(
            Where(str(train.path), tmp_path / "short"),
            dataclasses.replace(QUICK, embeddings=str(tmp_path / "short.npy")),
            lambda _: None,
        )


@pytest.mark.usefixtures("untrained")
def test_a_folder_is_probed_once(digits, tmp_path, monkeypatch) -> None:
    first = probed(digits["train"].path, tmp_path)
    monkeypatch.setattr(probing, "_Probing", None)
    assert probed(digits["train"].path, tmp_path) == first
    assert Probe.load(tmp_path / "probe" / "probe.json") == first
    content = json.loads(first.to_json())
    assert content["words"] == first.words()
    assert all(f"{name}: {words}" in first.describe() for name, words in first.words().items())
    with pytest.raises(ValueError, match=r"probe\.seed is 0 there and 1 here"):
        probed(digits["train"].path, tmp_path, seed=1)


@pytest.mark.usefixtures("untrained")
def test_data_that_have_changed_are_refused(digits, tmp_path) -> None:
    write_subset(np.arange(100), digits["train"], tmp_path / "data")
    probed(tmp_path / "data", tmp_path, label_budget=5)
    write_subset(np.arange(101), digits["train"], tmp_path / "data", overwrite=True)
    with pytest.raises(ValueError, match="the training data of .* has changed since"):
        probed(tmp_path / "data", tmp_path, label_budget=5)


def test_what_does_not_fit_is_skipped_and_named(digits, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(probing, "_USABLE", 0.9)
    monkeypatch.setattr(trainings, "_SHORTEST", 10**6)
    result = probed(digits["train"].path, tmp_path, time=Duration(30, "s"))
    assert "would take about" in result.not_measured["short trainings"]
    assert result.arms == ()
    assert f"not measured: {result.not_measured['short trainings']}" in result.describe()


@pytest.mark.parametrize(
    ("left", "expected"), [(1000.0, (400, 3)), (60.0, (70, 3)), (24.0, (40, 2)), (27.0, (45, 2))]
)
def test_trainings_fill_three_quarters_of_the_time_left(monkeypatch, left, expected) -> None:
    monkeypatch.setattr(trainings, "_SHORTEST", 40)
    monkeypatch.setattr(trainings, "_LONGEST", 400)
    monkeypatch.setattr(clock.time, "monotonic", lambda: 0.0)
    # Three ways of 0.0714 s a step; a second of each seed is for the rest.
    steps, n_seeds = _length(3, 0.0, 0.0714, Deadline(left))
    assert (steps, n_seeds) == pytest.approx(expected, abs=3)
    assert 3 * steps * n_seeds * 0.0714 <= 0.76 * left


def test_too_little_time_for_two_seeds_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(trainings, "_SHORTEST", 40)
    monkeypatch.setattr(clock.time, "monotonic", lambda: 0.0)
    with pytest.raises(NoTimeToMeasureError, match="2 short trainings of each way"):
        _length(3, 0.0, 0.1, Deadline(20.0))


def test_time_that_runs_out_leaves_no_scores(digits, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trainings, "_scores_of", lambda *_, **__: None)
    result = probed(digits["train"].path, tmp_path)
    assert "longer than predicted: 0 of 2 seeds" in result.not_measured["short trainings"]
    assert result.advice.action == "do not select"


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="time must be longer than 0"):
        ProbeSettings(time=Duration(10, "st"))
    with pytest.raises(ValueError, match="label_budget must be at least 1, got 0"):
        ProbeSettings(label_budget=0)
    assert PlanSettings().probe_share == 0.1
