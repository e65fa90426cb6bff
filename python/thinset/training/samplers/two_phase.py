"""Two-phase training for any DataLoader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.training.samplers.pass_sampler import PassSampler
from thinset.training.samplers.passes import TwoPhasePasses, parse_fast
from thinset.training.samplers.subset import subset_rows, whole_number

if TYPE_CHECKING:
    from thinset.duration import Duration
    from thinset.training.samplers.subset import Indices


class TwoPhaseSampler(PassSampler):
    """Shuffled passes over a subset until `fast` is used up, then over everything.

    Give it to a DataLoader as `sampler=`; each pass (`for batch in loader`) is one epoch of the
    current phase. The model and the training loop stay as they are.

    Args:
        n_total: size of the full dataset.
        indices: the subset's rows: (k,) integers in 0..n_total-1, a boolean mask of length n_total,
            or a Selection.
        fast: how much to train on the subset: epochs of the subset ("3ep", or 3), samples
            ("12000sa") or, with `batch_size` given, steps ("500st"); the last fast pass is cut
            where it is used up.
        seed: with the number of a pass, it alone decides the order of that pass.

    A look at one batch, `next(iter(loader))`, changes nothing: the pass begins again. A pass that
    the loop leaves later is over, and iterating again begins the next one; so is a pass of a single
    batch. `set_epoch(0)` begins with the first pass again. A loader with `drop_last=True` must
    leave a batch of every pass.

    Several processes train one model: where torch.distributed is initialised, each gives its share
    of every pass, as torch's DistributedSampler does; some samples come twice where it does not
    divide evenly. `num_replicas` and `rank` say so for other ways to start processes. A loader that
    Accelerate has prepared divides the batches itself, which is noticed: the sampler then gives
    each pass as a whole. `fast` counts the samples of all processes, and `batch_size` is that of
    the DataLoader. The states of all processes are alike: that of one serves all.

    Trainers that count the batches of one epoch for all of them (those of Lightning and of
    transformers) are refused with a RuntimeError: thinset.integrations has what fits them.

    Raises ValueError for indices that are empty, repeated, out of range or of another length, for
    a `fast` that is a time or lacks `batch_size`, and for a rank outside 0..num_replicas-1; when
    read, where a pass is shorter than a batch and the loader drops it.
    """

    _for_trainers = (
        "TwoPhaseLoader of thinset.integrations.lightning, TwoPhaseCallback of "
        "thinset.integrations.transformers, or thinset.training.TwoPhaseEpochSampler"
    )

    _for_longer_passes = ", a larger subset, or another length of fast"

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
        n_total = whole_number("n_total", n_total, "the number of samples")
        rows = subset_rows(indices, n_total)
        self._arguments = (n_total, rows, parse_fast(fast), seed)
        self._batch_size = batch_size
        self._known_passes: dict[int, TwoPhasePasses] = {}
        super().__init__(num_replicas, rank)
        self._passes_for(1)  # refuses wrong arguments at once

    @property
    def phase(self) -> str:
        """The phase of the current pass: "fast" or "fine-tuning"."""
        passes = self._passes_for(self._current_share.batches_in_step)
        return "fast" if passes.is_fast(self._coming_pass) else "fine-tuning"

    def _passes_for(self, batches_in_step: int) -> TwoPhasePasses:
        if batches_in_step not in self._known_passes:
            in_step = None if self._batch_size is None else self._batch_size * batches_in_step
            self._known_passes[batches_in_step] = TwoPhasePasses(*self._arguments, in_step)
        return self._known_passes[batches_in_step]
