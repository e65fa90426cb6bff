from __future__ import annotations

import numpy as np
import pytest

from thinset.data import import_dataset, open_dataset
from thinset.data.provenance import DistilledBy
from thinset.distillation.methods import dd, dm, gm
from thinset.duration import Duration
from thinset.experiments.cells import cell_of
from thinset.experiments.distillation import DistillationSettings, distilled_name
from thinset.experiments.prepare import distilled
from thinset.experiments.replayed import replays
from thinset.experiments.settings import EncoderSettings, StudySettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.experiments.workbench import Workbench
from thinset.results import Arm
from thinset.training import StepSizesUnusedWarning

SETTINGS = StudySettings(
    arms=(Arm.parse("distilled:dd"),),
    sizes=(20,),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(
        model="lenet", width=0.34, batch_size=16, learning_rate=0.05, evaluations=1, crop="whole"
    ),
    distillation=DistillationSettings(
        evaluations=2,
        n_seeds=2,
        dd=dd.Settings(length="3st", batch_size=32, n_steps=2, n_epochs=2),
        gm=gm.Settings(length="2st", batch_size=4, n_scored=0),
        dm=dm.Settings(length="2st", batch_size=4, n_scored=0),
    ),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    out = tmp_path_factory.mktemp("source") / "digits"
    import_dataset("digits", out)
    return out


def bench_of(source, out, arm="distilled:dd", **changes):
    values = {name: getattr(SETTINGS, name) for name in SETTINGS.__dataclass_fields__}
    settings = StudySettings(**{**values, "arms": (Arm.parse(arm),), **changes})
    where = Where(str(source), out, "cpu", "thinset compare")
    return Workbench(where, settings, fixed=("training",), figure="compare")


def cell(arm, seed=0, size=20):
    return cell_of(
        Arm.parse(arm), size=size, split=1.0, total=Duration(8, "st"), comparison="steps", seed=seed
    )


CONVNET = TrainingSettings(model="convnet", width=0.05, batch_size=16, crop="whole")


@pytest.mark.parametrize(
    ("arm", "training", "params"),
    [
        ("distilled:dd", SETTINGS.training, {"initial_weights": "random", "learns_labels": False}),
        ("distilled:soft", SETTINGS.training, {"initial_weights": "random", "learns_labels": True}),
        (
            "distilled:dd:init=kmeans:start=fixed:fixed_layers=2",
            SETTINGS.training,
            {"initial_weights": "fixed", "n_fixed_layers": 2},
        ),
        ("distilled:dm", CONVNET, {"method": "dm"}),
        ("distilled:gm:init=max_min", CONVNET, {"method": "gm"}),
    ],
)
def test_a_set_is_what_its_arm_says(source, tmp_path, monkeypatch, arm, training, params):
    bench = bench_of(source, tmp_path / "out", arm, training=training)
    subset = bench.subset(cell(arm))
    rule = Arm.parse(arm).distilled
    provenance = subset.data.manifest.provenance
    assert isinstance(provenance, DistilledBy)
    settings = provenance.params["settings"]
    assert params.items() <= settings.items()
    assert provenance.params["init"] == rule.init
    assert (settings["network"], settings["width"]) == (training.model, training.width)
    assert np.bincount(subset.data.labels).tolist() == [2] * 10
    assert (subset.data.schedule is not None) == rule.has_steps == replays(Arm.parse(arm))
    assert (subset.data.soft_labels is not None) == (rule.method == "soft")
    # What is there is not made again.
    monkeypatch.setattr(distilled, "distill", None)
    again = bench.subset(cell(arm))
    assert again.data.fingerprint == subset.data.fingerprint
    assert again.seconds == subset.seconds
    assert not list((tmp_path / "out").rglob("*checkpoint*distilled*"))


def test_images_start_from_the_selection_that_the_arm_names(source, tmp_path):
    """A rate of almost nothing leaves the images as they were."""
    still = DistillationSettings(dd=dd.Settings(length="1st", learning_rate=1e-9, n_halvings=0))
    arm = "distilled:dd:init=facility_location"
    bench = bench_of(source, tmp_path / "out", arm, distillation=still)
    images = np.asarray(bench.subset(cell(arm)).data.images)
    chosen = bench.subset(cell("facility_location:per_class"))
    found = {image.tobytes() for image in (images * 255).round().astype(np.uint8)}
    assert found == {np.asarray(image).tobytes() for image in chosen.data.images}


def test_seeds_take_turns_through_the_sets(source, tmp_path):
    bench = bench_of(source, tmp_path / "out")
    prints = [bench.subset(cell("distilled:dd", seed)).data.fingerprint for seed in range(3)]
    assert prints[0] == prints[2] != prints[1]
    rule = Arm.parse("distilled:dd").distilled
    folders = {path.name for path in (tmp_path / "out" / "subsets").iterdir() if path.is_dir()}
    assert folders == {distilled_name(rule, 20, seed) for seed in (0, 1)}


def test_a_killed_distillation_resumes_and_counts_all_its_seconds(source, tmp_path, monkeypatch):
    whole = bench_of(source, tmp_path / "whole").subset(cell("distilled:dd"))
    bench = bench_of(source, tmp_path / "killed")
    write = distilled.distill

    def stop(data, path, **options):
        write(data, path, **options)
        raise KeyboardInterrupt  # before it is in place

    monkeypatch.setattr(distilled, "distill", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.subset(cell("distilled:dd"))
    monkeypatch.setattr(distilled, "distill", write)
    resumed = bench_of(source, tmp_path / "killed").subset(cell("distilled:dd"))
    assert resumed.data.fingerprint == whole.data.fingerprint
    spent = resumed.seconds["distilling"]
    # Nothing was left to do, and yet the steps cost time.
    assert spent > 0


@pytest.mark.parametrize(
    ("arm", "changes", "message"),
    [
        (
            "distilled:dd",
            {"sizes": (25,)},
            "distilled:dd: .*10 classes, got 25; give --sizes 20",
        ),
        (
            "distilled:dm",
            {"training": TrainingSettings(model="networks_without_features:linear", crop="whole")},
            "distilled:dm: .*method `hidden`.*linear has none",
        ),
        (
            "distilled:dd",
            {"training": TrainingSettings(model="paper", crop="whole")},
            "distilled:dd: .*batch norm",
        ),
        (
            "distilled:gm",
            {"sizes": (1430,), "training": CONVNET},
            "distilled:gm: .*class 0 .*has 142",
        ),
    ],
)
def test_what_cannot_be_distilled_is_refused_first(source, tmp_path, arm, changes, message):
    with pytest.raises(ValueError, match=f"(?i){message}"):
        bench_of(source, tmp_path / "out", arm, **changes)


def test_stored_steps_are_replayed_unless_the_arm_says_otherwise(source, tmp_path):
    bench = bench_of(source, tmp_path / "out")
    training = SETTINGS.training.resolved_for(open_dataset(source / "train").image_shape)
    replayed = bench.train(cell("distilled:dd"), training, "replayed")
    with pytest.warns(StepSizesUnusedWarning):
        ordinary = bench.train(cell("distilled:dd:ordinary"), training, "ordinary")
    assert (replayed.replayed_steps, replayed.steps) == (4, 4)
    assert (ordinary.replayed_steps, ordinary.steps) == (0, 8)
    assert replayed.preparation_seconds["distilling"] > 0
