"""Grids of trainings on the embedded digits, as short as they go."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from grids import SETTINGS, arms, lengths
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import Finished
from thinset.experiments.kinds.trainings import Study, write_page
from thinset.experiments.settings import EncoderSettings, StudySettings
from thinset.experiments.where import Where
from thinset.experiments.workbench import Workbench
from thinset.results import FULL, RANDOM, Arm, FastPhase, RunRecord
from thinset.selection import Selection
from thinset.training import TrainingDivergedError


def test_what_costs_nothing_before_training_is_trained_once_for_both_accountings(tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("full", "random"),
        seeds=(0,),
        splits=(0.5,),
        totals=lengths("1s"),
        accounting=("everything", "training"),
    )
    records = Study(Where("digits", tmp_path / "study"), settings).train()
    by_arm = {(record.arm, record.comparison): record for record in records}
    full = by_arm[FULL, "time"]
    assert dataclasses.replace(full, comparison="training time") == by_arm[FULL, "training time"]
    assert by_arm[RANDOM, "time"].curve != by_arm[RANDOM, "training time"].curve


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies") / "study"
    told: list[str] = []
    records = Study(Where("digits", folder, command="test"), SETTINGS).train(told.append)
    return folder, records, told


def test_every_cell_is_trained_and_told_of(finished):
    folder, records, told = finished
    assert len(records) == len(told) == 16
    assert told[0] == "training 1 of 16: steps-full-6st-seed0"
    assert {record.command for record in records} == {"test"}
    assert not list((folder / "checkpoints").iterdir())


def test_records_say_what_was_trained(finished):
    for record in finished[1]:
        phases = [(phase.name, phase.steps) for phase in record.phases]
        expected = {
            0.0: [("fine-tuning", 6)],
            0.5: [("fast", 3), ("fine-tuning", 3)],
            1.0: [("fast", 6)],
        }
        fast = record.fast_phase or FastPhase(1438, 0.0)
        assert phases == expected[fast.split]
        assert fast.n_samples == (100 if record.arm.has_fast_phase else 1438)
        assert record.steps == 6
        stages = set(record.preparation_seconds)
        needs = {"selection", "writing the subset"}
        assert stages == {
            "topk": {"principal components", *needs},
            "random": needs,
        }.get(str(record.arm), set())


def test_splits_that_share_a_first_phase_train_as_if_alone(finished, tmp_path):
    _, records, _ = finished
    alone = dataclasses.replace(SETTINGS, splits=(1.0,), arms=arms("topk"), seeds=(1,))
    (record,) = Study(Where("digits", tmp_path / "alone"), alone).train()
    wanted = (Arm.parse("topk"), FastPhase(100, 1.0), 1)
    (shared,) = (r for r in records if (r.arm, r.fast_phase, r.seed) == wanted)
    assert record.final == shared.final
    assert [p.train_loss for p in record.curve] == [p.train_loss for p in shared.curve]


def test_random_subsets_differ_between_seeds_and_chosen_ones_are_shared(finished):
    folder, *_ = finished
    draws = [Selection.load(folder / f"selections/random-k100-seed{seed}.npz") for seed in (0, 1)]
    assert draws[0].indices.tolist() != draws[1].indices.tolist()
    assert (folder / "selections" / "topk-k100.npz").exists()


def test_the_page_of_a_comparison_shows_a_selection_beside_the_random_one(finished):
    folder, *_ = finished
    page = write_page(recipe_of("compare"), Finished.read(folder, StudySettings))
    text = page.read_text(encoding="utf-8")
    (content,) = re.findall(r'id="explorer-data">(.*?)</script>', text, re.DOTALL)
    explored = json.loads(content)
    assert (explored["name"], explored["other"]["name"]) == ("top-k", "random samples")
    assert (explored["nTotal"], explored["nKept"]) == (1438, 100)
    assert "<h2>What was kept: top-k</h2>" in text
    # The page of a published figure is about its scores.
    page = write_page(recipe_of("fig5"), Finished.read(folder, StudySettings))
    assert "<script" not in page.read_text(encoding="utf-8")


def test_a_grid_grows_in_its_folder(finished):
    folder, records, _ = finished
    more = dataclasses.replace(SETTINGS, seeds=(0, 1, 2), splits=(0.25, 0.5, 1.0))
    told: list[str] = []
    grown = Study(Where("digits", folder), more).train(told.append)
    # Of seed 2 all 11, of the others the split 0.25 of three arms.
    assert told[0].startswith("training 1 of 17: steps-random-k100-split0.25")
    by_name = {(r.arm, r.fast_phase, r.seed): r for r in grown}
    for record in records:
        assert by_name[(record.arm, record.fast_phase, record.seed)] == record
    grid = json.loads((folder / "settings.json").read_text())["notes"]["grid"]
    assert grid["seeds"] == [0, 1, 2]
    assert not list((folder / "checkpoints").iterdir())


def test_a_smaller_split_is_added_while_a_larger_one_is_unfinished(tmp_path, monkeypatch):
    """The state after the first phase of the larger one is too late for the smaller one."""
    one = dataclasses.replace(SETTINGS, arms=arms("topk"), seeds=(1,), splits=(0.5, 1.0))
    where = Where("digits", tmp_path / "study")
    real = RunRecord.save

    def killed(record, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunRecord, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        Study(where, one).train()
    monkeypatch.setattr(RunRecord, "save", real)
    kept = sorted(path.name[:12] for path in (tmp_path / "study" / "checkpoints").iterdir())
    assert kept == ["first-phase-", "steps-topk-k"]
    grown = dataclasses.replace(one, splits=(0.25, 0.5, 1.0))
    records = Study(where, grown).train()
    assert [record.fast_phase.split for record in records] == [0.25, 0.5, 1.0]
    assert not list((tmp_path / "study" / "checkpoints").iterdir())
    for record in records:
        alone = dataclasses.replace(one, splits=(record.fast_phase.split,))
        (other,) = Study(Where("digits", tmp_path / f"{alone.splits}"), alone).train()
        assert record.final == other.final


def test_no_checkpoint_stays_where_the_largest_split_diverges(tmp_path, monkeypatch):
    settings = dataclasses.replace(SETTINGS, arms=arms("topk"), seeds=(0,), splits=(0.5, 1.0))
    study = Study(Where("digits", tmp_path / "study"), settings)
    real = Workbench.train

    def train(bench, cell, *arguments, **options):
        if cell.split == 1:
            raise TrainingDivergedError("the loss is nan")
        return real(bench, cell, *arguments, **options)

    monkeypatch.setattr(Workbench, "train", train)
    assert len(study.train()) == len(study.left_out) == 1
    assert not list((tmp_path / "study" / "checkpoints").iterdir())


def test_schedules_of_the_learning_rate_change_the_training(tmp_path):
    losses = {}
    for schedule, warm_up in (("constant", 0), ("constant", 0.5), ("step", 0), ("cosine", 0.5)):
        training = dataclasses.replace(SETTINGS.training, schedule=schedule, warm_up=warm_up)
        settings = dataclasses.replace(
            SETTINGS, arms=arms("random"), seeds=(0,), splits=(0.5,), training=training
        )
        (record,) = Study(Where("digits", tmp_path / f"{schedule}{warm_up}"), settings).train()
        losses[schedule, warm_up] = record.curve[-1].train_loss
    assert len(set(losses.values())) == 4


def test_another_recipe_does_not_go_on_in_the_same_folder(finished):
    folder, *_ = finished
    training = dataclasses.replace(SETTINGS.training, learning_rate=0.03)
    other = dataclasses.replace(SETTINGS, training=training)
    with pytest.raises(ValueError, match=r"training.learning_rate is 0.02 there and 0.03 here"):
        Study(Where("digits", folder), other)


def test_a_mistaken_arm_leaves_no_folder(tmp_path):
    for text in ("file:missing.npz", "data:missing", "full+data:missing"):
        missing = dataclasses.replace(SETTINGS, arms=arms("full", text))
        with pytest.raises(FileNotFoundError, match="missing"):
            Study(Where("digits", tmp_path / "study"), missing)
    assert not (tmp_path / "study").exists()


def test_a_subset_larger_than_the_data_is_refused_before_any_training(tmp_path):
    settings = dataclasses.replace(SETTINGS, sizes=(100, 1439))
    with pytest.raises(ValueError, match="size of a subset must be at most .* 1438, got 1439"):
        Study(Where("digits", tmp_path / "study"), settings)
    assert not (tmp_path / "study").exists()
    # Arms that select nothing have no size.
    Study(Where("digits", tmp_path / "full"), dataclasses.replace(settings, arms=arms("full")))


def test_embeddings_of_other_data_are_refused_before_any_training(tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((30, 4), np.float32))
    encoder = EncoderSettings(kind="given", path=str(tmp_path / "mine.npy"))
    with pytest.raises(ValueError, match="one row for each of 1438 samples"):
        Study(Where("digits", tmp_path / "study"), dataclasses.replace(SETTINGS, encoder=encoder))


def test_an_arm_whose_preparation_takes_all_of_the_time_is_left_out(tmp_path):
    settings = dataclasses.replace(
        SETTINGS, arms=arms("random", "topk"), seeds=(0,), splits=(1.0,), totals=lengths("2s")
    )
    study = Study(Where("digits", tmp_path / "study"), settings)
    study.folder.add_stage_seconds("principal components", 3.0)
    told: list[str] = []
    (record,) = study.train(told.append)
    assert record.arm == RANDOM
    assert list(study.left_out) == ["time-topk-k100-split1-2s-seed0"]
    assert "of a budget of 2.0 s were spent before" in told[-1]


def test_a_training_that_diverges_is_left_out_and_the_others_are_made(tmp_path):
    training = dataclasses.replace(SETTINGS.training, learning_rate=1e20)
    settings = dataclasses.replace(
        SETTINGS, arms=arms("random", "full"), seeds=(0,), splits=(1.0,), training=training
    )
    study = Study(Where("digits", tmp_path / "study"), settings)
    assert study.train() == ()
    assert len(study.left_out) == 2
    told: list[str] = []
    again = Study(Where("digits", tmp_path / "study"), settings)
    assert again.train(told.append) == ()
    assert (told, again.left_out) == ([], study.left_out)
    assert all("a lower learning rate may help" in why for why in study.left_out.values())


def test_the_folder_of_another_figure_is_refused(tmp_path):
    small = dataclasses.replace(SETTINGS, arms=arms("random"), seeds=(0,), splits=(1.0,))
    Study(Where("digits", tmp_path / "study"), small)
    with pytest.raises(ValueError, match="holds the results of 'compare', not of 'fig5'; choose"):
        Study(Where("digits", tmp_path / "study"), small, figure="fig5")
