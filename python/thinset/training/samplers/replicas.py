"""How several processes divide what a sampler gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from thinset.training.samplers.readers import Reader


@dataclass(frozen=True)
class Share:
    """The part of every pass that one of `num_replicas` processes gives.

    `batches_in_step`: how many batches of the loader's size all processes train on in a step.
    """

    num_replicas: int
    rank: int
    batches_in_step: int

    def length(self, n_samples: int) -> int:
        """How many of `n_samples` are given here: as many as in every other process."""
        return -(-n_samples // self.num_replicas)

    def of(self, order: torch.Tensor) -> torch.Tensor:
        """Every `num_replicas`-th sample; the first ones again where it does not divide evenly."""
        n_given = self.length(len(order)) * self.num_replicas
        return order[torch.arange(self.rank, n_given, self.num_replicas) % len(order)]


class Replicas:
    """Which share of a pass is this process's.

    `num_replicas` and `rank` are settled when a pass begins or a length is read, so that a sampler
    can be made before the processes know each other. None: where another library (Accelerate)
    divides what the loader gives, the sampler gives the whole pass; elsewhere torch.distributed
    says, and without it one process does everything.

    Raises ValueError for a rank outside 0..num_replicas-1.
    """

    def __init__(self, num_replicas: int | None, rank: int | None) -> None:
        self._num_replicas, self._rank = num_replicas, rank
        self.is_given = num_replicas is not None
        replica_of_this_process(num_replicas, rank)

    def share(self, reader: Reader | None) -> Share:
        """Raise RuntimeError if the pass would be divided twice."""
        if reader is None or not reader.divides:
            num_replicas, rank = replica_of_this_process(self._num_replicas, self._rank)
            return Share(num_replicas, rank, num_replicas)
        if not self.is_given:
            return Share(1, 0, reader.batches_in_step)
        if self._num_replicas != 1:
            raise RuntimeError(
                f"the sampler divides its passes among num_replicas={self._num_replicas} "
                "processes, and the loader that reads it divides them again; leave num_replicas "
                "and rank out, or read from a loader that is not prepared"
            )
        return Share(1, 0, 1)


def replica_of_this_process(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
    """How many processes divide a pass, and which one this is; None takes torch.distributed's."""
    is_distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if num_replicas is None:
        num_replicas = torch.distributed.get_world_size() if is_distributed else 1
    if rank is None:
        rank = torch.distributed.get_rank() if is_distributed else 0
    if not 0 <= rank < num_replicas:
        raise ValueError(
            f"rank must be from 0 to num_replicas - 1 = {num_replicas - 1}, got {rank}"
        )
    return num_replicas, rank
