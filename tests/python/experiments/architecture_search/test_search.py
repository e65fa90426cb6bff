from __future__ import annotations

import dataclasses

import pytest

from thinset.duration import Duration
from thinset.experiments.architecture_search.search import SearchSettings, search_architecture
from thinset.experiments.data_split import split_dataset
from thinset.models.architecture_space import is_small

SETTINGS = SearchSettings(
    length=Duration(600, "st"), batch_size=32, n_rewarded=32, controller_rate=0.005, n_scored=5
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "digits"
    return split_dataset("digits", folder, validation=0.2, shares=())


def search(data, settings=SETTINGS, **options):
    return search_architecture(
        data["train"], data["validation"], settings, seed=0, device="cpu", **options
    )


@pytest.mark.slow
def test_rewards_rise_while_weights_and_controller_learn(data):
    found = search(data, evaluations=3)
    rewards = [point.validation_scores["accuracy"] for point in found.history.curve]
    assert rewards[0] < 0.6
    assert rewards[-1] > 0.7
    assert is_small(found.architecture)
    assert found.history.curve[-1].validation_scores["likeliest_accuracy"] > 0.6


def course_of(found):
    return [(point.train_loss, point.validation_scores) for point in found.history.curve]


class StoppedError(Exception):
    pass


@pytest.mark.slow
def test_a_resumed_search_equals_an_uninterrupted_one(data, tmp_path):
    settings = dataclasses.replace(SETTINGS, length=Duration(8, "st"), warm_up=2)
    whole = search(data, settings, evaluations=4)
    path = tmp_path / "search.safetensors"

    def stop(_, step):
        if step == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        search(data, settings, evaluations=4, checkpoint_path=path, log=stop)
    resumed = search(data, settings, evaluations=4, checkpoint_path=path, resume=True)
    assert resumed.architecture == whole.architecture
    scores = [
        [point.validation_scores for point in found.history.curve] for found in (whole, resumed)
    ]
    losses = [[point.train_loss for point in found.history.curve] for found in (whole, resumed)]
    assert scores[0] == scores[1]
    assert losses[0] == losses[1]
    with pytest.raises(ValueError, match="seed|settings"):
        other = dataclasses.replace(settings, n_rewarded=32)
        search(data, other, checkpoint_path=path, resume=True)


def test_the_controller_waits_for_the_warm_up(data):
    settings = dataclasses.replace(SETTINGS, length=Duration(4, "st"), controller_rate=0.5)
    waiting = search(data, dataclasses.replace(settings, warm_up=4), evaluations=1)
    learning = search(data, settings, evaluations=1)
    still = dataclasses.replace(settings, warm_up=4, controller_rate=0.1)
    assert course_of(search(data, still, evaluations=1)) == course_of(waiting)
    assert course_of(learning) != course_of(waiting)


def test_a_search_of_no_length_is_refused():
    with pytest.raises(ValueError, match="length must be longer than 0st"):
        SearchSettings(length=Duration(0, "st"))
