"""Two-phase training in the Trainer of Hugging Face transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import BatchSampler, DataLoader, RandomSampler
from transformers import TrainerCallback

from thinset.training.epoch_sampler import TwoPhaseEpochSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from thinset.training import Duration


class TwoPhaseCallback(TrainerCallback):
    """Have a Trainer, or any subclass of it, train on a subset first: `callbacks=[...]`.

    `indices`: (k,) integers, the rows of the subset in `train_dataset`. `fast`: how much to train
    on the subset first: its epochs ("3ep"), samples ("12000sa") or optimizer steps ("500st"). The
    Trainer's epochs stay as long as they are, and with them its number of steps and its learning
    rates; an epoch may hold several passes over the subset. `seed` None takes that of the
    TrainingArguments (data_seed, or else seed).

    `resume_from_checkpoint` goes on with the very same samples in the same order, and several
    processes divide every epoch among them.

    Raises ValueError when training begins, where the train_dataset has no length or a sampler of
    its own, and for indices and `fast` as TwoPhaseSampler does.
    """

    def __init__(
        self,
        indices: Sequence[int] | np.ndarray[Any, Any] | torch.Tensor,
        *,
        fast: Duration | str = "3ep",
        seed: int | None = None,
    ) -> None:
        self._indices = indices
        self._fast = fast
        self._seed = seed

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **kwargs: Any,
    ) -> None:
        batches = _batch_sampler(kwargs["train_dataloader"])
        seed = args.seed if args.data_seed is None else args.data_seed
        batches.sampler = TwoPhaseEpochSampler(
            len(batches.sampler),  # type: ignore[arg-type]
            self._indices,
            fast=self._fast,
            seed=seed if self._seed is None else self._seed,
            # accelerate divides the batches among the processes: here they count as one.
            batch_size=args.train_batch_size * args.world_size * args.gradient_accumulation_steps,
            num_replicas=1,
            rank=0,
        )


def _batch_sampler(loader: DataLoader[Any]) -> BatchSampler:
    """The sampler of batches of torch, which accelerate may have wrapped."""
    batches: Any = loader.batch_sampler
    while hasattr(batches, "batch_sampler"):
        batches = batches.batch_sampler
    if type(batches) is not BatchSampler or not isinstance(batches.sampler, RandomSampler):
        raise ValueError(
            "the Trainer must shuffle a train_dataset that has a length, since the order becomes "
            f"that of the two phases; got {type(getattr(batches, 'sampler', batches)).__name__}"
        )
    return batches
