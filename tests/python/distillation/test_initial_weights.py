"""Where networks start: from the same weights each time, in all layers or in the first ones."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from smooth_networks import normalised
from thinset.data import import_dataset
from thinset.distillation.initial_weights import (
    StartingNetworks,
    layer_sizes,
    set_weights,
    starting_networks,
    weights_vector,
)
from thinset.distillation.methods.dd import Settings
from thinset.distillation.networks import NetworkKind
from thinset.losses import classification
from thinset.models.classifiers import CLASSIFIERS
from thinset.training import evaluate, save_weights
from thinset.transforms.images import to_unit_range


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return import_dataset("digits", tmp_path_factory.mktemp("digits") / "digits")["train"]


def kind_named(name: str, width: float = 1.0) -> NetworkKind:
    return NetworkKind(name, width, (8, 8, 1), 10, (0.3,), (0.35,))


LENET = kind_named("lenet", 0.5)
PERCEPTRON = kind_named("smooth_networks:perceptron")


def accuracy(network: nn.Module, data) -> float:
    return evaluate(network, data, loss=classification, transform=to_unit_range, device="cpu")[
        "accuracy"
    ]


def vector(network: nn.Module) -> torch.Tensor:
    return parameters_to_vector(network.parameters()).detach()


@pytest.mark.parametrize(("name", "n_layers"), [("lenet", 5), ("alexnet", 5)])
def test_layers_are_the_modules_with_parameters(name: str, n_layers: int) -> None:
    network = CLASSIFIERS[name]((28, 28, 1), 10, width=0.5)
    sizes = layer_sizes(network)
    assert len(sizes) == n_layers
    convolution = network.features[0]
    assert sizes[0] == convolution.weight.numel() + convolution.bias.numel()
    assert sum(sizes) == sum(parameter.numel() for parameter in network.parameters())


def test_shared_parameters_are_of_the_first_layer_that_has_them() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3, bias=False))
    network[1].weight = network[0].weight
    network[2].weight = network[0].weight
    assert layer_sizes(network) == [12, 3]
    assert len(weights_vector(network)) == 15


def test_a_vector_of_weights_is_that_of_torch_in_any_memory_format() -> None:
    network = LENET.new(seeded())
    expected = vector(network)
    assert torch.equal(weights_vector(network.to(memory_format=torch.channels_last)), expected)
    other = LENET.new(seeded(1)).to(memory_format=torch.channels_last)
    set_weights(other, expected)
    assert torch.equal(weights_vector(other), expected)


def test_fixed_weights_are_the_same_each_time(digits) -> None:
    networks = StartingNetworks(LENET, digits, source="fixed", seed=3)
    first, second = networks.new(seeded(0)), networks.new(seeded(1))
    assert torch.equal(vector(first), vector(second))
    assert torch.equal(vector(first), networks.weights)
    assert networks.are_alike
    again = StartingNetworks(LENET, digits, source="fixed", seed=3)
    other = StartingNetworks(LENET, digits, source="fixed", seed=4)
    assert again.digest == networks.digest != other.digest
    assert networks.digest == hashlib.sha256(networks.array().tobytes()).hexdigest()
    assert networks.description() == {"kind": "fixed", "n_fixed_layers": None}


@pytest.mark.parametrize("n_layers", [0, 1, 2, 3, 4, 5])
def test_the_first_layers_are_fixed_and_the_others_drawn(digits, n_layers: int) -> None:
    networks = StartingNetworks(LENET, digits, source="fixed", n_fixed_layers=n_layers, seed=3)
    n_values = sum(layer_sizes(LENET.new(seeded()))[:n_layers])
    for seed in (0, 1):
        found, drawn = vector(networks.new(seeded(seed))), vector(LENET.new(seeded(seed)))
        assert torch.equal(found[:n_values], networks.weights[:n_values])
        assert torch.equal(found[n_values:], drawn[n_values:])
    assert networks.are_alike == (n_layers == 5)


def test_pretrained_weights_are_trained_on_the_data(digits) -> None:
    networks = StartingNetworks(PERCEPTRON, digits, source="pretrained", pretraining="5ep", seed=3)
    fixed = StartingNetworks(PERCEPTRON, digits, source="fixed", seed=3)
    assert torch.equal(networks.weights, fixed.weights)
    networks.prepare("cpu")
    assert accuracy(networks.new(seeded()), digits) > 0.8 > accuracy(fixed.new(seeded()), digits)
    trained = networks.weights.clone()
    networks.prepare("cpu")
    assert torch.equal(networks.weights, trained)
    again = StartingNetworks(PERCEPTRON, digits, source="pretrained", pretraining="5ep", seed=3)
    again.prepare("cpu")
    assert torch.equal(again.weights, trained)
    resumed = StartingNetworks(PERCEPTRON, digits, source="pretrained", pretraining="5ep", seed=4)
    resumed.load(networks.tensors())
    resumed.prepare("cpu")
    assert torch.equal(resumed.weights, trained)


def test_weights_from_a_file(digits, tmp_path) -> None:
    network = LENET.new(seeded(9))
    save_weights(network, tmp_path / "weights.safetensors")
    networks = StartingNetworks(
        LENET, digits, source="pretrained", path=str(tmp_path / "weights.safetensors")
    )
    networks.prepare("cpu")
    assert torch.equal(networks.weights, vector(network))
    # Images are standardised by the data that are distilled.
    network.standardise_with([0.9], [0.1])
    save_weights(network, tmp_path / "weights.safetensors")
    again = StartingNetworks(
        LENET, digits, source="pretrained", path=str(tmp_path / "weights.safetensors")
    )
    assert float(again.new(seeded()).mean) == pytest.approx(0.3)


def test_weights_of_another_network_are_refused(digits, tmp_path) -> None:
    path = str(tmp_path / "weights.safetensors")
    save_weights(kind_named("lenet", 0.25).new(seeded()), path)
    with pytest.raises(ValueError, match=r"weights\.safetensors is of another model: tensor 'fea"):
        StartingNetworks(LENET, digits, source="pretrained", path=path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        StartingNetworks(LENET, digits, source="pretrained", path=str(tmp_path / "nowhere"))


def test_running_statistics_from_a_file_are_refused(digits, tmp_path) -> None:
    path = str(tmp_path / "weights.safetensors")
    network = normalised((8, 8, 1), 10)
    network(torch.rand(4, 1, 8, 8))
    save_weights(network, path)
    kind = kind_named("smooth_networks:normalised")
    with pytest.raises(
        ValueError, match=r"the buffer '0\.running_mean' differs from that of a new"
    ):
        StartingNetworks(kind, digits, source="pretrained", path=path)


@pytest.mark.parametrize("n_layers", [-1, 6])
def test_there_must_be_as_many_layers(digits, n_layers: int) -> None:
    with pytest.raises(ValueError, match="n_fixed_layers must be from 0 to 5, the layers of LeNet"):
        StartingNetworks(LENET, digits, source="fixed", n_fixed_layers=n_layers)


@pytest.mark.parametrize(
    ("options", "is_fixed"),
    [
        ({}, False),
        ({"initial_weights": "fixed"}, True),
        ({"initial_weights": "pretrained", "n_fixed_layers": 2}, True),
        ({"initial_weights": "fixed", "n_fixed_layers": 0}, False),
    ],
)
def test_settings_say_where_networks_start(digits, options, is_fixed: bool) -> None:
    settings = Settings(**options)
    networks = starting_networks(LENET, settings, digits, seed=0)
    assert isinstance(networks, StartingNetworks) == is_fixed
    assert isinstance(starting_networks(LENET, SimpleNamespace(), digits, seed=0), NetworkKind)
