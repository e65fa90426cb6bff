"""The passes of two-phase training: which samples, in which order."""

from __future__ import annotations

import hashlib
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.training.duration import Duration
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Sequence


class TwoPhasePasses:
    """Shuffled passes over a subset until `fast` is used up, then over everything.

    The order of a pass depends on the seed and the number of the pass only. `samples_in_step`: how
    many samples all processes together train on in a step, for a `fast` in steps.

    Raises ValueError for indices that are empty, no row of integers or out of range, and for a
    `fast` that is a time or lacks `samples_in_step`.
    """

    def __init__(
        self,
        n_total: int,
        indices: Sequence[int] | np.ndarray[Any, Any] | torch.Tensor,
        fast: Duration | str,
        seed: int,
        samples_in_step: int | None,
    ) -> None:
        self.n_total = operator.index(n_total)
        self.seed = operator.index(seed)
        self._subset = _validated_indices(indices, self.n_total)
        n_subset = len(self._subset)
        self.n_fast = _fast_samples(Duration.parse(fast), n_subset, samples_in_step)
        self._n_fast_passes = -(-self.n_fast // n_subset)

    def is_fast(self, number: int) -> bool:
        return number < self._n_fast_passes

    def length(self, number: int) -> int:
        """How many samples pass `number`, from 0 on, has; the last fast one is cut."""
        if not self.is_fast(number):
            return self.n_total
        return min(len(self._subset), self.n_fast - number * len(self._subset))

    def order(self, number: int) -> torch.Tensor:
        """The samples of pass `number`: int64 (length,)."""
        generator = generator_for(self.seed, f"two-phase sampler, pass {number}")
        if not self.is_fast(number):
            return torch.randperm(self.n_total, generator=generator)
        order = torch.randperm(len(self._subset), generator=generator)
        return self._subset[order[: self.length(number)]]

    def at(self, n_samples: int) -> tuple[int, int]:
        """Where training is after `n_samples`: number of the pass, and place within it."""
        if n_samples < self.n_fast:
            return divmod(n_samples, len(self._subset))
        number, place = divmod(n_samples - self.n_fast, self.n_total)
        return self._n_fast_passes + number, place

    def identity(self) -> dict[str, Any]:
        return {
            "n_total": self.n_total,
            "indices_sha256": hashlib.sha256(self._subset.numpy().tobytes()).hexdigest(),
            "n_fast_samples": self.n_fast,
            "seed": self.seed,
        }


def replica_of_this_process(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
    """How many processes divide a pass, and which one this is; None asks torch.distributed."""
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


def _fast_samples(fast: Duration, n_subset: int, samples_in_step: int | None) -> int:
    if fast.is_time:
        raise ValueError(
            f"fast must be in epochs, samples or steps, got {fast}: a sampler whose order depended "
            "on the clock could not be repeated"
        )
    if fast.unit == "st" and samples_in_step is None:
        raise ValueError(f"fast in steps ({fast}) needs batch_size")
    return fast.n_samples(n_subset, samples_in_step or 1)
