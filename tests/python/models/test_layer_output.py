from __future__ import annotations

import pytest
import torch
from torch import nn

from thinset.models.layer_output import layer_named, output_of_layer


def test_the_output_is_that_of_the_layer_and_not_of_one_that_works_in_place():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    expected = network[0](inputs)
    assert bool((expected < 0).any())
    found = output_of_layer(network, layer_named(network, "0"), inputs)
    assert torch.equal(found, expected)
    assert not network[0]._forward_hooks


def test_of_several_calls_the_last_counts():
    twice = nn.Identity()
    network = nn.Sequential(twice, nn.Flatten(), twice)
    inputs = torch.zeros(2, 3, 4)
    assert output_of_layer(network, layer_named(network, "0"), inputs).shape == (2, 12)


def test_a_layer_that_is_not_called_has_no_output():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(2, 2)

        def forward(self, inputs):
            return inputs

    network = Unused()
    assert output_of_layer(network, layer_named(network, "head"), torch.zeros(1, 2)) is None


def test_similar_names_come_first_where_there_are_many():
    network = nn.Sequential(*(nn.ReLU() for _ in range(40)))
    network.add_module("avgpool", nn.ReLU())
    with pytest.raises(ValueError, match="layer must be one of avgpool, 0, 1.* and 11 more; got"):
        layer_named(network, "avgpol")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.ReLU(), nn.ReLU()), "layer must be one of 0, 1; got 'head'"),
        (nn.Sequential(*[nn.ReLU()] * 3, *(nn.ReLU() for _ in range(40))), "and 11 more; got"),
        (nn.ReLU(), "layer must be one of none; got 'head'"),
    ],
)
def test_unknown_layers_are_refused(network, message):
    with pytest.raises(ValueError, match=message):
        layer_named(network, "head")
    with pytest.raises(ValueError, match="got ''"):
        layer_named(network, "")
