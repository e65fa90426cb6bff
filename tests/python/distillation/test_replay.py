"""Replaying a distilled dataset on new networks: their initial weights, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from small_networks import Small
from thinset.distillation.distilled_for import DistilledFor, prepared_for_replay
from thinset.distillation.networks import NetworkKind
from thinset.distillation.replay import NetworkScores, replay
from thinset.models.batch_statistics import FrozenStatistics
from thinset.training.randomness import generator_for

KIND = NetworkKind("small_networks:small", 1.0, (8, 8, 1), 10, (0.3,), (0.4,))
N_PARAMETERS = 40 + 650
N_FIRST = 40
STEPS = (((0, 10), 0.3),) * 4
STATISTICS = {"mean": [0.3], "deviation": [0.4]}
SETTINGS = {"settings": {"network": "small_networks:small", "width": 1.0}}


@pytest.fixture
def write(tmp_path, write_distilled, one_per_class):
    def write(starts=None, n_fixed=None, weights=None, steps=STEPS, **params):
        if starts is not None:
            params["initial_weights"] = {"kind": starts, "n_fixed_layers": n_fixed}
        return write_distilled(
            tmp_path / "distilled",
            *one_per_class,
            steps=steps,
            initial_weights=weights,
            params={**SETTINGS, **STATISTICS, **params},
        )

    return write


@pytest.fixture
def weights():
    return np.random.default_rng(0).normal(0, 0.1, N_PARAMETERS).astype(np.float32)


def start_of(dataset, **options):
    """The weights that a new network gets, and those that it had."""
    network = KIND.new(generator_for(0, "test"))
    before = parameters_to_vector(network.parameters()).detach().clone()
    prepared_for_replay(network, dataset, **options)
    return parameters_to_vector(network.parameters()).detach(), before


def run(dataset, digits, kind=KIND, **options):
    arguments = {"n_networks": 3, "seed": 0, "test_data": digits["test"], "device": "cpu"}
    return replay(dataset, kind, **{**arguments, **options})


def test_networks_learn_and_differ_in_their_initial_weights(write, digits):
    dataset = write(steps=(((0, 10), 0.3),) * 30)
    scores = run(dataset, digits)
    assert scores.n == 3
    assert scores.n_diverged == 0
    assert len(set(scores.accuracies)) == 3
    assert scores.mean > 0.4  # the first image of each class
    assert scores.standard_deviation == pytest.approx(np.std(scores.accuracies, ddof=1))
    assert run(dataset, digits) == scores
    assert run(dataset, digits, seed=1) != scores
    # The first networks do not depend on how many there are.
    assert run(dataset, digits, n_networks=2).accuracies == scores.accuracies[:2]


def test_the_stored_step_sizes_and_their_order_matter(
    tmp_path, write_distilled, one_per_class, digits
):
    def accuracies(name, steps):
        dataset = write_distilled(tmp_path / name, *one_per_class, steps=steps)
        return run(dataset, digits).accuracies

    steps = (((0, 5), 0.9), ((5, 10), 0.1))
    assert accuracies("forth", steps) != accuracies("back", steps[::-1])
    assert accuracies("small", (((0, 10), 1e-9),)) != accuracies("large", (((0, 10), 0.5),))


def test_labels_are_soft_where_they_are_stored(tmp_path, write_distilled, one_per_class, digits):
    # Probabilities of other classes than the labels say: all of the image to its neighbour.
    soft = np.roll(np.eye(10, dtype=np.float32), 1, axis=1)
    steps = (((0, 10), 0.3),) * 30
    hard = run(write_distilled(tmp_path / "hard", *one_per_class, steps=steps), digits)
    rolled = run(
        write_distilled(tmp_path / "soft", *one_per_class, steps=steps, soft_labels=soft), digits
    )
    assert rolled.mean < 0.2 < hard.mean


class TestInitialWeights:
    def test_random_ones_stay(self, write):
        after, before = start_of(write("random"))
        assert torch.equal(after, before)

    @pytest.mark.parametrize("starts", ["fixed", "pretrained"])
    def test_stored_ones_replace_all(self, write, weights, starts):
        after, _ = start_of(write(starts, weights=weights))
        np.testing.assert_array_equal(after.numpy(), weights)

    def test_first_layers_are_stored_and_the_others_drawn(self, write, weights):
        after, before = start_of(write("fixed", 1, weights))
        np.testing.assert_array_equal(after[:N_FIRST].numpy(), weights[:N_FIRST])
        assert torch.equal(after[N_FIRST:], before[N_FIRST:])

    def test_no_fixed_layer_is_random(self, write, weights):
        after, before = start_of(write("fixed", 0, weights))
        assert torch.equal(after, before)

    def test_new_ones_are_the_control(self, write, weights, digits):
        dataset = write("fixed", weights=weights)
        after, before = start_of(dataset, new_weights=True)
        assert torch.equal(after, before)
        control = run(dataset, digits, new_weights=True)
        assert control.n == 3
        assert len(set(control.accuracies)) == 3

    def test_networks_with_the_same_weights_are_trained_once(self, write, weights, digits):
        assert run(write("fixed", weights=weights), digits).n == 1

    def test_some_fixed_layers_leave_networks_different(self, write, weights, digits):
        scores = run(write("fixed", 1, weights), digits)
        assert scores.n == 3
        assert len(set(scores.accuracies)) > 1

    def test_of_another_network_are_refused(self, write, weights):
        dataset = write("fixed", weights=weights[:-1])
        with pytest.raises(
            ValueError,
            match=r"fixed initial weights of small_networks:small, which"
            r" have the shape \(689,\); Small has 690 parameters",
        ):
            start_of(dataset)

    def test_that_are_not_finite_are_refused(self, write, weights):
        weights[[5, 7]] = np.nan
        message = r"distilled: initial_weights must be finite, got nan at position 5"
        with pytest.raises(ValueError, match=message):
            start_of(write("fixed", weights=weights))

    @pytest.mark.parametrize("dtype", ["float64", "float16", "longdouble", "int64", "M8[ns]"])
    def test_of_another_type_are_refused(self, write, weights, dtype):
        with pytest.raises(ValueError, match="initial_weights must be float32, got"):
            start_of(write("fixed", weights=weights.astype("int64").astype(dtype)))

    @pytest.mark.parametrize("described", [{}, {"n_fixed_layers": 1}, {"kind": "random"}])
    def test_that_nothing_starts_from_are_refused(self, write, weights, described):
        dataset = write(weights=weights, initial_weights=described)
        with pytest.raises(ValueError, match="kind must be fixed or pretrained; restore manifest"):
            start_of(dataset)

    def test_that_are_missing_are_refused(self, write):
        with pytest.raises(ValueError, match="has no array 'initial_weights'"):
            start_of(write("pretrained"))

    def test_of_more_layers_than_there_are_are_refused(self, write, weights):
        with pytest.raises(ValueError, match="3 fixed layers, but Small has 2"):
            start_of(write("fixed", 3, weights))


def test_networks_standardise_by_the_real_images(write):
    network = Small((8, 8, 1), 10)
    prepared_for_replay(network, write(mean=[0.25], deviation=[0.75]))
    assert (float(network.mean), float(network.deviation)) == (0.25, 0.75)


def test_diverging_networks_count_as_guessing(write, digits, monkeypatch):
    monkeypatch.setattr("thinset.data.schedule.LARGEST_STEP_SIZE", 1e30)
    scores = run(write(steps=(((0, 10), 1e30),) * 4), digits)
    assert scores == NetworkScores((0.1, 0.1, 0.1), n_diverged=3)


def test_refuses_batch_statistics(write, digits):
    kind = dataclasses.replace(KIND, name="small_networks:normalised")
    with pytest.raises(
        ValueError, match=r"layer '0' \(BatchNorm2d\) uses the statistics of a batch"
    ):
        run(write(), digits, kind)


def test_statistics_that_were_frozen_are_frozen_again(write, digits):
    settings = {"settings": {"network": "small_networks:normalised", "freeze_statistics": True}}
    dataset = write(**settings)
    kind = dataclasses.replace(KIND, name="small_networks:normalised")
    network = kind.new(generator_for(0, "test"))
    prepared = prepared_for_replay(network, dataset)
    norm = network[0]
    assert isinstance(prepared.train(), FrozenStatistics)
    assert not norm.training
    images = torch.rand(6, 1, 8, 8)
    alone, together = prepared(images[:2]), prepared(images)
    torch.testing.assert_close(alone, together[:2])
    assert torch.equal(norm.running_mean, torch.zeros(1))
    assert run(dataset, digits, kind).n == 3


def test_statistics_that_are_not_kept_cannot_be_frozen():
    with pytest.raises(ValueError, match=r"layer '0' \(BatchNorm2d\) keeps no running statistics"):
        FrozenStatistics(nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False)))


def test_refuses_datasets_without_steps(write, digits):
    with pytest.raises(ValueError, match="distilled has no stored step sizes to replay"):
        run(write(steps=None), digits)


def test_refuses_datasets_without_labels(tmp_path, write_distilled, one_per_class, digits):
    dataset = write_distilled(tmp_path / "bare", one_per_class[0], None, steps=STEPS)
    with pytest.raises(ValueError, match="bare has no labels, which training on it needs"):
        run(dataset, digits)


def test_refuses_no_networks(write, digits):
    with pytest.raises(ValueError, match="n_networks must be at least 1, got 0"):
        run(write(), digits, n_networks=0)


def test_reads_what_a_folder_says(write, digits):
    assert DistilledFor.of(write("fixed", 2)) == DistilledFor(
        "small_networks:small", 1.0, (0.3,), (0.4,), "fixed", 2
    )
    assert DistilledFor.of(digits["train"]) == DistilledFor()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"settings": {}}, None),
        ({"settings": []}, r"params\.settings must be a table, got \[\]"),
        ({"initial_weights": None}, r"params\.initial_weights must be a table, got None"),
        ({"settings": [1]}, r"params\.settings must be a table, got \[1\]"),
        ({"settings": {"network": 3}}, r"params\.settings\.network must be a text, got 3"),
        ({"settings": {"width": 0}}, r"width must be above 0 and at most 1,000,000, got 0"),
        (
            {"settings": {"width": 1e300}},
            r"width must be above 0 and at most 1,000,000, got 1e\+300",
        ),
        ({"initial_weights": {"kind": "frozen"}}, "kind must be random, fixed or pretrained"),
        ({"initial_weights": {"n_fixed_layers": -1}}, "n_fixed_layers must be a whole number"),
        ({"initial_weights": {"n_fixed_layers": True}}, "whole number of at least 0, got True"),
        ({"mean": [0.1, 0.2]}, r"mean must be 1 finite numbers, .* got \[0.1, 0.2\]"),
        ({"mean": 0.5}, "mean must be 1 finite numbers"),
        ({"mean": [1e300]}, r"mean must be finite numbers in float32, got \[1e\+300\]"),
        ({"mean": None}, "params: mean and deviation go together, but there is no mean"),
        ({"deviation": [0.0]}, r"deviation must be above 0 in float32, got \[0.0\]"),
        ({"deviation": [1e-300]}, r"deviation must be above 0 in float32, got \[1e-300\]"),
        ({"deviation": [1e300]}, r"deviation must be finite numbers in float32, got \[1e\+300\]"),
        ({"deviation": None}, "params: mean and deviation go together, but there is no deviation"),
        ({"deviation": ["x"]}, "deviation must be 1 finite numbers"),
    ],
)
def test_refuses_what_a_folder_cannot_mean(write, params, message):
    dataset = write(**params)
    if message is None:
        assert DistilledFor.of(dataset).name is None
        return
    with pytest.raises(ValueError, match=message):
        DistilledFor.of(dataset)
