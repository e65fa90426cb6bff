"""Two-phase training for trainers whose epochs are all of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler

from thinset.training.samplers.passes import TwoPhasePasses
from thinset.training.samplers.readers import Reader
from thinset.training.samplers.replicas import Replicas
from thinset.training.samplers.subset import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.duration import Duration
    from thinset.training.samplers.replicas import Share
    from thinset.training.samplers.subset import Indices


class TwoPhaseEpochSampler(Sampler[int]):
    """The samples of TwoPhaseSampler, cut into epochs of as many samples as the full dataset has.

    Libraries that run the training loop themselves count batches once and expect as many in every
    epoch. With this sampler they train for as many steps as without a fast phase, on the same
    schedule of the learning rate; only the samples that these steps see differ.

    What epoch `epoch` shows depends on the arguments alone, so any epoch can be begun anywhere:
    `set_epoch(epoch)` leads to its beginning, and `start` is how many of its samples, of this
    replica's, the next iteration leaves out. Call `set_epoch` before each epoch: without it, every
    iteration shows the same epoch. Arguments and errors: as in TwoPhaseSampler.
    """

    def __init__(
        self,
        n_total: int,
        indices: Indices,
        *,
        fast: Duration | str | int = "3ep",
        seed: int = 0,
        batch_size: int | None = None,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        self.n_total = whole_number("n_total", n_total, "the number of samples")
        self._arguments = (self.n_total, indices, fast, seed)
        self._batch_size = batch_size
        self._replicas = Replicas(num_replicas, rank)
        self._passes(1)  # refuses wrong arguments at once
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin epoch `epoch`, from 0 on, next; where that is the current one, nothing changes."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        """Return how many samples an epoch has for this replica, those that `start` skips too."""
        return self._readable_share().length(self.n_total)

    def __iter__(self) -> Iterator[int]:
        share = self._readable_share()
        order = self._order_of_all(self._passes(share.batches_in_step))
        yield from share.of(order)[self.start :].tolist()

    def _readable_share(self) -> Share:
        """Raise ValueError if the loader drops whole epochs."""
        reader = Reader()
        share = self._replicas.share(reader)
        reader.require_batch("an epoch", share.length(self.n_total), "")
        return share

    def identity(self) -> dict[str, Any]:
        """What makes the sequence of samples what it is, as plain numbers and texts."""
        return self._passes(self._replicas.share(None).batches_in_step).identity()

    def _passes(self, batches_in_step: int) -> TwoPhasePasses:
        samples_in_step = None if self._batch_size is None else self._batch_size * batches_in_step
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
