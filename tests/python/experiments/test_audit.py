"""The audit as a whole, on the embedded digits and with trainings of a few steps."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
from torch.nn.utils import parameters_to_vector

from small_networks import Small
from thinset.data import write_subset
from thinset.distillation.set_training import SetTraining
from thinset.duration import Duration
from thinset.experiments import audit as audit_module
from thinset.experiments.audit import evaluate_set
from thinset.experiments.audit_settings import AuditSettings
from thinset.experiments.settings import EncoderSettings, require_valid
from thinset.experiments.verification import verify
from thinset.experiments.where import Where
from thinset.results.audit import EQUAL_BYTES, RANDOM, THE_SET, Audit

SMALL = "small_networks:small"
NORMALISED = "small_networks:normalised"
SETTINGS = AuditSettings(
    networks=(SMALL,),
    n_networks=2,
    seeds=(0, 1),
    training=SetTraining(Duration(3, "st"), learning_rates=(0.05,)),
    teacher_length=Duration(40, "st"),
)
SOFT = (0.9 * np.eye(10) + 0.01).astype(np.float32)
STEPS = tuple(((0, 10), 0.2) for _ in range(3))


@pytest.fixture
def distil(tmp_path, write_distilled, digits):
    def distil(*, starts=None, n_fixed=None, width=1.0, **options):
        labels = np.asarray(digits["train"].labels)
        rows = [int(np.flatnonzero(labels == number)[0]) for number in range(10)]
        params = {"settings": {"network": SMALL, "width": width}}
        if starts is not None:
            params["initial_weights"] = {"kind": starts, "n_fixed_layers": n_fixed}
            own = parameters_to_vector(Small((8, 8, 1), 10).parameters())
            options.setdefault("initial_weights", own.detach().numpy())
        images = digits["train"].images[rows].astype(np.float32) / 255
        return write_distilled(
            tmp_path / "distilled", images, np.arange(10), params=params, **options
        )

    return distil


@pytest.fixture
def evaluate(tmp_path, digits):
    def evaluate(dataset, out="out", *, others=(), **changes):
        settings = dataclasses.replace(SETTINGS, **changes)
        require_valid(settings)
        where = Where(str(digits["train"].path.parent), tmp_path / out, device="cpu")
        return evaluate_set(dataset, where, settings, others=others)

    return evaluate


def kinds(audit):
    return [(row.name, row.labels, row.is_augmented, row.way) for row in audit.rows]


def test_every_set_is_trained_on_in_every_way(distil, evaluate, digits, tmp_path):
    audit = evaluate(distil(soft_labels=SOFT, steps=STEPS))
    baselines = [RANDOM, "class means", "k-means, nearest images", "facility location"]
    equal = [f"{baselines[number]}{EQUAL_BYTES}" for number in (0, 2, 3)]
    assert kinds(audit) == [
        *(
            (THE_SET, labels, is_augmented, "training")
            for labels in ("hard", "own")
            for is_augmented in (False, True)
        ),
        (THE_SET, "own", False, "replay"),
        *(
            (name, labels, is_augmented, "training")
            for name in baselines
            for labels in ("hard", "teacher")
            for is_augmented in (False, True)
        ),
        *(
            (name, "hard", is_augmented, "training")
            for name in equal
            for is_augmented in (False, True)
        ),
    ]
    assert {row.n for row in audit.rows} == {4}
    assert all(len(set(row.accuracies)) > 1 for row in audit.rows)
    # 640 bytes of pixels, 400 of soft labels, 12 of step sizes: 16 images of 64 bytes.
    sizes = {(row.name, row.labels, row.way): (row.n_images, row.n_bytes) for row in audit.rows}
    assert sizes[THE_SET, "hard", "training"] == (10, 640)
    assert sizes[THE_SET, "own", "training"] == (10, 1040)
    assert sizes[THE_SET, "own", "replay"] == (10, 1052)
    assert sizes[RANDOM, "hard", "training"] == (10, 640)
    assert sizes[RANDOM, "teacher", "training"] == (10, 1040)
    assert sizes[RANDOM + EQUAL_BYTES, "hard", "training"] == (16, 1024)
    assert (audit.n_train, audit.n_validation, audit.n_test) == (1294, 144, 359)
    assert audit.teacher.network == SMALL
    assert audit.teacher.validation_accuracy > 30
    assert audit.seconds > 0
    assert audit.hardware
    assert len(audit.parts) == 12
    assert audit.notes == (
        "with one image of each class, k-means, mean images are the class means",
    )
    assert Audit.load(tmp_path / "out" / "audit.json") == audit
    assert verify(tmp_path / "out") > 50


def test_several_images_of_a_class_have_means_of_clusters(evaluate, digits, tmp_path):
    rows = [
        row for number in range(10) for row in np.flatnonzero(digits["train"].labels == number)[:2]
    ]
    two = write_subset(rows, digits["train"], tmp_path / "two")
    names = ("random", "means", "kmeans_means")
    audit = evaluate(two, baselines=names)
    assert {row.name for row in audit.rows} >= {"class means", "k-means, mean images"}
    assert audit.notes == ()


def test_a_set_without_soft_labels_and_steps(distil, evaluate):
    audit = evaluate(distil(), baselines=("random", "means"))
    assert {row.labels for row in audit.rows} == {"hard"}
    assert {row.name for row in audit.rows} == {THE_SET, RANDOM, "class means"}
    assert {row.way for row in audit.rows} == {"training"}
    assert audit.teacher is None
    assert audit.n_bytes.total == 640


def test_networks_with_batch_statistics_are_trained_and_not_replayed(distil, evaluate):
    audit = evaluate(distil(steps=STEPS), networks=(SMALL, NORMALISED), baselines=("random",))
    replayed = [row.network for row in audit.rows if row.way == "replay"]
    assert replayed == [SMALL]
    assert audit.networks == (SMALL, NORMALISED)
    assert len(audit.rows) == 4 + 1 + 4
    (note,) = audit.notes
    assert note.startswith(f"no replay on {NORMALISED}: its layer '0' (BatchNorm2d)")


def test_stored_weights_are_replayed_beside_new_ones(distil, evaluate):
    audit = evaluate(distil(steps=STEPS, starts="fixed"), baselines=("random",))
    ways = {row.way: row for row in audit.rows if row.way != "training"}
    assert list(ways) == ["replay", "replay from new weights"]
    assert [len(one.accuracies) for one in ways["replay"].scores] == [1, 1]
    assert (ways["replay"].n, ways["replay"].standard_deviation) == (1, None)
    assert ways["replay from new weights"].n == 4
    assert audit.n_bytes.initial_weights == 4 * 690
    assert "all networks start from the stored weights and are the same" in audit.notes[0]


def test_stored_weights_of_another_width_are_not_replayed(distil, evaluate):
    audit = evaluate(distil(steps=STEPS, starts="fixed", width=2.0), baselines=("random",))
    ways = [row.way for row in audit.rows if row.way != "training"]
    assert ways == ["replay from new weights"]
    assert (
        "from the stored initial weights, which are of small_networks:small, width 2"
        in (audit.notes[0])
    )


def test_first_layers_from_stored_weights_leave_networks_different(distil, evaluate):
    audit = evaluate(distil(steps=STEPS, starts="fixed", n_fixed=1), baselines=("random",))
    replayed = audit.find(SMALL, THE_SET, "hard", way="replay")
    assert replayed.n == 4
    assert audit.notes == ()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"initial_weights": np.full(690, np.nan, np.float32)}, "must be finite, got nan"),
        ({"initial_weights": np.zeros(689, np.float32)}, "Small has 690 parameters"),
        ({"n_fixed": 99}, "99 fixed layers, but Small has 2"),
    ],
)
def test_damaged_weights_are_found_before_any_training(
    distil, evaluate, watched, tmp_path, damage, message
):
    small = distil(steps=STEPS, starts="fixed", **damage)
    with pytest.raises(ValueError, match=message):
        evaluate(small)
    assert watched == []
    assert not (tmp_path / "out").exists()


@pytest.fixture
def watched(monkeypatch):
    """What is done, in order, with the number of samples that it scores on."""
    done = []
    choose, score, replay = (
        getattr(audit_module, name) for name in ("choose_rate", "scores_of", "replay")
    )

    def chosen(small, *arguments, **options):
        done.append(("rate", len(small), len(options["validation_data"].images)))
        return choose(small, *arguments, **options)

    def scored(small, *arguments, **options):
        done.append(("score", len(small), len(options["scored_on"].images)))
        return score(small, *arguments, **options)

    def replayed(dataset, *arguments, **options):
        done.append(("replay", len(dataset), len(options["test_data"].images)))
        return replay(dataset, *arguments, **options)

    monkeypatch.setattr(audit_module, "choose_rate", chosen)
    monkeypatch.setattr(audit_module, "scores_of", scored)
    monkeypatch.setattr(audit_module, "replay", replayed)
    return done


def test_test_data_are_read_after_all_choices_and_once(distil, evaluate, watched):
    audit = evaluate(distil(steps=STEPS), baselines=("random", "means"))
    trained = [row for row in audit.rows if row.way == "training"]
    assert [what for what, *_ in watched] == (
        ["rate"] * len(trained) + ["score"] * 4 + ["replay"] * 2 + ["score"] * 8
    )
    assert {n for what, _, n in watched if what == "rate"} == {144}
    assert {n for what, _, n in watched if what != "rate"} == {359}


def test_rates_are_chosen_on_a_validation_split_where_there_is_one(
    distil, tmp_path, digits, watched
):
    source, train = tmp_path / "source", digits["train"]
    shutil.copytree(train.path, source / "train")
    shutil.copytree(digits["test"].path, source / "test")
    write_subset(np.arange(200), train, source / "validation")
    np.save(tmp_path / "own.npy", np.random.default_rng(0).random((1438, 2), np.float32))
    encoder = EncoderSettings(kind="given", path=str(tmp_path / "own.npy"))
    settings = dataclasses.replace(SETTINGS, baselines=("random", "kmeans"), encoder=encoder)
    where = Where(str(source), tmp_path / "out", device="cpu")
    audit = evaluate_set(distil(), where, settings)
    assert (audit.n_train, audit.n_validation) == (1438, 200)
    assert {n for what, _, n in watched if what == "rate"} == {200}
    assert verify(tmp_path / "out") is not None


def test_a_folder_goes_on_with_the_data_that_it_has_chosen_by(distil, evaluate, digits, tmp_path):
    source = tmp_path / "source"
    for name in ("train", "test"):
        shutil.copytree(digits[name].path, source / name)
    settings = dataclasses.replace(SETTINGS, baselines=("random",))
    where = Where(str(source), tmp_path / "out", device="cpu")
    dataset = distil()
    before = evaluate_set(dataset, where, settings)
    write_subset(np.arange(200), digits["train"], source / "validation")
    assert evaluate_set(dataset, where, settings).rows == before.rows


def test_sets_larger_than_the_real_data_are_refused_before_any_training(
    evaluate, digits, watched, tmp_path
):
    rows = np.flatnonzero(np.asarray(digits["train"].labels) == 4)
    all_of_one = write_subset(rows, digits["train"], tmp_path / "fours")
    with pytest.raises(ValueError, match="class 4 has 130 samples, fewer than the 145 images"):
        evaluate(all_of_one)
    assert watched == []
    assert not (tmp_path / "out").exists()


def test_sets_of_real_images_are_trained_on_once_for_several_audits(
    distil, evaluate, watched, digits, tmp_path
):
    names = {"baselines": ("random", "means")}
    first = evaluate(distil(), "first", **names)
    assert len(watched) == 3 * len(first.rows) == 18
    watched.clear()
    labels = np.asarray(digits["train"].labels)
    rows = [np.flatnonzero(labels == number)[1:3] for number in range(10)]
    others = {"others": [tmp_path / "first"]}
    one_each = write_subset(np.array([two[0] for two in rows]), digits["train"], tmp_path / "one")
    second = evaluate(one_each, "second", **names, **others)
    assert len(watched) == 6  # of the set itself
    assert second.rows[2:] == first.rows[2:]
    assert second.rows[:2] != first.rows[:2]
    # Sets of another size stand beside others.
    watched.clear()
    two_each = write_subset(np.concatenate(rows), digits["train"], tmp_path / "two")
    third = evaluate(two_each, "third", **names, **others)
    assert len(watched) == 18
    assert {row.n_images for row in third.rows} == {20}


def test_interrupted_audits_resume_by_part(distil, evaluate, watched, monkeypatch):
    dataset = distil(steps=STEPS)
    whole = evaluate(dataset, "whole", baselines=("random",))
    n_parts = len(watched)
    watched.clear()
    kept = audit_module.write_json_with_digest

    def interrupted(path, content):
        if len(watched) == 7:
            raise KeyboardInterrupt
        kept(path, content)

    monkeypatch.setattr(audit_module, "write_json_with_digest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(dataset, "parts", baselines=("random",))
    monkeypatch.setattr(audit_module, "write_json_with_digest", kept)
    resumed = evaluate(dataset, "parts", baselines=("random",))
    assert resumed.rows == whole.rows
    assert len(watched) == n_parts + 1  # the interrupted part is done again
    watched.clear()
    assert evaluate(dataset, "parts", baselines=("random",)).rows == whole.rows
    assert watched == []


def test_other_settings_need_another_folder(distil, evaluate):
    dataset = distil()
    evaluate(dataset, baselines=("random",))
    with pytest.raises(ValueError, match="other settings: settings.n_networks is 2 there"):
        evaluate(dataset, baselines=("random",), n_networks=3)


def test_a_set_that_changed_is_refused(distil, evaluate, write_distilled):
    dataset = distil()
    evaluate(dataset, baselines=("random",))
    shutil.rmtree(dataset.path)
    other = write_distilled(dataset.path, np.array(1 - dataset.images), np.arange(10))
    with pytest.raises(ValueError, match="the set has changed since .*out was begun with it"):
        evaluate(other, baselines=("random",))


def test_embeddings_have_a_row_for_each_sample_before_validation_data_are_held_out(
    distil, evaluate, tmp_path
):
    np.save(tmp_path / "own.npy", np.zeros((1437, 2), np.float32))
    encoder = EncoderSettings(kind="given", path=str(tmp_path / "own.npy"))
    dataset, names = distil(), ("random", "kmeans")
    with pytest.raises(ValueError, match="one row for each of 1438 samples"):
        evaluate(dataset, "short", encoder=encoder, baselines=names)
    np.save(tmp_path / "own.npy", np.random.default_rng(0).random((1438, 2), np.float32))
    assert len(evaluate(dataset, encoder=encoder, baselines=names).rows) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"baselines": ("means",)}, "baselines must have random"),
        ({"baselines": ("random", "random")}, "baselines must be distinct"),
        ({"networks": ()}, "networks must have at least one value"),
        ({"seeds": (1, 1)}, "seeds must be distinct"),
        ({"validation": 1.0}, "validation must be below 1"),
        ({"teacher_length": Duration(0, "st")}, "teacher_length must be longer than 0st"),
        ({"n_networks": 0}, "n_networks must be a whole number"),
        ({"networks": ("unknown",)}, "network must be MODULE:FUNCTION"),
    ],
)
def test_settings_out_of_range_are_refused(distil, evaluate, changes, message):
    with pytest.raises(ValueError, match=message):
        evaluate(distil(), **changes)


def test_sets_of_other_images_are_refused(evaluate, write_distilled, tmp_path):
    odd = write_distilled(tmp_path / "odd", np.zeros((10, 8, 9, 1), np.uint8), np.arange(10))
    with pytest.raises(ValueError, match=r"odd has images of 8 x 9 x 1 .* training images are 8 x"):
        evaluate(odd)
