"""The whole way on the embedded digits, with everything as short as it goes."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from thinset.data import import_dataset, open_dataset, write_subset
from thinset.duration import Duration
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.kinds import run
from thinset.experiments.pages import write_page
from thinset.experiments.settings import (
    EncoderSettings,
    RunSettings,
    TrainingSettings,
)
from thinset.experiments.where import Where
from thinset.results import FULL, RANDOM, Arm, load_records
from thinset.selection import Selection, select

SETTINGS = RunSettings(
    seeds=(0, 1),
    steps=Duration(6, "st"),
    encoder=EncoderSettings(length=Duration(5, "st"), batch_size=64),
    arm=Arm.parse("topk"),
    size=100,
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=2),
)


def make(source, out, settings, command=""):
    return run.make(recipe_of("run"), settings, Where(source, out, command=command))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    page = make("digits", folder, SETTINGS, command="thinset run digits")
    return folder, page


def test_every_arm_is_trained_in_both_comparisons(finished):
    folder, page = finished
    records = load_records(folder / "records")
    found = {(record.comparison, record.arm, record.seed) for record in records}
    assert found == {
        (comparison, arm, seed)
        for comparison in ("steps", "time")
        for arm in (Arm.parse("topk"), RANDOM, FULL)
        for seed in (0, 1)
    }
    text = page.read_text(encoding="utf-8")
    assert page == folder / "report" / "index.html"
    assert '>thinset</span> <span class="word">run</span> <span class="word">digits<' in text
    assert "random" in text
    # The page has the map and the contact sheet of the selection, beside the random one.
    (content,) = re.findall(r'id="explorer-data">(.*?)</script>', text, re.DOTALL)
    explored = json.loads(content)
    assert (explored["name"], explored["other"]["name"]) == ("top-k", "random samples")
    assert explored["nKept"] == 100
    assert explored["sheets"]
    assert {"x", "nearest", "labels"} <= explored.keys()


def test_random_is_plainly_random_whatever_is_selected(tmp_path):
    arm = Arm.parse("kmeans:per_class:dedup=0.1")
    settings = dataclasses.replace(SETTINGS, seeds=(0,), arm=arm)
    make("digits", tmp_path / "run", settings)
    records = load_records(tmp_path / "run" / "records")
    assert {record.arm for record in records} == {arm, RANDOM, FULL}
    chance = Selection.load(tmp_path / "run" / "selections" / "random-k100-seed0.npz")
    plain = select(np.zeros((1438, 1)), 100, "random", random_state=0)
    assert chance.indices.tolist() == plain.indices.tolist()


def test_preparation_counts_for_the_arm_that_needs_it(finished):
    for record in load_records(finished[0] / "records"):
        stages = set(record.preparation_seconds)
        expected = {
            "topk": {"encoder training", "encoding", "selection", "writing the subset"},
            "random": {"selection", "writing the subset"},
            "full": set(),
        }
        assert stages == expected[str(record.arm)]
        before = sum(record.preparation_seconds.values())
        assert record.curve[0].seconds > before
        assert (record.fast_phase is None) == (record.arm == FULL)


def test_equal_steps_are_equal_and_split_in_half(finished):
    for record in load_records(finished[0] / "records"):
        if record.comparison == "steps":
            assert record.steps == 6
            if record.arm != FULL:
                assert [(p.name, p.steps) for p in record.phases] == [
                    ("fast", 3),
                    ("fine-tuning", 3),
                ]


def test_equal_time_is_what_the_slowest_selected_run_took(finished):
    records = load_records(finished[0] / "records")
    of_steps = {r.seed: r for r in records if (r.comparison, r.arm) == ("steps", SETTINGS.arm)}
    of_time = [r for r in records if r.comparison == "time"]
    slowest = max(record.curve[-1].seconds for record in of_steps.values())
    budgets = {record.total for record in of_time}
    assert budgets == {Duration(int(np.ceil(slowest)), "s")}
    for record in of_time:
        if record.arm == SETTINGS.arm:
            assert record.final == of_steps[record.seed].final


def test_seeds_share_first_weights_but_not_random_subsets(finished):
    folder, _ = finished
    draws = [Selection.load(folder / f"selections/random-k100-seed{seed}.npz") for seed in (0, 1)]
    assert draws[0].indices.tolist() != draws[1].indices.tolist()
    assert len(draws[0]) == len(Selection.load(folder / "selections/topk-k100.npz")) == 100


def test_going_on_repeats_nothing_and_changes_nothing(finished, tmp_path):
    folder, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    kept = {path: path.stat().st_mtime_ns for path in (copy / "records").iterdir()}
    lost = copy / "records" / "steps-random-k100-split0.5-6st-seed1.json"
    before = json.loads(lost.read_text())
    lost.unlink()
    shutil.rmtree(copy / "report")
    make("digits", copy, SETTINGS, command="thinset run digits")
    after = json.loads(lost.read_text())
    assert after["final"] == before["final"]
    assert [point["train_loss"] for point in after["curve"]] == [
        point["train_loss"] for point in before["curve"]
    ]
    for path, written in kept.items():
        assert path == lost or path.stat().st_mtime_ns == written


def test_other_settings_do_not_go_on_in_the_same_folder(finished):
    folder, _ = finished
    other = dataclasses.replace(SETTINGS, steps=Duration(7, "st"))
    with pytest.raises(ValueError, match=r"settings.steps is '6st' there and '7st' here"):
        make("digits", folder, other)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty and is not the folder of a run"):
        make("digits", tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["random", "full", "file:mine.npz", "data:folder"])
def test_an_arm_that_selects_nothing_is_refused(text):
    with pytest.raises(ValueError, match=f"arm must select samples by a method, .* got {text}"):
        dataclasses.replace(SETTINGS, arm=Arm.parse(text))


def test_report_is_written_again_from_the_folder(finished):
    folder, page = finished
    before = page.read_bytes()
    page.unlink()
    assert write_page(folder) == page
    assert page.read_bytes() == before


def test_a_subset_larger_than_the_data_is_refused_before_the_encoder_is_trained(tmp_path):
    with pytest.raises(ValueError, match="the number of training samples, 1438, got 1439"):
        make("digits", tmp_path / "run", dataclasses.replace(SETTINGS, size=1439))
    assert not (tmp_path / "run").exists()


def test_given_embeddings_and_held_out_test_data(tmp_path):
    imported = import_dataset("digits", tmp_path / "digits")
    rows = np.arange(0, 1438, 4)
    data = write_subset(rows, imported["train"], tmp_path / "small")
    embeddings = np.asarray(data.images, np.float32).reshape(len(data), -1)
    np.save(tmp_path / "E.npy", embeddings)
    settings = dataclasses.replace(
        SETTINGS,
        seeds=(3,),
        hold_out=0.25,
        encoder=EncoderSettings(kind="given", path=str(tmp_path / "E.npy")),
        arm=Arm.parse("max_min"),
        size=0.2,
    )
    with pytest.raises(
        ValueError, match=r"one row for each of 27\d samples, got shape \(360, 64\)"
    ):
        make(str(tmp_path / "small"), tmp_path / "run", settings)
    train = open_dataset(tmp_path / "run" / "split" / "train")
    test = open_dataset(tmp_path / "run" / "split" / "test")
    assert len(train) + len(test) == 360
    np.save(tmp_path / "E.npy", embeddings[train.array("indices")])
    make(str(tmp_path / "small"), tmp_path / "run", settings)
    record = load_records(tmp_path / "run" / "records")[0]
    assert record.n_full == len(train)
    assert not (tmp_path / "run" / "encoder").exists()


def test_principal_components_as_embeddings(tmp_path):
    settings = dataclasses.replace(
        SETTINGS, seeds=(0,), encoder=EncoderSettings(kind="pca", n_components=8)
    )
    make("digits", tmp_path / "run", settings)
    assert np.load(tmp_path / "run/embeddings/embeddings.npy").shape == (1438, 8)
    selected = [r for r in load_records(tmp_path / "run/records") if r.arm == SETTINGS.arm]
    assert "principal components" in selected[0].preparation_seconds
