"""Grids of trainings on the embedded digits, as short as they go."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from thinset.data import DatasetWriter, import_dataset, open_dataset, write_subset
from thinset.duration import Duration
from thinset.experiments.cells import cells_of
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.prepare.subsets import typical_distance
from thinset.experiments.settings import EncoderSettings, StudySettings, TrainingSettings
from thinset.experiments.verification import verify
from thinset.experiments.where import Where
from thinset.experiments.workbench import Workbench
from thinset.results import FULL, RANDOM, Arm, FastPhase, RunRecord
from thinset.selection import Selection, deduplicate, select
from thinset.training import TrainingDivergedError


def arms(*texts: str) -> tuple[Arm, ...]:
    return tuple(map(Arm.parse, texts))


def lengths(*texts: str) -> tuple[Duration, ...]:
    return tuple(map(Duration.parse, texts))


SETTINGS = StudySettings(
    arms=arms("full", "random", "topk", "repeated_random", "loss_pruning"),
    seeds=(0, 1),
    sizes=(100,),
    splits=(0.0, 0.5, 1.0),
    totals=lengths("6st"),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(batch_size=32, learning_rate=0.02, evaluations=1),
)


def names(settings: StudySettings) -> list[str]:
    return [cell.name for cell in cells_of(settings)]


def test_the_grid_holds_every_training_once():
    found = names(dataclasses.replace(SETTINGS, seeds=(0,)))
    assert found == [
        "steps-full-6st-seed0",
        "steps-random-k100-split0.5-6st-seed0",
        "steps-random-k100-split1-6st-seed0",
        "steps-topk-k100-split0.5-6st-seed0",
        "steps-topk-k100-split1-6st-seed0",
        "steps-repeated_random-k100-split0.5-6st-seed0",
        "steps-repeated_random-k100-split1-6st-seed0",
        "steps-loss_pruning-6st-seed0",
    ]
    assert len(names(SETTINGS)) == len(set(names(SETTINGS))) == 2 * len(found)


def test_budgets_are_counted_in_each_way_and_steps_in_one():
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("random"),
        seeds=(0,),
        splits=(0.5,),
        totals=lengths("6st", "3s"),
        accounting=("everything", "training"),
    )
    assert [cell.comparison for cell in cells_of(settings)] == ["steps", "time", "training time"]


def test_cells_are_told_apart():
    one = dataclasses.replace(SETTINGS, arms=arms("topk"), seeds=(0,), splits=(1.0,))
    sizes = [(1,), (1.0,), (0.1234567,), (0.1234568,)]
    assert len({names(dataclasses.replace(one, sizes=size))[0] for size in sizes}) == 4
    texts = (
        "full", "full:balanced", "full:dedup=0.2", "full:resident", "loss_pruning",
        "random", "random:dedup=0.2", "random:stratified", "random:then=loss_pruning",
        "kmeans", "kmeans:per_class", "kmeans:weighted", "kmeans:n_iterations=3",
        "kmeans:seeding=random", "max_min:metric=cosine", "topk:mode=abs", "repeated_random",
        "file:a/b.npz", "file:a_b.npz", "data:ü", "data:ö", "full+data:ö", f"data:{'x' * 400}",
    )  # fmt: skip
    files = names(dataclasses.replace(one, arms=arms(*texts)))
    assert len(set(files)) == len(texts)
    assert max(map(len, files)) < 200


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ()}, "arms must have at least one value"),
        ({"arms": arms("random", "random")}, "arms must be distinct, got random twice"),
        ({"seeds": (1, 1)}, "seeds must be distinct, got 1 twice"),
        ({"splits": (1.5,)}, "splits must be from 0 to 1"),
        ({"baseline": Arm.parse("kmeans")}, "baseline must be one of the arms .*; got kmeans"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **changes)


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


def test_samples_that_count_as_much_as_their_clusters(tmp_path):
    settings = dataclasses.replace(
        SETTINGS, arms=arms("kmeans", "kmeans:weighted"), seeds=(0,), splits=(1.0,)
    )
    plain, weighted = Study(Where("digits", tmp_path / "study"), settings).train()
    assert len(list((tmp_path / "study" / "selections").glob("*.npz"))) == 1
    assert plain.final != weighted.final


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
    grey = np.zeros((4, 5, 5, 1), np.uint8)
    odd = write_subset([0, 1], (grey, np.zeros(4, np.int64)), tmp_path / "odd")
    settings = dataclasses.replace(settings, arms=arms(f"data:{odd.path}"))
    with pytest.raises(ValueError, match=r"odd has images of 5 x 5 x 1 .* training images are 8 x"):
        Study(Where(str(tmp_path / "digits"), tmp_path / "other"), settings).train()


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


def test_the_folder_of_another_figure_is_refused(tmp_path):
    small = dataclasses.replace(SETTINGS, arms=arms("random"), seeds=(0,), splits=(1.0,))
    Study(Where("digits", tmp_path / "study"), small)
    with pytest.raises(ValueError, match="holds the results of 'compare', not of 'fig5'; choose"):
        Study(Where("digits", tmp_path / "study"), small, figure="fig5")


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
