"""Two-phase training in the Trainer of Hugging Face transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import BatchSampler, DataLoader, RandomSampler
from transformers import TrainerCallback

from thinset.training.samplers.passes import parse_fast
from thinset.training.samplers.two_phase_epoch import TwoPhaseEpochSampler

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from thinset.training import Duration
    from thinset.training.samplers.subset import Indices


class TwoPhaseCallback(TrainerCallback):
    """Makes a Trainer, or any subclass of it, train on a subset first: `callbacks=[...]`.

    `indices`: the rows of the subset in `train_dataset`: (k,) integers, a boolean mask or a
    Selection. `fast`: how much to train on the subset first: its epochs ("3ep", or 3), samples
    ("12000sa") or optimizer steps ("500st"). The Trainer's epochs keep their length, so its number
    of steps and its learning rates do not change; an epoch may contain several passes over the
    subset. With `seed` None, the seed of the TrainingArguments is used (data_seed, or else seed).

    `resume_from_checkpoint` continues with the same samples in the same order. Several processes
    divide every epoch among them.

    Raises ValueError for a `fast` that is not a length in samples. When training begins, raises
    ValueError if the train_dataset has no length or the Trainer orders it in another way (grouped
    by length, in sequence), and for indices as TwoPhaseSampler does.
    """

    def __init__(
        self,
        indices: Indices,
        *,
        fast: Duration | str | int = "3ep",
        seed: int | None = None,
    ) -> None:
        self._indices = indices
        self._fast = parse_fast(fast)
        self._seed = seed

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **kwargs: Any,
    ) -> None:
        batches = _batch_sampler(kwargs["train_dataloader"])
        seed = args.seed if args.data_seed is None else args.data_seed
        # A batch of the loader is that of one process, unless accelerate splits it.
        is_split = getattr(args.accelerator_config, "split_batches", False)
        n_batches = 1 if is_split else args.world_size
        sampler = TwoPhaseEpochSampler(
            len(batches.sampler),  # type: ignore[arg-type]
            self._indices,
            fast=self._fast,
            seed=seed if self._seed is None else self._seed,
            # accelerate divides the batches among the processes, so they count as one here.
            batch_size=batches.batch_size * n_batches * args.gradient_accumulation_steps,
            num_replicas=1,
            rank=0,
        )
        batches.sampler = sampler
        # If batches are skipped, the Trainer's own call may not reach the sampler.
        steps_in_epoch = -(-len(kwargs["train_dataloader"]) // args.gradient_accumulation_steps)
        sampler.set_epoch(state.global_step // max(steps_in_epoch, 1))


def _batch_sampler(loader: DataLoader[Any]) -> BatchSampler:
    """torch's batch sampler, which accelerate may have wrapped."""
    batches: Any = loader.batch_sampler
    while hasattr(batches, "batch_sampler"):
        batches = batches.batch_sampler
    if type(batches) is not BatchSampler or not isinstance(batches.sampler, RandomSampler):
        raise ValueError(
            "the Trainer must shuffle a train_dataset that has a length, because the two phases "
            "define the order (train_sampling_strategy='random', not grouped by length); got "
            f"{type(getattr(batches, 'sampler', batches)).__name__}"
        )
    return batches
