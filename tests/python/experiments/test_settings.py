"""Recipes are read strictly, and every size of each can be read."""

from __future__ import annotations

import pytest

from thinset.duration import Duration
from thinset.experiments.distillation import DistillationSettings
from thinset.experiments.kinds.trainings import Study
from thinset.experiments.settings import (
    EncoderSettings,
    PlanSettings,
    RankingSettings,
    RunSettings,
    StudySettings,
    TrainingSettings,
    load_recipe,
)
from thinset.experiments.where import Where
from thinset.files.decoding import decode, encode
from thinset.results import Arm


@pytest.mark.parametrize("size", ["smoke", "quick", "paper"])
def test_every_size_is_read(size):
    settings = load_recipe("run", size, RunSettings)
    assert settings.size == 0.0864  # the paper's 4,320 of 50,000
    assert len(settings.seeds) >= 2


def test_paper_size_has_the_papers_lengths():
    settings = load_recipe("run", "paper", RunSettings).resolved_for((32, 32, 3))
    assert settings.steps == Duration(10_000, "st")
    assert settings.encoder.length == Duration(40_000, "st")
    assert settings.encoder.crop == settings.training.crop == 24
    assert settings.training.batch_size == settings.encoder.batch_size == 1024
    assert settings.training.learning_rate == 0.1
    assert settings.training.weight_decay == 0.004
    assert settings.training.flip is True
    assert settings.training.contrast == (0.2, 1.8)


def test_grey_and_small_images_are_neither_cropped_nor_mirrored():
    for shape in ((28, 28, 1), (8, 8, 1), (16, 16, 3)):
        settings = load_recipe("run", "quick", RunSettings).resolved_for(shape)
        assert settings.encoder.crop is None
        assert settings.training.flip is (shape[2] == 3)


def test_settings_survive_json():
    settings = load_recipe("run", "smoke", RunSettings).resolved_for((32, 32, 3))
    assert decode(encode(settings), RunSettings, "settings") == settings


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"sedes": [1]}, r"run: has no entry 'sedes'; it has hold_out, "),
        ({"encoder": {"depth": 3}}, r"run: encoder has no entry 'depth'"),
        ({"encoder": 3}, r"run: encoder must be a table, got 3"),
        ({"seeds": [0, 0]}, "seeds must be distinct, got 0 twice"),
        ({"seeds": []}, "seeds must have at least one value"),
        (
            {"seeds": [0.5]},
            r"run: seeds\[0\] must be a whole number from 0 to 2\*\*63 - 1, got 0.5",
        ),
        ({"split": "half"}, r"run: split must be a number from 0 to 1, got 'half'"),
        ({"steps": "7parsecs"}, r"run: steps: a length is a number with a unit.* got '7parsecs'"),
        ({"arm": "best"}, r"run: arm: arm 'best': the name must be one of"),
        ({"steps": 100}, r"run: steps must be .*, got 100"),
        (
            {"encoder": {"kind": "vae"}},
            r"run: encoder.kind must be 'autoencoder', 'given', 'module' or 'pca', got 'vae'",
        ),
        ({"encoder": {"widths": [1, 2]}}, r"run: encoder.widths must be a list of 3, got"),
        ({"validation": 1.5}, r"run: validation must be a number .*got 1.5"),
        ({"validation": 0}, r"run: validation must be .*got 0"),
        ({"share": 0.0}, r"run: share must be a number above 0 and at most 1, got 0.0"),
        ({"share": 2}, r"run: share must be a number above 0 and at most 1, got 2"),
        ({"split_seed": -1}, r"run: split_seed must be a whole number from 0"),
        (
            {"training": {"optimizer": "lion"}},
            r"run: training.optimizer must be 'adam' or 'sgd', got 'lion'",
        ),
        ({"training": {"keep": "first"}}, r"run: training.keep must be 'best' or 'last', got"),
        ({"training": {"standardise": 1}}, r"run: training.standardise must be true or false or"),
        ({"training": {"ema_decay": 2}}, r"run: training.ema_decay must be .*, got 2"),
        ({"training": {"flip": 1}}, r"run: training.flip must be true or false or 'auto', got 1"),
    ],
)
def test_mistakes_are_named(table, message):
    with pytest.raises(ValueError, match=message):
        decode(table, RunSettings, "run")


