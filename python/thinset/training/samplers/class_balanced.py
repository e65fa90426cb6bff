"""Class-balanced sampling for any DataLoader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thinset.training.samplers.class_balance import BalancedPasses
from thinset.training.samplers.pass_sampler import PassSampler

if TYPE_CHECKING:
    from thinset.training.samplers.class_balance import Labels
    from thinset.training.samplers.readers import Reader


class ClassBalancedSampler(PassSampler):
    """Passes that show every class equally often, whatever its size.

    Give it to a DataLoader as `sampler=` in place of `shuffle=True`; each pass (`for batch in
    loader`) is one epoch. The model and the training loop stay as they are.

    `labels`: (N,) the class of each sample of the dataset, integers or texts. `n_samples`: length
    of a pass; None for as many as the dataset has. Samples of small classes come several times in a
    pass, those of large classes once in several passes; a class begins again, in another order,
    only when all of its samples were shown. The order of a pass depends on the seed and the number
    of the pass only.

    All passes are equally long, so that it fits trainers that count the batches of one epoch for
    all. `set_epoch`, `state_dict`, `load_state_dict`, a look at one batch, and several processes
    (`num_replicas`, `rank`): as in TwoPhaseSampler.

    Raises ValueError for labels that are empty, negative (missing), or not one integer or text for
    each sample, for `n_samples` below 1, and for a rank outside 0..num_replicas-1.
    """

    _for_longer_passes = " or a larger n_samples"

    def __init__(
        self,
        labels: Labels,
        *,
        n_samples: int | None = None,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        self._balanced = BalancedPasses(labels, n_samples, seed)
        super().__init__(num_replicas, rank)

    def _passes_for(self, batches_in_step: int) -> BalancedPasses:  # noqa: ARG002
        return self._balanced

    def _refuse(self, reader: Reader) -> None:
        """No trainer is refused: all passes have the same length."""
