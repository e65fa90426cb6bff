"""How much memory a computation may still take."""

from __future__ import annotations

from pathlib import Path

import torch

from thinset.files.host_memory import available_host_memory

_ROOT = Path("/")


def available_memory(device: torch.device, *, root: Path = _ROOT) -> int | None:
    """The bytes that are free on `device`; None if the system does not say.

    On the CPU, see `available_host_memory`. `root`: where /proc and /sys are.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    return available_host_memory(root=root)
