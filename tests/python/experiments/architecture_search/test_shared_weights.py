from __future__ import annotations

import pytest
import torch

from thinset.experiments.architecture_search.shared_weights import SharedWeights
from thinset.models.architecture import Architecture

SHAPE = (8, 8, 1)
ONE = Architecture.parse("cnn:3-8-max,5-16x2-avg-skip")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def new() -> SharedWeights:
    shared = SharedWeights(SHAPE, 10, generator=seeded())
    shared.standardise_with([0.3], [0.5])
    return shared


def test_a_child_computes_what_its_own_network_does():
    shared = new()
    images = torch.rand(4, 1, 8, 8, generator=seeded(1))
    for text in (str(ONE), "cnn:5-8x2-max-skip,3-64-avg,5-16x2-avg", "cnn:3-64-max,3-8-max"):
        architecture = Architecture.parse(text)
        child = shared.child(architecture)
        assert torch.equal(shared(images, architecture), child(images))


def test_children_share_what_they_have_in_common():
    shared = new()
    narrow = shared.child(Architecture.parse("cnn:3-8-max,3-8-max"))
    wide = shared.child(Architecture.parse("cnn:3-32-avg,5-8-max"))
    weight = wide.blocks[0].convolutions[0].weight
    assert torch.equal(narrow.blocks[0].convolutions[0].weight, weight[:8])
    assert torch.equal(narrow.head.weight, wide.head.weight)
    large = shared.child(Architecture.parse("cnn:5-8-max,3-8-max")).blocks[0].convolutions[0]
    assert torch.equal(large.weight[:, :, 1:4, 1:4], narrow.blocks[0].convolutions[0].weight)


def test_a_child_moves_its_own_weights_alone():
    shared = new()
    shared(torch.rand(4, 1, 8, 8), ONE).square().sum().backward()
    moved = {name for name, value in shared.named_parameters() if value.grad is not None}
    parts = [
        f"{kind}.{layer}.{part}"
        for kind in ("convolutions", "norms") for layer in (0, 1) for part in ("weight", "bias")
    ]  # fmt: skip
    assert moved == {
        *(f"blocks.0.{part}" for part in parts if ".0." in part),
        *(f"blocks.1.{part}" for part in parts),
        "heads.2.weight",
        "heads.2.bias",
    }
    gradient = shared.blocks[0].convolutions[0].weight.grad
    assert gradient[:8, :, 1:4, 1:4].abs().min() > 0
    assert gradient[8:].abs().max() == 0
    assert gradient[:, :, 0].abs().max() == gradient[:, :, :, 4].abs().max() == 0


def test_images_too_small_for_the_deepest_are_refused():
    with pytest.raises(ValueError, match="at least 8 x 8 pixels"):
        SharedWeights((7, 8, 1), 10)
