"""Two-phase training for trainers whose epochs are all of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler

from thinset.training.passes import TwoPhasePasses, replica_of_this_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from thinset.training.duration import Duration


class TwoPhaseEpochSampler(Sampler[int]):
    """The samples of TwoPhaseSampler, cut into epochs of as many samples as the full dataset has.

    Libraries that run the training loop themselves count batches once and expect as many in every
    epoch. With this sampler they train for as many steps as without a fast phase, on the same
    schedule of the learning rate; only which samples these steps see is another.

    What epoch `epoch` shows depends on the arguments alone, so any epoch can be begun anywhere:
    `set_epoch(epoch)` leads to its beginning, and `start` is how many of its samples, of this
    replica's, the next iteration leaves out. Arguments and errors: as in TwoPhaseSampler, but that
    processes are counted when iteration begins, not before.
    """

    def __init__(
        self,
        n_total: int,
        indices: Sequence[int] | np.ndarray[Any, Any] | torch.Tensor,
        *,
        fast: Duration | str = "3ep",
        seed: int = 0,
        batch_size: int | None = None,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        self.n_total = n_total
        self._arguments = (n_total, indices, fast, seed)
        self._batch_size = batch_size
        self._replica = (num_replicas, rank)
        self._passes(1)  # wrong arguments are told of at once
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin epoch `epoch`, from 0 on, next; where that is the current one, nothing changes."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        """Return how many samples an epoch has for this replica, those that `start` skips too."""
        num_replicas, _ = replica_of_this_process(*self._replica)
        return (self.n_total + num_replicas - 1) // num_replicas

    def __iter__(self) -> Iterator[int]:
        num_replicas, rank = replica_of_this_process(*self._replica)
        order = self._order_of_all(self._passes(num_replicas))
        mine = torch.arange(rank, len(self) * num_replicas, num_replicas) % self.n_total
        return iter(order[mine[self.start :]].tolist())

    def identity(self) -> dict[str, Any]:
        """What makes the sequence of samples what it is, as plain numbers and texts."""
        num_replicas, _ = replica_of_this_process(*self._replica)
        return self._passes(num_replicas).identity()

    def _passes(self, num_replicas: int) -> TwoPhasePasses:
        samples_in_step = None if self._batch_size is None else self._batch_size * num_replicas
        return TwoPhasePasses(*self._arguments, samples_in_step)

    def _order_of_all(self, passes: TwoPhasePasses) -> torch.Tensor:
        """The samples of the current epoch, for all replicas: int64 (n_total,)."""
        number, place = passes.at(self.epoch * self.n_total)
        parts: list[torch.Tensor] = []
        n_missing = self.n_total
        while n_missing:
            parts.append(passes.order(number)[place : place + n_missing])
            n_missing -= len(parts[-1])
            number, place = number + 1, 0
        return torch.cat(parts)
