"""Two-phase training in Lightning's Trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler

from thinset.training.epoch_sampler import TwoPhaseEpochSampler
from thinset.training.passes import require_same_sampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import torch

    from thinset.training import Duration


class TwoPhaseLoader:
    """The batches of a DataLoader, in two phases: give it to `Trainer.fit` in the loader's place.

    `loader`: an ordinary DataLoader, shuffling or not; its dataset, batch size, workers and all
    else are taken over. `indices`: (k,) integers, the rows of the subset. `fast`: how much to train
    on the subset first: its epochs ("3ep"), samples ("12000sa") or steps ("500st"). Every epoch of
    the Trainer has as many batches as without this, so that lengths, validation and learning rates
    stay what they are; an epoch may hold several passes over the subset.

    Checkpoints of the Trainer hold the place in the epoch, workers or not, and a resumed training
    sees the very same samples in the same order. Several processes divide every epoch among them;
    Lightning leaves the loader as it is.

    Raises ValueError for a loader with batches or a sampler of its own or without a length, and as
    TwoPhaseSampler does.
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        indices: Sequence[int] | np.ndarray[Any, Any] | torch.Tensor,
        *,
        fast: Duration | str = "3ep",
        seed: int = 0,
    ) -> None:
        batch_size = _require_ordinary(loader)
        self._batch_size = batch_size
        self.sampler = TwoPhaseEpochSampler(
            len(loader.dataset),  # type: ignore[arg-type]
            indices,
            fast=fast,
            seed=seed,
            batch_size=batch_size,
        )
        self._loader = DataLoader(loader.dataset, sampler=self.sampler, **_options(loader))
        self._epoch = 0
        self._n_given = 0  # batches of this epoch that have been given
        self._is_under_way = False

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
        self._is_under_way = False
        self.sampler.set_epoch(self._epoch + 1)

    def _begin(self) -> None:
        if self._is_under_way:  # what was abandoned is over
            self.sampler.set_epoch(max(self.sampler.epoch, self._epoch + 1))
        if self.sampler.epoch != self._epoch:
            self._epoch, self._n_given = self.sampler.epoch, 0
        self.sampler.start = self._n_given * self._batch_size
        self._is_under_way = True

    def state_dict(self) -> dict[str, Any]:
        """Return the place after the batch that was given last, as plain numbers and texts."""
        return {**self._identity(), "epoch": self._epoch, "n_batches": self._n_given}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; ValueError where it is of another sequence."""
        require_same_sampler(state, self._identity())
        epoch, n_given = state["epoch"], state["n_batches"]
        if n_given == len(self):
            epoch, n_given = epoch + 1, 0
        self._epoch, self._n_given = epoch, n_given
        self._is_under_way = False
        self.sampler.set_epoch(epoch)

    def _identity(self) -> dict[str, Any]:
        return {**self.sampler.identity(), "batch_size": self._batch_size}


def _require_ordinary(loader: object) -> int:
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        raise ValueError(
            "loader must be a torch DataLoader over a dataset with a length, got "
            f"{type(loader).__name__}"
        )
    if loader.batch_size is None:
        raise ValueError("loader must have a batch_size, not batches or a batch_sampler of its own")
    if not isinstance(loader.sampler, RandomSampler | SequentialSampler):
        raise ValueError(
            "loader must have no sampler of its own, since the order becomes that of the two "
            f"phases; got {type(loader.sampler).__name__}"
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
