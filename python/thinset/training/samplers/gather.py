"""Exchange of what the processes of one training have seen."""

from __future__ import annotations

import torch


def from_all_processes(
    rows: torch.Tensor, losses: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join rows (B,) and losses (B,) of all processes; B may differ between them.

    All processes must call it. Without torch.distributed, they are returned as they are.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return rows, losses
    n_processes = torch.distributed.get_world_size()
    if n_processes == 1:
        return rows, losses
    is_on_gpu = torch.distributed.get_backend() == "nccl"
    device = losses.device if is_on_gpu else torch.device("cpu")
    sizes = _gathered(torch.tensor([len(rows)], device=device), n_processes)
    longest = int(torch.cat(sizes).max())
    padded_rows = torch.zeros(longest, dtype=torch.int64, device=device)
    padded_losses = torch.zeros(longest, dtype=torch.float32, device=device)
    padded_rows[: len(rows)] = rows.to(device)
    padded_losses[: len(losses)] = losses.to(device, torch.float32)
    parts = zip(
        sizes, _gathered(padded_rows, n_processes), _gathered(padded_losses, n_processes),
        strict=True,
    )  # fmt: skip
    cut = [(part[: int(size)], values[: int(size)]) for size, part, values in parts]
    return torch.cat([part for part, _ in cut]).cpu(), torch.cat([values for _, values in cut])


def _gathered(tensor: torch.Tensor, n_processes: int) -> list[torch.Tensor]:
    parts = [torch.empty_like(tensor) for _ in range(n_processes)]
    torch.distributed.all_gather(parts, tensor)
    return parts
