"""Dynamic loss pruning for any training loop."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler

from thinset.training.randomness import generator_for
from thinset.training.samplers.gather import from_all_processes
from thinset.training.samplers.orders import LossPruning, PrunedPasses
from thinset.training.samplers.passes import require_same_sampler
from thinset.training.samplers.readers import Reader
from thinset.training.samplers.replicas import Replicas
from thinset.training.samplers.subset import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thinset.training.samplers.replicas import Share

_GIVE_INDICES = (
    "have the dataset return the number of each sample as well, and call mean(losses, indices)"
)


class LossPruningSampler(Sampler[int]):
    """Leave out of each pass some of the samples that the model has already learned.

    Three lines adopt it: the sampler, the DataLoader's argument, and the loss:

        sampler = LossPruningSampler(len(dataset), n_passes=30)
        loader = DataLoader(dataset, batch_size=128, sampler=sampler)
        ...
        loss = sampler.mean(cross_entropy(model(images), labels, reduction="none"))

    `n_total`: size of the dataset. `n_passes`: how many passes training makes over the loader; in
    the last of them, from `full_from` of all on, everything is shown. `share`: see LossPruning.

    Call `mean` once for each batch, in turn. Where batches are left out or fetched ahead of the
    loop, and where Accelerate divides them, pass the samples' numbers: `mean(losses, indices)`.
    A pass without losses (a look at a batch) begins again.

    Where torch.distributed is initialised, the processes divide every pass and exchange their
    losses in `mean`, which all of them must call equally often; their states are alike.

    Raises ValueError if a number is out of range or a pass is shorter than a batch and the
    loader drops it, and RuntimeError if a loader reads that cannot follow passes of different
    lengths.
    """

    def __init__(
        self,
        n_total: int,
        n_passes: int,
        *,
        share: float = LossPruning.share,
        full_from: float = LossPruning.full_from,
        seed: int = 0,
    ) -> None:
        self.n_total = whole_number("n_total", n_total, "the number of samples")
        self.n_passes = whole_number("n_passes", n_passes, "the number of passes")
        for name, value in (("n_total", self.n_total), ("n_passes", self.n_passes)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.seed = seed
        self._rule = LossPruning(share, full_from)
        self._passes = PrunedPasses(self.n_total, share, full_from)
        self._replicas = Replicas(None, None)
        self._reader: Reader | None = None  # of the pass under way, or of the last one
        self._share = self._replicas.share(None)
        self._pass = 0
        self._start = 0  # samples of the pass, of all processes, that came before a resumption
        self._n_trained = 0  # those whose losses were given, or that came before such
        self._n_given = 0  # to the loader of this process, since the pass began or was resumed
        self._begin_pass()

    def __len__(self) -> int:
        """Return how many samples the current pass shows here, or what is left of a resumed one.

        Between passes, that of the next one.
        """
        reader = Reader()
        _require_able(reader)
        share = self._replicas.share(reader)
        if self._is_over(reader, share):
            self._begin_next_pass()
        self._require_batch(reader, share)
        return share.length(len(self._order)) - self._start // share.num_replicas

    def __iter__(self) -> Iterator[int]:
        reader = Reader()
        _require_able(reader)
        share = self._replicas.share(reader)
        if self._n_trained > self._start or self._is_over(reader, share):
            self._begin_next_pass()
        elif self._reader and self._n_given == self._n_shown(self._share):
            self._warn_of_no_losses()
        self._require_batch(reader, share)
        self._reader, self._share = reader, share
        _require_length(reader, self._n_shown(self._share))
        rows = self._share.of(self._order)[self._start // self._share.num_replicas :].tolist()
        self._n_given = 0
        for row in rows:
            self._n_given += 1
            yield row

    def mean(self, losses: torch.Tensor, indices: torch.Tensor | None = None) -> torch.Tensor:
        """Mean of the losses (B,) of a batch, each times its sample's weight.

        `indices`: (B,) integers, the numbers of the batch's samples. None: it is the batch that the
        loop took from the loader last, or a part of it, in turn.

        Raises ValueError for losses that are not one for each sample, and RuntimeError if it
        is unknown which samples they belong to without `indices`.
        """
        if losses.ndim != 1:
            raise ValueError(
                "losses must be one for each sample of the batch, shape (B,), as losses give them "
                f'with reduction="none"; got {tuple(losses.shape)}'
            )
        rows = self._rows_in_turn(len(losses)) if indices is None else self._rows(indices, losses)
        shared_rows, shared_losses = from_all_processes(rows, losses.detach())
        self._passes.observe(shared_rows, shared_losses)
        last_place = int(self._place_of[shared_rows].max()) if len(shared_rows) else -1
        self._n_trained = max(self._n_trained + len(shared_rows), last_place + 1)
        if self._weight_of is None:
            return losses.mean()
        return (losses * self._weight_of[rows].to(losses.device, losses.dtype)).mean()

    def state_dict(self) -> dict[str, Any]:
        """Return the place after the last batch whose losses were given: numbers and tensors."""
        return {
            **self._identity(),
            "pass": self._pass,
            "n_trained": min(self._n_trained, len(self._order)),
            **self._passes.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume where `state_dict` was taken, with the same passes.

        Raises ValueError if the state is not of a sampler with the same arguments.
        """
        require_same_sampler(state, self._identity())
        self._passes.load_state_dict(state)
        self._pass = state["pass"]
        self._draw_pass()
        self._start = self._n_trained = int(state["n_trained"])

    def _rows(self, indices: torch.Tensor, losses: torch.Tensor) -> torch.Tensor:
        rows = torch.as_tensor(indices).detach().cpu()
        if rows.shape != losses.shape or rows.is_floating_point() or rows.dtype == torch.bool:
            raise ValueError(
                f"indices must be one integer for each of {len(losses)} losses, got {rows.dtype} "
                f"of shape {tuple(rows.shape)}"
            )
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.n_total:
            raise ValueError(
                f"indices must be in 0..{self.n_total - 1}, got {int(rows.min())} to "
                f"{int(rows.max())}"
            )
        return rows.long()

    def _rows_in_turn(self, n_losses: int) -> torch.Tensor:
        """The samples that come after those whose losses were given."""
        reader, share = self._reader, self._share
        if reader and reader.divides:
            raise RuntimeError(
                "the loader's batches are divided among processes after the sampler, which "
                f"cannot tell whose losses these are: {_GIVE_INDICES}"
            )
        first = self._n_trained // share.num_replicas
        rows = share.of(self._order)[first : first + n_losses]
        if len(rows) != n_losses:
            raise ValueError(
                "losses must be one for each sample of the batch, shape (B,), of which the pass "
                f"has {len(rows)} left; got {(n_losses,)}"
            )
        if reader and reader.reads_through_loader:
            self._require_in_turn(reader, n_losses, first - self._start // share.num_replicas)
        return rows

    def _require_in_turn(self, reader: Reader, n_losses: int, n_before: int) -> None:
        n_taken = reader.n_taken(self._n_given)
        if n_taken is None or reader.batch_size is None:
            raise RuntimeError(
                f"the loader's batches may have another order than the sampler's: {_GIVE_INDICES}"
            )
        n_open = n_taken - n_before
        if n_open > reader.batch_size:
            raise RuntimeError(
                f"the loop has taken {n_taken} samples of this pass, but losses were given for "
                f"only {n_before} before these {n_losses}: a batch was left out, fetched ahead, or "
                f"its loss was reduced to one number; {_GIVE_INDICES}"
            )
        if n_losses > n_open:
            raise RuntimeError(
                f"losses were given already for all but {n_open} of the {n_taken} samples that the "
                f"loop has taken of this pass, got {n_losses} more; to give those of a batch "
                f"twice, {_GIVE_INDICES}"
            )

    def _is_over(self, reader: Reader, share: Share) -> bool:
        """Whether nothing is left of the pass, or less than the loader makes a batch of."""
        n_left = share.length(max(len(self._order) - self._n_trained, 0))
        readers = (reader, self._reader or reader)
        return self._n_trained > 0 and any(one.is_remainder(n_left) for one in readers)

    def _require_batch(self, reader: Reader, share: Share) -> None:
        n_samples = share.length(len(self._order))
        reader.require_batch(f"pass {self._pass}", n_samples, "")

    def _begin_next_pass(self) -> None:
        self._pass += 1
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._passes.begin(min(self._pass / self.n_passes, 1.0))
        self._draw_pass()

    def _draw_pass(self) -> None:
        generator = generator_for(self.seed, f"loss pruning sampler, pass {self._pass}")
        self._order, weights = self._passes.draw(generator)
        self._place_of = torch.zeros(self.n_total, dtype=torch.int64)
        self._place_of[self._order] = torch.arange(len(self._order))
        self._weight_of: torch.Tensor | None = None
        if weights is not None:
            self._weight_of = torch.ones(self.n_total)
            self._weight_of[self._order] = weights
        self._start = self._n_trained = self._n_given = 0
        self._reader = None

    def _n_shown(self, share: Share) -> int:
        return share.length(len(self._order)) - self._start // share.num_replicas

    def _warn_of_no_losses(self) -> None:
        assert self._reader is not None
        if not self._reader.has_only_looked(self._n_given, self._n_given):
            warnings.warn(
                f"no losses were given in pass {self._pass}, which begins again: hand those of "
                "each batch to mean()",
                stacklevel=4,
            )

    def _identity(self) -> dict[str, Any]:
        return {
            "n_total": self.n_total,
            "n_passes": self.n_passes,
            "rule": repr(self._rule),
            "seed": self.seed,
        }


def _require_able(reader: Reader) -> None:
    if reader.has_fixed_length:
        raise RuntimeError(
            "LossPruningSampler divides its passes itself, and Lightning's wrapper would fix their "
            "length: set use_distributed_sampler=False"
        )
    if reader.is_dispatched and reader.divides:
        raise RuntimeError(
            "LossPruningSampler must be read in every process: set dispatch_batches=False"
        )


def _require_length(reader: Reader, n_samples: int) -> None:
    """Raise RuntimeError if Lightning would cut this pass, or not validate after it."""
    trainer = reader.lightning_trainer
    if trainer is None or trainer.reload_dataloaders_every_n_epochs == 1:
        return
    is_whole = trainer.limit_train_batches == 1.0
    would_cut = is_whole and reader.n_batches(n_samples) > trainer.num_training_batches
    if would_cut or trainer.enable_validation:
        raise RuntimeError(
            "the passes of LossPruningSampler differ in length: set "
            "Trainer(reload_dataloaders_every_n_epochs=1), or Lightning "
            + ("cuts this one" if would_cut else "leaves the validation after short ones out")
        )
