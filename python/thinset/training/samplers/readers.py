"""Who reads a sampler: which DataLoader, how far ahead, and whether another library divides.

A DataLoader passes a sampler no reference to itself, and libraries that divide a pass among
processes wrap the sampler without telling it. The call stack is the one place where all of this
can be seen, so it is inspected when a pass begins and when a length is read.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

from torch.utils.data import BatchSampler, Sampler

if TYPE_CHECKING:
    from types import FrameType

# Code that reads a sampler, or wraps what does, for a loop of someone's own or for a trainer.
_LOADERS = (
    "torch.utils.data.",
    "torchdata.",
    "accelerate.data_loader",
    "lightning.fabric.utilities.",
    "lightning_fabric.utilities.",
)
_LIBRARIES = (
    "torch", "torchdata", "accelerate", "transformers",
    "lightning", "lightning_fabric", "pytorch_lightning", "thinset",
)  # fmt: skip
_N_FRAMES_BELOW_LOADER = 8


class Reader:
    """How a sampler is read at the moment when this is made.

    `divides`: another library divides what the sampler gives among processes, which together take
    `batches_in_step` batches of it in a step. `trainer`: "lightning" or "transformers" where the
    Trainer of that library reads, which takes the length of one epoch for that of all.
    `lightning_trainer`: that Trainer itself. `has_fixed_length`: Lightning's
    DistributedSamplerWrapper reads, which never changes its length. `is_dispatched`: one process
    reads for all of them, and this one `follows` where it is another. `batch_size`: of the loader;
    None where batches may differ in size, and where a length is read without a batch sampler.
    """

    def __init__(self) -> None:
        self.divides = False
        self.batches_in_step = 1
        self.has_fixed_length = False
        self.is_dispatched = False
        self.follows = False
        self.trainer: str | None = None
        self.lightning_trainer: Any = None
        self.batch_size: int | None = None
        self._loader: dict[str, Any] | None = None  # attributes of the DataLoader's iterator
        self._n_yielded_before = 0  # batches, where the iterator was resumed
        self._drops_last = False
        self._n_skipped = 0  # batches
        self._tasks: dict[int, Any] | None = None  # batches sent to workers and not yet taken
        self._wrapper: weakref.ref[Any] | None = None  # the loader of Accelerate around that one
        self._wrapper_iteration = 0
        self._n_ahead = 0  # batches that the wrapper holds back
        for module, owner in _callers():
            self._notice(module, owner)

    def __reduce__(self) -> tuple[Any, ...]:
        # What was seen belongs to this process.
        return Reader, ()

    def n_taken(self, n_given: int) -> int | None:
        """How many of the `n_given` samples the loop has taken; None where that is unknown."""
        if self._loader is None or self._wrapper_has_ended:
            return n_given
        per_batch = self._samples_per_batch
        if per_batch is None:
            return None if self._n_prefetched or self._n_ahead else n_given
        batches = self._n_skipped + max(self._n_yielded - self._n_ahead, 0)
        return min(n_given, batches * per_batch)

    def is_remainder(self, n_samples: int) -> bool:
        """Whether the loader gives no batch of the `n_samples` that are left of a pass."""
        in_step = (self.batch_size or 0) * self.batches_in_step
        return n_samples <= 0 or (self._drops_last and n_samples < in_step)

    def require_batch(self, name: str, n_samples: int, remedy: str) -> None:
        """Raise ValueError if the loader drops all of the `n_samples` of a pass."""
        if n_samples <= 0 or not self.is_remainder(n_samples):
            return
        batch = f"a batch of {self.batch_size}"
        if self.batches_in_step > 1:
            batch += f" for each of {self.batches_in_step} processes"
        raise ValueError(
            f"{name} has {n_samples} samples, fewer than {batch}, so drop_last=True leaves no "
            f"batch of it; set drop_last=False, or choose a smaller batch_size{remedy}"
        )

    def n_batches(self, n_samples: int) -> int:
        """Batches that the loader makes of so many samples."""
        size = self.batch_size or 1
        return n_samples // size if self._drops_last else -(-n_samples // size)

    @property
    def has_counted_pass(self) -> bool:
        """Whether the loader of Accelerate has ended a pass since."""
        wrapper = None if self._wrapper is None else self._wrapper()
        return wrapper is not None and wrapper.iteration != self._wrapper_iteration

    @property
    def reads_through_loader(self) -> bool:
        """Whether a DataLoader reads, rather than a loop of someone's own."""
        return self._loader is not None

    def has_only_looked(self, n_given: int, n_samples: int) -> bool:
        """Whether a pass of `n_samples` was left after one batch: a look, not training.

        To be called when the next pass begins. A pass of a single batch is over with that batch:
        see `has_single_batch`.
        """
        per_batch = self._samples_per_batch
        if self._loader is None or per_batch is None or n_given == 0:
            return False
        if self.has_counted_pass:
            return False
        n_yielded = self._n_yielded_of_last_pass(n_given, per_batch)
        if n_yielded - self._n_ahead > max(self._n_ahead, 1):
            return False
        if self._drops_last:
            n_samples -= n_samples % per_batch
        is_wrapped = self._wrapper is not None and self._wrapper() is not None
        return is_wrapped or n_yielded * per_batch < n_samples

    def has_single_batch(self, n_samples: int, *, was_read_to_end: bool) -> bool:
        """Whether a pass has one batch, and a look at it cannot be told from training on it.

        A loop over a loader without workers reads beyond the last batch, which a look does not do.
        Workers fetch ahead for both.
        """
        if self._loader is None or self._samples_per_batch is None or self._wrapper is not None:
            return False
        return self.n_batches(n_samples) == 1 and not (was_read_to_end and not self._n_prefetched)

    def _n_yielded_of_last_pass(self, n_given: int, per_batch: int) -> int:
        """Batches that the loader gave, although the next pass may have begun already."""
        if self._tasks is None or (self._loader or {}).get("_task_info") is self._tasks:
            return self._n_yielded
        # Persistent workers: their iterator counts the new pass, but the old tasks remain.
        if self._tasks:
            return max(self._tasks) + 1 - len(self._tasks)
        n_sent = n_given // per_batch if self._drops_last else -(-n_given // per_batch)
        return n_sent - self._n_skipped

    @property
    def _n_yielded(self) -> int:
        return int((self._loader or {}).get("_num_yielded", 0)) - self._n_yielded_before

    @property
    def _n_prefetched(self) -> int:
        loader = self._loader or {}
        return int(loader.get("_prefetch_factor") or 0) * int(loader.get("_num_workers") or 0)

    @property
    def _samples_per_batch(self) -> int | None:
        """Samples of all processes for a batch of the loader; None where sizes may differ."""
        if self.batch_size is None:
            return None
        # A dispatcher counts the batches of all processes, a shard those of its own.
        return self.batch_size * (1 if self.is_dispatched else self.batches_in_step)

    @property
    def _wrapper_has_ended(self) -> bool:
        wrapper = None if self._wrapper is None else self._wrapper()
        return wrapper is not None and bool(wrapper.end_of_dataloader)

    def _notice(self, module: str, owner: Any) -> None:
        name = type(owner).__name__
        if hasattr(type(owner), "_next_index"):
            self._notice_loader(owner)
        elif name in ("DataLoaderShard", "DataLoaderDispatcher") and self._wrapper is None:
            self._wrapper = weakref.ref(owner)
            self._wrapper_iteration = owner.iteration
            self._n_ahead = 1
            if name == "DataLoaderDispatcher":
                self._divide_among(owner.state.num_processes, is_split=owner.split_batches)
                self._n_ahead = self.batches_in_step
                self.is_dispatched = True
                self.follows = owner.state.process_index != 0
        elif name == "BatchSamplerShard":
            self._divide_among(owner.num_processes, is_split=owner.split_batches)
        elif isinstance(owner, BatchSampler) and self._loader is None:
            self._notice_batches(owner)
        elif name in ("_DatasetSamplerWrapper", "DistributedSamplerWrapper"):
            self.divides = self.has_fixed_length = True
        if module.startswith(("lightning.pytorch.", "pytorch_lightning.")):
            self.trainer = "lightning"
            self.lightning_trainer = self.lightning_trainer or getattr(owner, "trainer", None)
        elif module == "transformers.trainer":
            self.trainer = "transformers"

    def _notice_loader(self, iterator: Any) -> None:
        if self._loader is not None:
            return
        # The attributes outlive the iterator, which must not be kept alive with its workers.
        self._loader = vars(iterator)
        self._n_yielded_before = int(self._loader.get("_num_yielded", 0))
        self._tasks = self._loader.get("_task_info")
        self.batch_size, self._drops_last = None, False
        batches: Any = self._loader.get("_index_sampler")
        while hasattr(batches, "batch_sampler"):
            self._n_skipped += getattr(batches, "skip_batches", 0)
            batches = batches.batch_sampler
        if not isinstance(batches, BatchSampler):
            self.batch_size = 1 if isinstance(batches, Sampler) else None
        else:
            self._notice_batches(batches)

    def _notice_batches(self, batches: BatchSampler) -> None:
        if type(batches).__module__.startswith(("torch.", "torchdata.")):
            self.batch_size, self._drops_last = batches.batch_size, batches.drop_last

    def _divide_among(self, n_processes: int, *, is_split: bool) -> None:
        self.divides = self.divides or n_processes > 1
        self.batches_in_step = 1 if is_split else n_processes


def is_called_by(*modules: str) -> bool:
    """Whether code of one of these modules, or of modules within them, reads or numbers passes."""
    names = [module for module, _ in _callers()]
    return any(f"{name}.".startswith(f"{module}.") for name in names for module in modules)


def _callers() -> list[tuple[str, Any]]:
    """Modules of the frames that read a sampler, innermost first, and the objects they belong to.

    Beyond the libraries that read begins a loop of someone's own, which says nothing more.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    found: list[tuple[str, Any]] = []
    is_in_loader = False
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("thinset.training."):
            frame = frame.f_back
            continue
        is_in_loader = is_in_loader or module.startswith(_LOADERS)
        if is_in_loader and module.partition(".")[0] not in _LIBRARIES:
            break
        if not is_in_loader and len(found) >= _N_FRAMES_BELOW_LOADER:
            break
        found.append((module, frame.f_locals.get("self")))
        frame = frame.f_back
    return found if is_in_loader else []
