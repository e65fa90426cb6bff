"""Pages show the settings of what their arms use."""

from __future__ import annotations

import dataclasses

import pytest

from thinset.experiments.augmentation_settings import AugmentationSettings
from thinset.experiments.settings import StudySettings
from thinset.experiments.shown_settings import shown_settings
from thinset.results import Arm

SHAPE = (8, 8, 1)
OF_SETS = {"evaluations", "n_seeds", "network", "width"}


def shown(*arms, **changes):
    settings = dataclasses.replace(StudySettings(), arms=tuple(map(Arm.parse, arms)), **changes)
    return shown_settings(settings, SHAPE, settings.arms)


def test_parts_that_no_arm_uses_are_left_out():
    parts = {"encoder", "generation", "distillation"}
    assert not parts & shown("full", "random", "full:augment=rot").keys()
    assert parts & shown("full", "kmeans").keys() == {"encoder"}
    assert shown("full", measured=True)["generation"].keys() == {"classifier_length"}


@pytest.mark.parametrize(
    ("arm", "own", "generator"),
    [
        ("distilled:dd", "dd", None),
        ("distilled:soft", "dd", None),
        ("distilled:gm", "gm", None),
        ("distilled:dm", "dm", None),
        ("distilled:gan-difference", "gan", "sngan"),
        ("distilled:latent", "latent", "sngan"),
    ],
)
def test_ways_to_distil_have_their_own_settings(arm, own, generator):
    found = shown("full", arm)
    assert found["distillation"].keys() == {*OF_SETS, own}
    generators = found.get("generation", {}).keys() & {"cdcgan", "cdcvae", "flow", "sngan"}
    assert generators == ({generator} - {None})


def test_generators_that_are_only_shown_or_measured_count():
    settings = AugmentationSettings(measured=("interpolate", "rot"), shown=("flow",))
    table = shown_settings(settings, SHAPE, settings.arms)
    assert table["generation"].keys() & {"cdcgan", "cdcvae", "flow", "sngan"} == {"cdcvae", "flow"}