@pytest.mark.parametrize(
    ("values", "got"),
    [({"kind": "module"}, "None for 'module'"), ({"function": "a:b"}, "'a:b' for 'autoencoder'")],
)
def test_a_function_belongs_to_a_module(values, got):
    with pytest.raises(
        ValueError, match=rf"encoder\.function must name MODULE:FUNCTION.*got {got}"
    ):
        EncoderSettings(**values)


def test_unknown_size_is_refused():
    with pytest.raises(ValueError, match="size must be one of smoke, quick, paper; got 'huge'"):
        load_recipe("run", "huge", RunSettings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warm_up": 1.0}, "warm_up must be from 0 to below 1, got 1.0"),
        ({"warm_up": -0.1, "schedule": "one_cycle"}, "warm_up must be from 0 to below 1"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**changes)


@pytest.mark.parametrize(
    ("kind", "table", "message"),
    [
        (RunSettings, {"split": 1.5}, "split must be a number from 0 to 1, got 1.5"),
        (RunSettings, {"seeds": [-1]}, r"seeds\[0\] must be a whole number from 0"),
        (RunSettings, {"size": 0}, "size must be a count of at least 1, .* got 0"),
        (
            RunSettings,
            {"size": 1.5},
            "size must be a count of at least 1, .* got 1.5",
        ),
        (RunSettings, {"size": 0.0}, "size must be a count of at least 1, or a fraction"),
        (RunSettings, {"steps": "0st"}, "steps must be longer than 0st"),
        (RunSettings, {"time": "0s"}, "time must be longer than 0s"),
        (RunSettings, {"hold_out": float("nan")}, "hold_out must be a finite number, got nan"),
        (RunSettings, {"encoder": {"length": "0ep"}}, "encoder.length must be longer than 0ep"),
        (
            RunSettings,
            {"encoder": {"n_components": 0}},
            "n_components must be a whole number",
        ),
        (RunSettings, {"encoder": {"crop": 0}}, "encoder.crop must be a whole number from 1"),
        (RunSettings, {"training": {"batch_size": 0}}, "batch_size must be a whole number"),
        (RunSettings, {"training": {"learning_rate": 0}}, "learning_rate must be a number above 0"),
        (RunSettings, {"training": {"learning_rate": float("inf")}}, "must be a finite number"),
        (
            RunSettings,
            {"training": {"evaluations": 0}},
            "evaluations must be a whole number",
        ),
        (StudySettings, {"sizes": [0.1, -3]}, "sizes must be a count of at least 1"),
        (StudySettings, {"totals": ["5st", "0st"]}, "totals must be longer than 0st"),
        (PlanSettings, {"total": "0s"}, "total must be longer than 0s"),
        (
            RankingSettings,
            {"learning_rates": [0.1, 0.2, -1]},
            r"learning_rates\[2\] must be",
        ),
        (RankingSettings, {"reference_total": "0st"}, "reference_total must be longer than 0st"),
        (
            RankingSettings,
            {"distillation": {"width": 0.5}},
            r"distillation\.width needs distillation\.network, got 0\.5",
        ),
    ],
)
def test_a_value_out_of_range_is_refused(kind, table, message):
    with pytest.raises(ValueError, match=message):
        decode(table, kind, "settings")


def test_settings_made_in_python_are_checked_before_anything_is_written(tmp_path):
    settings = StudySettings(training=TrainingSettings(batch_size=0))
    with pytest.raises(ValueError, match=r"settings: training\.batch_size must be a whole number"):
        Study(Where("digits", tmp_path / "out"), settings)
    assert not (tmp_path / "out").exists()


def test_sets_are_distilled_for_the_classifier_or_for_a_stated_network():
    rule = Arm.parse("distilled:dm").distilled
    training = TrainingSettings(model="vgg", width=0.5)
    for settings, expected in (
        (DistillationSettings(), ("vgg", 0.5)),
        (DistillationSettings(network="convnet"), ("convnet", 1.0)),
        (DistillationSettings(network="convnet", width=0.25), ("convnet", 0.25)),
    ):
        made_for = settings.of(rule, training)
        assert (made_for.network, made_for.width) == expected
