from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from thinset.losses import classification
from thinset.training.loop.settings import dataset_fingerprint, describe, require_same_settings
from thinset.transforms import TestTransform


@dataclass
class Arrays:
    images: np.ndarray
    labels: np.ndarray | None


class Opaque:
    pass


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (None, None),
        (0.1, 0.1),
        (classification, "thinset.losses.classification.classification"),
        (TestTransform(24), "TestTransform(crop=24, standardise=True)"),
    ],
)
def test_values_are_described_alike_in_every_process(value: object, description: object) -> None:
    assert describe(value) == description


@pytest.mark.parametrize("value", [Opaque(), functools.partial(int, base=3), nn.Linear(2, 3)])
def test_descriptions_hold_no_addresses(value: object) -> None:
    assert f"{id(value):x}" not in describe(value)


def test_fingerprint_changes_with_every_part_of_the_data() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2000, 2, 2, 1), dtype=np.uint8)
    labels = np.arange(2000)
    other_images, other_labels = images.copy(), labels.copy()
    other_images[-1, -1, -1, -1] ^= 1
    other_labels[-1] += 1
    variants = [
        Arrays(images, labels),
        Arrays(other_images, labels),
        Arrays(images, other_labels),
        Arrays(images, None),
        Arrays(images.reshape(2000, 1, 4, 1), labels),
    ]
    assert len({dataset_fingerprint(variant) for variant in variants}) == len(variants)
    assert dataset_fingerprint(variants[0]) == dataset_fingerprint(Arrays(images.copy(), labels))


def test_all_differences_are_named() -> None:
    here, stored = {"seed": 1, "same": 0, "new": 2}, {"seed": 0, "same": 0, "old": 3}
    with pytest.raises(ValueError) as caught:
        require_same_settings(here, stored, Path("run"))
    assert str(caught.value) == (
        "run is of a run with other settings: seed is 0 there and 1 here; "
        "new is None there and 2 here; old is 3 there and None here; remove it to start again"
    )
