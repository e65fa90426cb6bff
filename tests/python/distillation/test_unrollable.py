"""Networks that a training cannot be unrolled for are refused by the name of the layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from thinset.distillation.unrollable import require_unrollable
from thinset.models.batch_statistics import freeze_statistics
from thinset.models.classifiers import CLASSIFIERS

SHAPE = (8, 8, 1)


def network_with(*layers: nn.Module, n_outputs: int = 3) -> nn.Sequential:
    """A convolution, `layers` on its two channels, and a fully connected layer."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), *layers, nn.Flatten(), nn.Linear(128, n_outputs)
    )


class Standardised(nn.Module):
    """Batch statistics without a batch norm."""

    def forward(self, values):
        return values - values.mean(dim=0)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, values):
        self.calls += 1
        return values


class Masked(nn.Module):
    def forward(self, values):
        return nn.functional.dropout(values, 0.5, training=self.training)


class OnceDifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values * 2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient):
        return gradient * 2


class Doubled(nn.Module):
    def forward(self, values):
        return OnceDifferentiable.apply(values)


class Cut(nn.Module):
    def forward(self, values):
        return values.detach()


@pytest.mark.parametrize("name", ["lenet", "alexnet", "convnet"])
def test_networks_without_batch_statistics_are_accepted_and_not_changed(name: str) -> None:
    network = CLASSIFIERS[name](SHAPE, 3, width=0.1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    require_unrollable(network, SHAPE, 3)
    after = network.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.BatchNorm2d(2), r"layer '1' \(BatchNorm2d\) uses the statistics of each batch.*freeze"),
        (nn.SyncBatchNorm(2), r"layer '1' \(SyncBatchNorm\) uses the statistics"),
        (nn.BatchNorm2d(2, track_running_stats=False), r"layer '1' \(BatchNorm2d\) uses"),
        (
            nn.InstanceNorm2d(2, track_running_stats=True),
            r"layer '1' \(InstanceNorm2d\) uses.* or gathers them.*track_running_stats=False",
        ),
        (nn.Dropout(), r"layer '1' \(Dropout\) draws a random mask at each step"),
        (nn.Sequential(nn.Dropout2d(0.1)), r"layer '1\.0' \(Dropout2d\) draws a random mask"),
        (Masked(), r"layer '1' \(Masked\) gives other values at each call"),
        (nn.RReLU(), r"layer '1' \(RReLU\) gives other values at each call"),
        (Standardised(), r"layer '1' \(Standardised\) mixes the images of a batch"),
        (Counting(), r"the buffer '1\.calls' changes when the network is used in training"),
        (Doubled(), r"Sequential cannot be differentiated twice.*once_differentiable"),
    ],
)
def test_layers_that_cannot_be_unrolled_are_named(layer: nn.Module, message: str) -> None:
    network = network_with(layer).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        require_unrollable(network, SHAPE, 3)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_other_networks_that_cannot_be_trained_are_refused() -> None:
    with pytest.raises(ValueError, match=r"logits of shape \(4, 3\), got \(4, 5\)"):
        require_unrollable(network_with(n_outputs=5), SHAPE, 3)
    with pytest.raises(ValueError, match="Sequential has no parameters to train"):
        require_unrollable(nn.Sequential(nn.Flatten()), SHAPE, 64)
    with pytest.raises(ValueError, match="Sequential cannot be differentiated twice.*grad"):
        require_unrollable(nn.Sequential(*network_with(), Cut()), SHAPE, 3)


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm2d(2), nn.InstanceNorm2d(2, track_running_stats=True), nn.Dropout(0.0)]
)
def test_frozen_statistics_are_accepted_and_stay(layer: nn.Module) -> None:
    network = network_with(layer).train()
    freeze_statistics(network)
    require_unrollable(network, SHAPE, 3)
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.rand(4, 1, 8, 8))
    assert all(torch.equal(before[name], value) for name, value in network.named_buffers())
    assert network[0].training


def test_there_must_be_statistics_to_freeze() -> None:
    network = network_with(nn.BatchNorm2d(2, track_running_stats=False))
    with pytest.raises(ValueError, match=r"layer '1' \(BatchNorm2d\) keeps no running statistics"):
        freeze_statistics(network)


def test_the_random_state_of_the_caller_is_kept() -> None:
    network = network_with(nn.ReLU())
    state = torch.get_rng_state()
    require_unrollable(network, SHAPE, 3)
    assert torch.equal(torch.get_rng_state(), state)
