"""Random generators, one for each role, all from one seed."""

from __future__ import annotations

import hashlib

import torch


def generator_for(seed: int, role: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator for one role ("order", "augmentation", ...) of a run.

    Different roles and seeds give unrelated streams, and one role's stream does not depend on how
    much another has drawn. The same arguments give the same stream in every process.
    """
    digest = hashlib.sha256(f"{role}:{seed}".encode()).digest()
    # 63 bits: the largest range that every generator's manual_seed takes.
    role_seed = int.from_bytes(digest[:8], "little") >> 1
    return torch.Generator(device).manual_seed(role_seed)
