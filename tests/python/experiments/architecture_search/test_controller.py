from __future__ import annotations

import itertools
import math

import pytest
import torch

from thinset.experiments.architecture_search.controller import Controller, Reinforce
from thinset.experiments.architecture_search.decisions import (
    OPTIONS,
    allowed_options,
    architecture_of,
    next_decision,
)
from thinset.models.architecture import Architecture
from thinset.models.architecture_space import is_small, search_space


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_decisions_describe_exactly_the_space():
    """Every complete sequence of two blocks that is allowed, against the space."""
    found = []

    def visit(chosen: list[int]) -> None:
        if next_decision(chosen) is None:
            found.append(architecture_of(chosen))
            return
        for option, allowed in enumerate(allowed_options(tuple(chosen))):
            if allowed:
                visit([*chosen, option])

    visit([0])
    assert len(found) == len(set(found))
    assert set(found) == {each for each in search_space() if len(each.blocks) == 2}


def test_decisions_come_in_order_and_the_first_option_is_the_smallest():
    chosen: list[int] = []
    order = []
    while (decision := next_decision(chosen)) is not None:
        order.append(decision)
        chosen.append(1 if decision == "n_blocks" else 0)
    assert order == ["n_blocks", *["kernel", "filters", "layers", "pooling"] * 3]
    assert architecture_of(chosen) == Architecture.parse("cnn:3-8-max,3-8-max,3-8-max")
    assert architecture_of([0, 1]) == Architecture.parse("cnn:5-8-max,3-8-max")
    sizes = []
    for position, decision in enumerate(order):
        first = [1, *[0] * position][: position + 1]
        for option in range(len(OPTIONS[decision])):
            sizes.append(architecture_of([*first[:position], option]))
    smallest = architecture_of([0]).multiply_adds((32, 32, 3), 10)
    assert min(each.multiply_adds((32, 32, 3), 10) for each in sizes) == smallest


def test_samples_are_small_and_their_probabilities_right():
    controller = Controller(generator=seeded())
    generator = seeded(1)
    samples = [controller.sample(generator) for _ in range(60)]
    assert all(is_small(sample.architecture) for sample in samples)
    assert len({sample.architecture for sample in samples}) > 50
    for sample in samples:
        # Nearly uniform at first: between the shortest and the longest sequence without limits.
        assert math.log(1 / 111_000 / 2) - 1 < float(sample.log_probability.detach()) < -4
        assert 0 < float(sample.entropy.detach()) < 3 * math.log(2 * 4 * 3 * 2) + math.log(2)
    assert controller.sample(seeded(1)).architecture == samples[0].architecture


def test_a_probability_is_how_often_an_architecture_is_drawn():
    controller = Controller(n_hidden=4, generator=seeded(3))
    generator = seeded(2)
    drawn = [controller.sample(generator) for _ in range(150)]
    # The mean of 1 / p over draws from p is the number of architectures.
    with torch.no_grad():
        estimate = sum(float((-sample.log_probability).exp()) for sample in drawn) / len(drawn)
    assert estimate == pytest.approx(len(search_space()), rel=0.5)


def test_gradients_are_finite_where_options_are_forbidden():
    controller = Controller(generator=seeded())
    generator = seeded(4)
    for _ in range(10):
        sample = controller.sample(generator)
        controller.zero_grad()
        (sample.log_probability + sample.entropy).backward()
        assert all(
            torch.isfinite(p.grad).all() for p in controller.parameters() if p.grad is not None
        )


def share_of_large_kernels(architecture: Architecture) -> float:
    kernels = [block.kernel for block in architecture.blocks]
    poolings = [block.pooling for block in architecture.blocks]
    return (kernels.count(5) + poolings.count("avg")) / (2 * len(kernels))


def learner_of(controller: Controller, **options: float) -> Reinforce:
    values = {"learning_rate": 0.02, "entropy_weight": 1e-3, "baseline_decay": 0.9}
    return Reinforce(controller, **{**values, **options})


def test_the_reward_rises():
    controller = Controller(n_hidden=16, generator=seeded())
    learner, generator = learner_of(controller), seeded(1)
    rewards = [learner.update(share_of_large_kernels, generator) for _ in range(150)]
    first, last = (sum(part) / 20 for part in (rewards[:20], rewards[-20:]))
    assert first < 0.65
    assert last > 0.9
    assert share_of_large_kernels(controller.likeliest()) == 1.0


def test_the_entropy_bonus_keeps_the_controller_undecided():
    entropies = {}
    for weight in (-0.1, 0.1):
        controller = Controller(n_hidden=16, generator=seeded())
        learner, generator = learner_of(controller, entropy_weight=weight), seeded(1)
        for _ in range(50):
            learner.update(lambda _: 0.5, generator)
        with torch.no_grad():
            samples = [controller.sample(generator) for _ in range(10)]
        entropies[weight] = sum(float(sample.entropy) for sample in samples) / 10
    assert entropies[0.1] > entropies[-0.1] + 2


def test_the_baseline_is_a_moving_average():
    controller = Controller(n_hidden=4, generator=seeded())
    learner = learner_of(controller, entropy_weight=0.0, baseline_decay=0.75)
    rewards = itertools.cycle([0.2, 0.6])
    before = {name: value.clone() for name, value in learner.tensors().items()}
    learner.update(lambda _: next(rewards), seeded())
    # The first reward is the baseline: nothing is learned from it.
    assert float(learner.tensors()["baseline"]) == pytest.approx(0.2)
    name = next(each for each in before if each.endswith("cell.weight_hh") and "optim" not in each)
    assert torch.equal(learner.tensors()[name], before[name])
    learner.update(lambda _: next(rewards), seeded())
    assert float(learner.tensors()["baseline"]) == pytest.approx(0.75 * 0.2 + 0.25 * 0.6)
    assert not torch.equal(learner.tensors()[name], before[name])
