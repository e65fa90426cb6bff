"""The trainings of a grid, before anything is prepared."""

from __future__ import annotations

import dataclasses

import pytest

from grids import SETTINGS, arms, lengths, names
from thinset.experiments.cells import cells_of
from thinset.results import Arm


def test_the_grid_holds_every_training_once():
    found = names(dataclasses.replace(SETTINGS, seeds=(0,)))
    assert found == [
        "steps-full-6st-seed0",
        "steps-random-k100-split0.5-6st-seed0",
        "steps-random-k100-split1-6st-seed0",
        "steps-topk-k100-split0.5-6st-seed0",
        "steps-topk-k100-split1-6st-seed0",
        "steps-repeated_random-k100-split0.5-6st-seed0",
        "steps-repeated_random-k100-split1-6st-seed0",
        "steps-loss_pruning-6st-seed0",
    ]
    assert len(names(SETTINGS)) == len(set(names(SETTINGS))) == 2 * len(found)


def test_budgets_are_counted_in_each_way_and_steps_in_one():
    settings = dataclasses.replace(
        SETTINGS,
        arms=arms("random"),
        seeds=(0,),
        splits=(0.5,),
        totals=lengths("6st", "3s"),
        accounting=("everything", "training"),
    )
    assert [cell.comparison for cell in cells_of(settings)] == ["steps", "time", "training time"]


def test_cells_are_told_apart():
    one = dataclasses.replace(SETTINGS, arms=arms("topk"), seeds=(0,), splits=(1.0,))
    sizes = [(1,), (1.0,), (0.1234567,), (0.1234568,)]
    assert len({names(dataclasses.replace(one, sizes=size))[0] for size in sizes}) == 4
    texts = (
        "full", "full:balanced", "full:dedup=0.2", "full:resident", "loss_pruning",
        "random", "random:dedup=0.2", "random:stratified", "random:then=loss_pruning",
        "kmeans", "kmeans:per_class", "kmeans:weighted", "kmeans:n_iterations=3",
        "kmeans:seeding=random", "max_min:metric=cosine", "topk:mode=abs", "repeated_random",
        "file:a/b.npz", "file:a_b.npz", "data:ü", "data:ö", "full+data:ö", f"data:{'x' * 400}",
    )  # fmt: skip
    files = names(dataclasses.replace(one, arms=arms(*texts)))
    assert len(set(files)) == len(texts)
    assert max(map(len, files)) < 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ()}, "arms must have at least one value"),
        ({"arms": arms("random", "random")}, "arms must be distinct, got random twice"),
        ({"seeds": (1, 1)}, "seeds must be distinct, got 1 twice"),
        ({"splits": (1.5,)}, "splits must be from 0 to 1"),
        ({"baseline": Arm.parse("kmeans")}, "the arms .*; got kmeans: add it to --methods, or"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **changes)
