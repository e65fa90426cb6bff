from __future__ import annotations

import torch

from thinset.training import generator_for


def draw(seed: int, role: str) -> list[int]:
    return torch.randint(1 << 30, (4,), generator=generator_for(seed, role)).tolist()


def test_seed_and_role_determine_the_stream() -> None:
    assert draw(0, "order") == draw(0, "order")
    assert draw(0, "order") != draw(1, "order")
    assert draw(0, "order") != draw(0, "augmentation")


def test_streams_stay_the_same_from_version_to_version() -> None:
    assert generator_for(0, "order").initial_seed() == 5678002353686085798


def test_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    draw(0, "order")
    assert torch.equal(torch.get_rng_state(), before)
