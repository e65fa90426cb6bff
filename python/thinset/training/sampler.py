"""Two-phase training for anyone's DataLoader."""

from __future__ import annotations

import hashlib
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Sampler

from thinset.training.duration import Duration
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        self.n_total = operator.index(n_total)
        self.seed = operator.index(seed)
        self.num_replicas, self.rank = _replica(num_replicas, rank)
        self._subset = _validated_indices(indices, self.n_total)
        self.fast = Duration.parse(fast)
        samples_in_step = None if batch_size is None else batch_size * self.num_replicas
        self._n_fast = _fast_samples(self.fast, len(self._subset), samples_in_step)
        self._pass = 0  # the pass that is under way or comes next
        self._start = 0  # where in it iteration began or begins: above 0 only when resumed
        self._position = 0  # how many of its samples have been given to this replica
        self._begun = (0, 0)  # number and start of the pass that iteration began last

    @property
    def phase(self) -> str:
        """The phase of the current pass: "fast" or "fine-tuning"."""
        return "fast" if self._is_fast(self._pass) else "fine-tuning"

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

    def _is_fast(self, number: int) -> bool:
        return number * len(self._subset) < self._n_fast

    def _pass_length(self, number: int) -> int:
        """How many samples of a pass this replica gives."""
        return -(-self._n_in_pass(number) // self.num_replicas)

    def _n_in_pass(self, number: int) -> int:
        if not self._is_fast(number):
            return self.n_total
        return min(len(self._subset), self._n_fast - number * len(self._subset))

    def _order(self, number: int) -> torch.Tensor:
        order = self._order_of_all(number)
        n_given = self._pass_length(number) * self.num_replicas
        return order[torch.arange(self.rank, n_given, self.num_replicas) % len(order)]

    def _order_of_all(self, number: int) -> torch.Tensor:
        generator = generator_for(self.seed, f"two-phase sampler, pass {number}")
        if not self._is_fast(number):
            return torch.randperm(self.n_total, generator=generator)
        order = torch.randperm(len(self._subset), generator=generator)
        return self._subset[order[: self._n_in_pass(number)]]

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
        return {
            "n_total": self.n_total,
            "indices_sha256": hashlib.sha256(self._subset.numpy().tobytes()).hexdigest(),
            "n_fast_samples": self._n_fast,
            "seed": self.seed,
            "num_replicas": self.num_replicas,
        }


def _replica(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
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


def require_same_sampler(state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise ValueError, naming what differs, where `state` is of a sampler with other arguments."""
    for name, value in identity.items():
        if state.get(name) != value:
            raise ValueError(
                f"the state is of another sampler: its {name} is {state.get(name)!r}, "
                f"this one's is {value!r}"
            )


def _validated_indices(
    indices: Sequence[int] | np.ndarray[Any, Any] | torch.Tensor, n_total: int
) -> torch.Tensor:
    array = np.asarray(indices)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(
            "indices must be one row of at least one integer, "
            f"got {array.dtype} of shape {array.shape}"
        )
    outside = np.flatnonzero((array < 0) | (array >= n_total))
    if outside.size:
        first = outside[0]
        raise ValueError(
            f"indices must be in 0..{n_total - 1}, got {array[first]} at position {first}"
        )
    return torch.from_numpy(array.astype(np.int64))


def _fast_samples(fast: Duration, n_subset: int, batch_size: int | None) -> int:
    if fast.is_time:
        raise ValueError(
            f"fast must be in epochs, samples or steps, got {fast}: a sampler whose order depended "
            "on the clock could not be repeated"
        )
    if fast.unit == "st" and batch_size is None:
        raise ValueError(f"fast in steps ({fast}) needs batch_size")
    return fast.n_samples(n_subset, batch_size or 1)
