from __future__ import annotations

import dataclasses
import random

import pytest
import torch
from torch import nn

from thinset.models.architecture import Architecture, Block
from thinset.models.architecture_space import (
    MOST_MULTIPLY_ADDS,
    draw_architectures,
    is_small,
    search_space,
)
from thinset.models.classifiers.cnn import CNN


def test_an_architecture_has_one_text():
    architecture = Architecture(
        (Block(3, 32, "max"), Block(5, 64, "avg", 2, has_skip=True), Block(1, 8, "max", 12))
    )
    text = "cnn:3-32-max,5-64x2-avg-skip,1-8x12-max"
    assert str(architecture) == text
    assert Architecture.parse(text) == architecture
    assert hash(Architecture.parse(text)) == hash(architecture)
    with pytest.raises(dataclasses.FrozenInstanceError):
        architecture.blocks = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "", "cnn:", "3-32-max", "cnn:3-32", "cnn:3-32-min", "cnn:3-32-max,", "cnn:3-32x1-max",
        "cnn:03-32-max", "cnn:3-0-max", "cnn: 3-32-max", "cnn:3-32-max-Skip", "cnn:3-8-max;3-8-max",
        "cnn:cnn:3-32-max", "cnn:3-32x-2-max",
    ],
)  # fmt: skip
def test_other_texts_are_refused_and_quoted(text):
    with pytest.raises(ValueError, match="an architecture is a text such as") as caught:
        Architecture.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cnn:4-32-max", "kernel must be odd and at least 1, got 4"),
        ("cnn:3-32-max-skip", "at least 2 with a skip; got 1"),
    ],
)
def test_blocks_that_make_no_sense_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Architecture.parse(text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((3, 0, "max"), "filters must be at least 1, got 0"),
        ((-1, 8, "max"), "kernel must be odd and at least 1, got -1"),
        ((3, 8, "mean"), "pooling must be max or avg, got 'mean'"),
        ((3, 8, "max", 0), "depth must be at least 1"),
    ],
)
def test_values_of_a_block_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Block(*values)
    with pytest.raises(ValueError, match="at least one block"):
        Architecture(())


def multiply_adds_of(model: nn.Module, images: torch.Tensor) -> int:
    """Counted in the layers while they run."""
    counts = []

    def count(layer, inputs, output):
        # Each output value is a sum over the weights of its filter.
        counts.append(output[0].numel() * layer.weight[0].numel())

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    model(images)
    return sum(counts)


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 28, 1), (9, 13, 2)])
def test_multiply_adds_are_those_of_the_layers(image_shape):
    height, width, channels = image_shape
    for architecture in draw_architectures(8, 5):
        model = CNN(architecture, image_shape, 7)
        expected = multiply_adds_of(model, torch.rand(1, channels, height, width))
        assert architecture.multiply_adds(image_shape, 7) == expected


def test_the_space_has_small_architectures_with_unique_texts():
    space = search_space()
    assert all(each.multiply_adds((32, 32, 3), 10) <= MOST_MULTIPLY_ADDS for each in space)
    assert MOST_MULTIPLY_ADDS == 10_000_000
    texts = set(map(str, space))
    assert len(texts) == len(space) == len(set(space)) > 10_000
    some = random.Random(0).sample(space, 200)
    assert [Architecture.parse(str(each)) for each in some] == some
    assert not is_small(Architecture.parse("cnn:5-64x2-max"))


def test_draws_are_distinct_seeded_and_nested():
    drawn = draw_architectures(40, 3)
    assert len(set(drawn)) == 40
    assert draw_architectures(40, 3) == drawn
    assert draw_architectures(15, 3) == drawn[:15]
    assert draw_architectures(40, 4) != drawn
    assert str(draw_architectures(1, 0)[0]) == "cnn:3-8x2-avg-skip,3-8-max,3-32-avg"


@pytest.mark.parametrize("n", [0, -1, 10**6])
def test_more_architectures_than_there_are_are_refused(n):
    with pytest.raises(ValueError, match=f"n must be from 1 to {len(search_space())}.* got {n}"):
        draw_architectures(n, 0)
