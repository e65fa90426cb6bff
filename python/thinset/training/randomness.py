"""Random generators, one for each role, all from one seed."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


def generator_for(seed: int, role: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator for one role ("order", "augmentation", ...) of a run.

    Different roles and seeds give unrelated streams, and one role's stream does not depend on how
    much another has drawn. The same arguments give the same stream in every process.
    """
    digest = hashlib.sha256(f"{role}:{seed}".encode()).digest()
    # 63 bits: the largest range that every generator's manual_seed takes.
    role_seed = int.from_bytes(digest[:8], "little") >> 1
    return torch.Generator(device).manual_seed(role_seed)


@contextlib.contextmanager
def private_layer_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Let layers such as dropout draw from a stream of their own inside the `with` block.

    They take no generator but draw from torch's global one for `device`. It gets a state that
    depends on `seed` alone, and back the state that it had before.
    """
    before = layer_rng_state(device)
    set_layer_rng_state(device, generator_for(seed, "layers", device).get_state())
    try:
        yield
    finally:
        set_layer_rng_state(device, before)


def layer_rng_state(device: torch.device) -> torch.Tensor:
    """Return the state of the global generator that layers on `device` draw from, as uint8."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_layer_rng_state(device: torch.device, state: torch.Tensor) -> None:
    """Give the global generator that layers on `device` draw from a state."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
