from __future__ import annotations

import dataclasses

import pytest

from thinset.data import open_dataset
from thinset.duration import Duration
from thinset.experiments.figures.registry import recipe_of
from thinset.experiments.finished import Finished
from thinset.experiments.kinds import ranking
from thinset.experiments.settings import EncoderSettings, RankingSettings, TrainingSettings
from thinset.experiments.where import Where
from thinset.results import FULL, RANDOM, REFERENCE, load_records, summarise_ranking

SETTINGS = RankingSettings(
    arms=(FULL, RANDOM),
    seeds=(0,),
    size=100,
    total=Duration(3, "st"),
    reference_total=Duration(5, "st"),
    learning_rates=(0.01, 0.05),
    widths=(0.25, 1.0),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(batch_size=32, evaluations=1),
)


def make(out, settings, note=None):
    return ranking.make(recipe_of("repeated_search"), settings, Where("digits", out), note)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rankings") / "ranking"
    told: list[str] = []
    page = make(folder, SETTINGS, told.append)
    return folder, page, told


def test_every_arm_trains_every_setting(finished):
    folder, page, told = finished
    records = load_records(folder / "records")
    assert len(told) == len(records) == 12
    settings = {(r.settings["learning_rate"], r.settings["width"]) for r in records}
    assert settings == {(0.01, 0.25), (0.01, 1.0), (0.05, 0.25), (0.05, 1.0)}
    assert sorted(record.steps for record in records) == [3] * 8 + [5] * 4
    text = page.read_text(encoding="utf-8")
    assert "rate 0.05, width 0.25" in text
    assert "Every setting" in text


def test_scores_are_of_held_out_training_data(finished):
    folder, *_ = finished
    parts = [open_dataset(folder / "split" / name) for name in ("train", "test")]
    assert [len(part) for part in parts] == [1294, 144]
    assert {record.n_full for record in load_records(folder / "records")} == {1294}


def test_a_ranking_grows_in_its_folder(finished):
    folder, *_ = finished
    told: list[str] = []
    more = dataclasses.replace(SETTINGS, seeds=(0, 1), learning_rates=(0.01, 0.05, 0.1))
    make(folder, more, told.append)
    assert len(told) == 2 * 18 - 12
    with pytest.raises(ValueError, match="settings.total is '3st' there and '4st' here"):
        make(folder, dataclasses.replace(SETTINGS, total=Duration(4, "st")))


def test_a_setting_that_diverges_scores_nothing(tmp_path):
    settings = dataclasses.replace(SETTINGS, learning_rates=(0.01, 1e20))
    make(tmp_path / "ranking", settings)
    finished = Finished.read(tmp_path / "ranking", RankingSettings)
    points = tuple(ranking.points_of(settings))
    left_out = finished.left_out(point.name for point in points)
    assert len(finished.records(point.name for point in points)) == len(left_out) == 6
    trained, preparation = ranking.trained_by_arm(points, finished, left_out)
    assert preparation[FULL] == 0.0
    assert preparation[RANDOM] > 0.0
    assert all(len(runs) == 4 for runs in trained.values())
    diverged = [run.accuracy for run in trained[RANDOM] if run.setting.learning_rate > 1]
    assert diverged == [0.0, 0.0]
    reference, full, random = summarise_ranking(trained.pop(REFERENCE), trained, preparation)
    assert reference.regret == {0: 0.0}
    assert max(full.regret[0], random.regret[0]) < 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rates": (0.1,), "widths": (1.0,)}, "at least three settings"),
        ({"seeds": ()}, "seeds must have at least one"),
        ({"arms": (RANDOM, RANDOM)}, "arms must be distinct, got random twice"),
    ],
)
def test_a_ranking_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **changes)
