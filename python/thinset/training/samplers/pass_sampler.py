"""A sampler that gives one pass after the other, for any DataLoader."""

from __future__ import annotations

import operator
import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from torch.utils.data import Sampler

from thinset.training.samplers.passes import require_same_sampler
from thinset.training.samplers.readers import Reader, is_called_by
from thinset.training.samplers.replicas import Replicas, Share

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

_CHUNK = 65_536
_MAX_LOOKS = 10
_DEPENDS_ON_READER = ("num_replicas", "n_fast_samples")


class NumberedPasses(Protocol):
    """Passes whose samples depend on the arguments and the number of the pass alone."""

    def length(self, number: int) -> int: ...
    def numbers_of_each_length(self, first: int) -> list[int]: ...
    def order(self, number: int) -> torch.Tensor: ...
    def identity(self) -> dict[str, Any]: ...


class PassSampler(Sampler[int], ABC):
    """Gives the passes one after the other and keeps the place among them.

    A subclass defines `_passes_for`. `num_replicas` and `rank`: see Replicas.

    A pass that the loop leaves after one batch was only looked at and begins again; one that it
    leaves later is over. With `drop_last`, the full batches of a pass are all of it. A pass of a
    single batch is over with that batch; where it may have been a look, a warning says so.
    """

    _for_trainers: str | None = None
    """What trainers need instead, where the passes differ in length; None where they do not."""

    _for_longer_passes = ""
    """What else helps where a pass is shorter than a batch, continuing a sentence."""

    def __init__(self, num_replicas: int | None, rank: int | None) -> None:
        self._replicas = Replicas(num_replicas, rank)
        self._share: Share | None = None  # that of the pass begun last
        self._reader: Reader | None = None  # of the pass under way, or of the last one
        self._leader: Reader | None = None  # where another process reads: the pass under way there
        self._pass = 0  # the pass that is under way or comes next
        self._start = 0  # where in it iteration began or begins: above 0 only when resumed
        self._position = 0  # how many of its samples have been given to this replica
        self._epoch = 0  # that a loop or a library has named last
        self._n_looks = 0
        self._was_read_to_end = False
        self._has_warned_of_single_batch = False
        self._unchecked_state: dict[str, Any] | None = None
        self._length_read: int | None = None

    @abstractmethod
    def _passes_for(self, batches_in_step: int) -> NumberedPasses:
        """The passes where all processes together train on so many batches in a step."""

    @property
    def num_replicas(self) -> int:
        """How many processes divide a pass."""
        return self._current_share.num_replicas

    @property
    def rank(self) -> int:
        """Number of this process among them."""
        return self._current_share.rank

    def __len__(self) -> int:
        """Return how many indices the current pass gives; fewer where it was resumed midway.

        Between passes, that of the next one. Raises ValueError if a pass from then on is shorter
        than a batch and the loader drops it.
        """
        reader = Reader()
        self._refuse(reader)
        share = self._replicas.share(reader)
        number, start = self._coming_pass, 0
        if number == self._pass and not self._is_dropped(reader, share):
            start = self._start
        elif number == self._pass:
            number += 1
        self._require_batches(reader, share, number)
        passes = self._passes_for(share.batches_in_step)
        self._length_read = share.length(passes.length(number)) - start
        return self._length_read

    def __iter__(self) -> Iterator[int]:
        reader = Reader()
        self._refuse(reader)
        self._leave_pass()
        share = self._replicas.share(reader)
        if self._is_dropped(reader, share):
            self._move_to(self._pass + 1, 0)
        self._require_batches(reader, share, self._pass)
        self._read_with(reader, share)
        number, start = self._pass, self._start
        order = self._current_share.of(self._passes.order(number))
        self._warn_of_other_length(len(order) - start)
        for first in range(start, len(order), _CHUNK):
            for offset, index in enumerate(order[first : first + _CHUNK].tolist(), start=1):
                self._position = first + offset
                yield index
        self._was_read_to_end = True

    def set_epoch(self, epoch: int) -> None:
        """Begin pass number `epoch`, from 0 on, next; one that was resumed midway continues there.

        A loop that trains from the beginning calls `set_epoch(0)`. Accelerate and Lightning Fabric
        call it themselves, with the number of passes they have seen.
        """
        epoch, last = operator.index(epoch), self._epoch
        if epoch < 0:
            raise ValueError(f"epoch must be at least 0, got {epoch}")
        if is_called_by("lightning.fabric.wrappers", "lightning_fabric.wrappers"):
            return  # It counts looks as well.
        reader = Reader()
        self._refuse(reader)
        self._epoch = epoch
        if is_called_by("accelerate"):
            if reader.follows:
                self._follow(reader, epoch, last)
                return
            is_over = self._position == self._length(self._pass)
            if epoch == last or (epoch == last + 1 and is_over):
                return  # It counts from 0 after a resumption as well.
        if epoch != self._pass or self._reader is not None:
            self._move_to(epoch, 0)

    def _follow(self, reader: Reader, epoch: int, last: int) -> None:
        """Keep the number of the pass where another process reads the sampler."""
        if epoch != last:
            self._move_to(self._pass + 1 if epoch == last + 1 else epoch, 0)
        self._leader = reader

    def state_dict(self, n_consumed: int | None = None) -> dict[str, Any]:
        """Return the place in the sequence of passes, as plain numbers and texts.

        A DataLoader with workers, and Accelerate, fetch ahead of the loop. What the loop has taken
        is known for DataLoaders whose batches come from this sampler and are all of one size. For
        others, and for loops that fetch ahead themselves, give `n_consumed`: the samples taken
        since this pass was begun or resumed; where Accelerate divides the batches, by all processes
        together. Call it before the next pass begins. Raises ValueError if `n_consumed` is more
        than the sampler has given, and where it is needed and not given.
        """
        number, position = self._place_after(self._n_taken(n_consumed))
        return {**self._identity(), "pass": number, "position": position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume where `state_dict` was taken: the next pass begins there, in the same order.

        Raises ValueError if the state is not of a sampler with the same arguments.
        """
        identity = self._identity()
        is_settled = self._share is not None or self._replicas.is_given or self.num_replicas == 1
        if not is_settled:  # Whether another library divides is seen when iteration begins.
            identity = {
                name: value for name, value in identity.items() if name not in _DEPENDS_ON_READER
            }
        require_same_sampler(state, identity)
        self._move_to(state["pass"], state["position"])
        self._unchecked_state = None if is_settled else dict(state)

    @property
    def _coming_pass(self) -> int:
        """Number of the pass that is under way for the loop, or else comes next."""
        if self._leader is not None and self._leader.has_counted_pass:
            return self._pass + 1
        given = self._position - self._start
        taken = given if self._reader is None else self._reader.n_taken(given)
        return self._place_after(given if taken is None else taken)[0]

    def _place_after(self, n_taken: int) -> tuple[int, int]:
        """Number of the pass, and place within it, when the loop has taken so many samples."""
        position = self._start + n_taken
        n_left = self._length(self._pass) - position
        if n_left == 0 or (self._reader is not None and self._reader.is_remainder(n_left)):
            return self._pass + 1, 0
        return self._pass, position

    def _n_taken(self, n_consumed: int | None) -> int:
        given = self._position - self._start
        if n_consumed is not None:
            if not 0 <= operator.index(n_consumed) <= given:
                raise ValueError(
                    f"n_consumed must be from 0 to {given}, the number of samples given since the "
                    f"pass was begun or resumed, got {n_consumed}"
                )
            return operator.index(n_consumed)
        if self._reader is None or is_called_by("torchdata"):
            return given  # A StatefulDataLoader keeps the place that belongs to each batch.
        taken = self._reader.n_taken(given)
        if taken is None:
            raise ValueError(
                "state_dict needs n_consumed, the number of samples that the loop has taken since "
                "this pass began: the loader fetches ahead, and its batches may differ in size"
            )
        return taken

    def __getstate__(self) -> dict[str, Any]:
        # The reader belongs to this process; a copy continues where the loop is.
        given = self._position - self._start
        taken = given if self._reader is None else self._reader.n_taken(given)
        number, position = self._place_after(given if taken is None else taken)
        place = {"_pass": number, "_start": position, "_position": position}
        return {**vars(self), **place, "_reader": None, "_leader": None}

    def _leave_pass(self) -> None:
        given, length = self._position - self._start, self._length(self._pass)
        if self._reader is None or given == 0:
            return
        n_samples = length - self._start
        if not self._reader.has_only_looked(given, n_samples):
            if self._reader.has_single_batch(n_samples, was_read_to_end=self._was_read_to_end):
                self._warn_of_single_batch()
            self._move_to(self._pass + 1, 0)
            return
        self._position = self._start
        self._n_looks += 1
        if self._n_looks > _MAX_LOOKS:
            raise RuntimeError(
                f"pass {self._pass} was left after its first batch {self._n_looks} times in a row, "
                "and begins again each time; take all batches from one iterator, or call "
                "set_epoch(number) before each pass (set_epoch(0) after looking at batches)"
            )

    def _is_dropped(self, reader: Reader, share: Share) -> bool:
        """Whether the loader drops what is left of a pass that was resumed midway."""
        length = share.length(self._passes_for(share.batches_in_step).length(self._pass))
        return self._start > 0 and reader.is_remainder(length - self._start)

    def _require_batches(self, reader: Reader, share: Share, number: int) -> None:
        """Raise ValueError if a pass from `number` on is shorter than the loader's batch."""
        passes = self._passes_for(share.batches_in_step)
        for one in passes.numbers_of_each_length(number):
            length = share.length(passes.length(one))
            reader.require_batch(f"pass {one}", length, self._for_longer_passes)

    def _read_with(self, reader: Reader, share: Share) -> None:
        self._reader, self._share = reader, share
        self._was_read_to_end = False
        if self._unchecked_state is not None:
            require_same_sampler(self._unchecked_state, self._identity())
            self._unchecked_state = None

    def _refuse(self, reader: Reader) -> None:
        """Raise RuntimeError for trainers that take the length of one pass for that of all."""
        if self._for_trainers and (reader.trainer is not None or reader.has_fixed_length):
            name = "transformers" if reader.trainer == "transformers" else "Lightning"
            raise RuntimeError(
                f"{type(self).__name__} does not work in the trainer of {name}, which takes the "
                f"length of one pass for that of all; use {self._for_trainers}"
            )

    def _warn_of_single_batch(self) -> None:
        if self._has_warned_of_single_batch:
            return
        self._has_warned_of_single_batch = True
        warnings.warn(
            f"pass {self._pass} has a single batch, so that a look at it cannot be told from "
            "training on it: it counts as trained; call set_epoch(number) before each pass "
            "(set_epoch(0) after looking at batches)",
            stacklevel=4,
        )

    def _warn_of_other_length(self, length: int) -> None:
        if self._for_trainers and self._length_read is not None and self._length_read < length:
            warnings.warn(
                f"the length of the loader was read when a pass had {self._length_read} samples, "
                f"but this pass has {length}: a trainer or a learning-rate schedule that takes the "
                f"first length for all passes is wrong; it needs {self._for_trainers}",
                stacklevel=3,
            )
        self._length_read = None

    def _move_to(self, number: int, position: int) -> None:
        self._pass = number
        self._start = self._position = position
        self._reader = self._leader = None
        self._n_looks = 0
        self._unchecked_state = None

    def _length(self, number: int) -> int:
        """How many samples of a pass this replica gives."""
        return self._current_share.length(self._passes.length(number))

    @property
    def _current_share(self) -> Share:
        return self._replicas.share(None) if self._share is None else self._share

    @property
    def _passes(self) -> NumberedPasses:
        return self._passes_for(self._current_share.batches_in_step)

    def _identity(self) -> dict[str, Any]:
        return {**self._passes.identity(), "num_replicas": self._current_share.num_replicas}
