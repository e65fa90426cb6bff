"""The passes of two-phase training: which samples, in which order."""

from __future__ import annotations

import hashlib
import operator
from typing import TYPE_CHECKING, Any

import torch

from thinset.duration import Duration
from thinset.training.randomness import generator_for
from thinset.training.samplers.subset import subset_rows, whole_number

if TYPE_CHECKING:
    from thinset.training.samplers.subset import Indices


class TwoPhasePasses:
    """Shuffled passes over a subset until `fast` is used up, then over everything.

    The order of a pass depends on the seed and the number of the pass only. `indices`: row numbers,
    a boolean mask or a Selection. `fast`: a length, or a number of epochs. `samples_in_step`: how
    many samples all processes together train on in a step, for a `fast` in steps.

    Raises ValueError for indices that are empty, repeated or out of range, and for a `fast` that
    is a time or lacks `samples_in_step`.
    """

    def __init__(
        self,
        n_total: int,
        indices: Indices,
        fast: Duration | str | int,
        seed: int,
        samples_in_step: int | None,
    ) -> None:
        self.n_total = whole_number("n_total", n_total, "the number of samples")
        self.seed = operator.index(seed)
        self._subset = subset_rows(indices, self.n_total)
        n_subset = len(self._subset)
        self.n_fast = _fast_samples(parse_fast(fast), n_subset, samples_in_step)
        self._n_fast_passes = -(-self.n_fast // n_subset)

    def is_fast(self, number: int) -> bool:
        return number < self._n_fast_passes

    def length(self, number: int) -> int:
        """How many samples pass `number`, from 0 on, has; the last fast one is cut."""
        if not self.is_fast(number):
            return self.n_total
        return min(len(self._subset), self.n_fast - number * len(self._subset))

    def numbers_of_each_length(self, first: int) -> list[int]:
        """Passes, from `first` on, that have every length there is from then on."""
        return sorted({first, max(first, self._n_fast_passes - 1), max(first, self._n_fast_passes)})

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


def require_same_sampler(state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise ValueError, naming what differs, where `state` is of a sampler with other arguments."""
    for name, value in identity.items():
        if state.get(name) != value:
            raise ValueError(
                f"the state is of another sampler: its {name} is {state.get(name)!r}, "
                f"this one's is {value!r}"
            )


def parse_fast(fast: Duration | str | int) -> Duration:
    """Read the length of the fast phase; a whole number counts epochs of the subset."""
    if isinstance(fast, Duration | str):
        return Duration.parse(fast)
    try:
        n_epochs = operator.index(fast)
    except TypeError:
        n_epochs = None
    if n_epochs is None or isinstance(fast, bool):
        raise ValueError(
            "fast must be a length such as '3ep', '500st' or '12000sa', or a whole number of "
            f"epochs, got {fast!r}"
        )
    return Duration(float(n_epochs), "ep")


def _fast_samples(fast: Duration, n_subset: int, samples_in_step: int | None) -> int:
    if fast.is_time:
        raise ValueError(
            f"fast must be in epochs, samples or steps, got {fast}: a sampler whose order depended "
            "on the clock could not be repeated"
        )
    if fast.unit == "st" and samples_in_step is None:
        raise ValueError(f"fast in steps ({fast}) needs batch_size")
    return fast.n_samples(n_subset, samples_in_step or 1)
