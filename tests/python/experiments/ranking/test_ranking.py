from __future__ import annotations

import dataclasses

import pytest

from thinset.experiments.ranking.ranking import Search
from thinset.experiments.settings import EncoderSettings, SearchSettings, TrainingSettings
from thinset.experiments.workbench import Where
from thinset.results import REFERENCE, summarise_ranking

SETTINGS = SearchSettings(
    arms=("full", "random"),
    seeds=(0,),
    size=100,
    total="3st",
    reference_total="5st",
    learning_rates=(0.01, 0.05),
    widths=(0.25, 1.0),
    encoder=EncoderSettings(kind="pca", n_components=8),
    training=TrainingSettings(batch_size=32, evaluations=1),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searches") / "search"
    search = Search(Where("digits", folder), SETTINGS)
    told: list[str] = []
    search.train(told.append)
    return folder, search, told


def test_every_arm_trains_every_configuration(finished):
    _, search, told = finished
    trained, preparation, records = search.results()
    assert len(told) == len(records) == 12
    assert list(trained) == [REFERENCE, "full", "random"]
    for runs in trained.values():
        assert len({run.configuration for run in runs}) == 4
    assert {record.steps for record in records} == {3, 5}
    assert preparation["full"] == 0.0
    assert preparation["random"] > 0.0


def test_scores_are_of_held_out_training_data(finished):
    _, search, _ = finished
    assert (len(search.data.train), len(search.data.test)) == (1294, 144)
    assert {record.n_full for record in search.results()[2]} == {1294}


def test_width_and_rate_are_those_of_the_configuration(finished):
    records = finished[1].results()[2]
    found = {(record.settings["learning_rate"], record.settings["width"]) for record in records}
    assert found == {(0.01, 0.25), (0.01, 1.0), (0.05, 0.25), (0.05, 1.0)}


def test_a_search_grows_in_its_folder(finished):
    folder, _, _ = finished
    told: list[str] = []
    more = dataclasses.replace(SETTINGS, seeds=(0, 1), learning_rates=(0.01, 0.05, 0.1))
    Search(Where("digits", folder), more).train(told.append)
    assert len(told) == 2 * 18 - 12
    with pytest.raises(ValueError, match="settings.total is '3st' there and '4st' here"):
        Search(Where("digits", folder), dataclasses.replace(SETTINGS, total="4st"))


def test_a_configuration_that_diverges_scores_nothing(tmp_path):
    settings = dataclasses.replace(SETTINGS, learning_rates=(0.01, 1e20))
    search = Search(Where("digits", tmp_path / "search"), settings)
    search.train()
    trained, preparation, records = search.results()
    assert len(records) == len(search.left_out) == 6
    assert all(len(runs) == 4 for runs in trained.values())
    diverged = [run.accuracy for run in trained["random"] if run.configuration.learning_rate > 1]
    assert diverged == [0.0, 0.0]
    reference, full, random = summarise_ranking(trained.pop(REFERENCE), trained, preparation)
    assert reference.regret == {0: 0.0}
    assert max(full.regret[0], random.regret[0]) < 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rates": (0.1,), "widths": (1.0,)}, "at least three configurations"),
        ({"seeds": ()}, "seeds must be at least one"),
        ({"arms": ("random", "random")}, "arms must be at least one and distinct"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **changes)
