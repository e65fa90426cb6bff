"""Two-phase training in Lightning's Trainer."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler

from thinset.training.samplers.passes import require_same_sampler
from thinset.training.samplers.two_phase_epoch import TwoPhaseEpochSampler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from thinset.training import Duration
    from thinset.training.samplers.subset import Indices


class TwoPhaseLoader:
    """The batches of a DataLoader, in two phases: pass it to `Trainer.fit` instead of the loader.

    `loader`: an ordinary DataLoader, shuffling or not; its dataset, batch size, workers and all
    other settings are kept. `indices`: the rows of the subset: (k,) integers, a boolean mask or a
    Selection. `fast`: how much to train on the subset first: its epochs ("3ep", or 3), samples
    ("12000sa") or steps ("500st"). Every epoch of the Trainer has as many batches as without this,
    so lengths, validation and learning rates do not change; an epoch may contain several passes
    over the subset.

    The Trainer's epoch number decides which samples come, so a look at a batch, `lr_find` or an
    earlier `fit` uses up none of the fast phase. With `overfit_batches`, every epoch shows the
    first batches of the first epoch. In your own loop, call `set_epoch(epoch)` before each epoch.
    Without it, each iteration shows the next epoch, and an iteration that ended after one batch is
    repeated.

    Checkpoints of the Trainer store the position in the epoch, with or without workers, and a
    resumed training sees the same samples in the same order. Several processes divide every epoch
    among them; Lightning does not change the loader.

    Raises ValueError for a loader with its own batches or sampler or without a length, and as
    TwoPhaseSampler does.
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        indices: Indices,
        *,
        fast: Duration | str | int = "3ep",
        seed: int = 0,
    ) -> None:
        batch_size = _require_ordinary(loader)
        self._batch_size = batch_size
        self._sampler = TwoPhaseEpochSampler(
            len(loader.dataset),  # type: ignore[arg-type]
            indices,
            fast=fast,
            seed=seed,
            batch_size=batch_size,
        )
        self._loader = DataLoader(loader.dataset, sampler=self._sampler, **_options(loader))
        # Lightning looks for set_epoch here. It would replace an attribute named `sampler`.
        self.batch_sampler = SimpleNamespace(sampler=self)
        self._epoch = 0
        self._begun_at = 0  # batches of this epoch before the current iteration
        self._n_given = 0  # batches of this epoch yielded so far
        self._is_under_way = False
        self._named_epoch: int | None = None  # by set_epoch, for the next iteration

    @property
    def dataset(self) -> Any:
        return self._loader.dataset

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        self._begin()
        for batch in self._loader:
            self._n_given += 1
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Start epoch `epoch` (from 0) next; an epoch that was resumed midway continues there."""
        self._named_epoch = epoch

    def _begin(self) -> None:
        epoch, n_given = self._next_place()
        self._epoch, self._begun_at, self._n_given = epoch, n_given, n_given
        self._named_epoch, self._is_under_way = None, True
        self._sampler.set_epoch(epoch)
        self._sampler.start = n_given * self._batch_size

    def _next_place(self) -> tuple[int, int]:
        """Epoch and number of its batches after which the next iteration begins."""
        if _is_overfitting():
            return 0, 0
        is_resumed = not self._is_under_way
        if self._named_epoch is not None and not (is_resumed and self._named_epoch == self._epoch):
            return self._named_epoch, 0
        if is_resumed:
            return self._epoch, self._n_given
        has_only_looked = self._n_given - self._begun_at <= 1 and self._n_given < len(self)
        return (self._epoch, self._begun_at) if has_only_looked else (self._epoch + 1, 0)

    def state_dict(self) -> dict[str, Any]:
        """Return the position after the last batch, as plain numbers and strings."""
        return {**self._identity(), "epoch": self._epoch, "n_batches": self._n_given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`; ValueError if it belongs to another sequence."""
        require_same_sampler(state, self._identity())
        epoch, n_given = state["epoch"], state["n_batches"]
        if n_given == len(self):
            epoch, n_given = epoch + 1, 0
        self._epoch, self._n_given = epoch, n_given
        self._is_under_way = False
        self._named_epoch = None

    def _identity(self) -> dict[str, Any]:
        return {**self._sampler.identity(), "batch_size": self._batch_size}


def _is_overfitting() -> bool:
    """Whether the Trainer trains repeatedly on the same few batches."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    while frame is not None:
        trainer: Any = getattr(frame.f_locals.get("self"), "trainer", None)
        if hasattr(trainer, "overfit_batches"):
            return bool(trainer.overfit_batches)
        frame = frame.f_back
    return False


def _require_ordinary(loader: object) -> int:
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        raise ValueError(
            "loader must be a torch DataLoader over a dataset with a length, got "
            f"{type(loader).__name__}"
        )
    if loader.batch_size is None:
        raise ValueError("loader must have a batch_size, not its own batches or batch_sampler")
    if not isinstance(loader.sampler, RandomSampler | SequentialSampler):
        raise ValueError(
            "loader must not have its own sampler, because the two phases define the order; got "
            f"{type(loader.sampler).__name__}"
        )
    return loader.batch_size


def _options(loader: DataLoader[Any]) -> dict[str, Any]:
    return {
        name: getattr(loader, name)
        for name in (
            "batch_size",
            "num_workers",
            "collate_fn",
            "pin_memory",
            "drop_last",
            "timeout",
            "worker_init_fn",
            "multiprocessing_context",
            "generator",
            "prefetch_factor",
            "persistent_workers",
            "in_order",
        )
        if hasattr(loader, name)
    }
