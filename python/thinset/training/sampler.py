"""Two-phase training for anyone's DataLoader."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler

from thinset.training.passes import (
    TwoPhasePasses,
    replica_of_this_process,
    require_same_sampler,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from thinset.training.duration import Duration

_CHUNK = 65_536


class TwoPhaseSampler(Sampler[int]):
    """Shuffled passes over a subset until `fast` is used up, then over everything.

    Give it to a DataLoader as `sampler=`; each pass (`for batch in loader`) is one epoch of the
    current phase. The model and the training loop stay as they are.

    `n_total`: size of the full dataset. `indices`: (k,) integers in 0..n_total-1, the subset's
    rows. `fast`: how much to train on the subset: epochs of the subset ("3ep"), samples
    ("12000sa") or, with `batch_size` given, steps ("500st"); the last fast pass is cut where it
    is used up. The order of a pass depends on the seed and the number of the pass only.

    A pass that is abandoned (`break`) is over: iterating again begins the next one.

    Several processes train one model (torch.distributed): `num_replicas` of them, of which this is
    the one of number `rank`, divide each pass among them, as torch's DistributedSampler does; some
    samples come twice where it does not divide evenly. None takes both from torch.distributed
    where that is initialised, and 1 and 0 elsewhere. `fast` counts the samples of all of them, and
    `batch_size` is that of one process. Their states are alike: that of one serves all.

    Raises ValueError for indices that are empty, no row of integers or out of range, for a `fast`
    that is a time or lacks `batch_size`, and for a rank outside 0..num_replicas-1.
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
        self.num_replicas, self.rank = replica_of_this_process(num_replicas, rank)
        samples_in_step = None if batch_size is None else batch_size * self.num_replicas
        self._passes = TwoPhasePasses(n_total, indices, fast, seed, samples_in_step)
        self._pass = 0  # the pass that is under way or comes next
        self._start = 0  # where in it iteration began or begins: above 0 only when resumed
        self._position = 0  # how many of its samples have been given to this replica
        self._begun = (0, 0)  # number and start of the pass that iteration began last

    @property
    def phase(self) -> str:
        """The phase of the current pass: "fast" or "fine-tuning"."""
        return "fast" if self._passes.is_fast(self._pass) else "fine-tuning"

    def __len__(self) -> int:
        """Return how many indices the current pass gives; fewer where it was resumed midway."""
        return self._pass_length(self._pass) - self._start

    def __iter__(self) -> Iterator[int]:
        if self._position > self._start:
            self._move_to(self._pass + 1, 0)
        self._begun = (self._pass, self._start)
        return self._walk(self._pass, self._start)

    def _walk(self, number: int, start: int) -> Iterator[int]:
        order = self._order(number)
        for first in range(start, len(order), _CHUNK):
            for offset, index in enumerate(order[first : first + _CHUNK].tolist(), start=1):
                self._position = first + offset
                yield index
        self._move_to(number + 1, 0)

    def _move_to(self, number: int, position: int) -> None:
        self._pass = number
        self._start = self._position = position

    def _pass_length(self, number: int) -> int:
        """How many samples of a pass this replica gives."""
        return -(-self._passes.length(number) // self.num_replicas)

    def _order(self, number: int) -> torch.Tensor:
        order = self._passes.order(number)
        n_given = self._pass_length(number) * self.num_replicas
        return order[torch.arange(self.rank, n_given, self.num_replicas) % len(order)]

    def state_dict(self, n_consumed: int | None = None) -> dict[str, Any]:
        """Return the place in the sequence of passes, as plain numbers and texts.

        A DataLoader with workers fetches ahead, so that more samples have left the sampler than
        have been trained on. Then give `n_consumed`: the samples taken from the loader since this
        pass was begun or resumed. Without it, the place is where the sampler is, which is exact
        without workers and between passes. Call it before the next pass begins. Raises ValueError
        where `n_consumed` is more than the sampler has given.
        """
        number, position = self._pass, self._position
        if n_consumed is not None:
            number, position = self._place_after(operator.index(n_consumed))
        if position == self._pass_length(number):
            number, position = number + 1, 0
        return {**self._identity(), "pass": number, "position": position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken: the next pass begins there, in the same order.

        Raises ValueError where the state is not of a sampler with the same arguments.
        """
        require_same_sampler(state, self._identity())
        self._move_to(state["pass"], state["position"])
        self._begun = (self._pass, self._start)

    def _place_after(self, n_consumed: int) -> tuple[int, int]:
        number, start = self._begun
        # A loader that fetches ahead may have run to the end of the pass already.
        given = self._pass_length(number) if self._pass > number else self._position
        if not 0 <= n_consumed <= given - start:
            raise ValueError(
                f"n_consumed must be from 0 to {given - start}, the number of samples given since "
                f"the pass was begun or resumed, got {n_consumed}"
            )
        return number, start + n_consumed

    def _identity(self) -> dict[str, Any]:
        return {**self._passes.identity(), "num_replicas": self.num_replicas}
