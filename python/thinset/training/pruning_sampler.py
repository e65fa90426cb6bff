"""Dynamic loss pruning for anyone's training loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Sampler

from thinset.training.orders import LossPruning, PrunedPasses
from thinset.training.passes import require_same_sampler
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


class LossPruningSampler(Sampler[int]):
    """Leave out of each pass some of the samples that the model has already learned.

    Three lines adopt it: the sampler, the DataLoader's argument, and the loss:

        sampler = LossPruningSampler(len(dataset), n_passes=30)
        loader = DataLoader(dataset, batch_size=128, sampler=sampler)
        ...
        loss = sampler.mean(cross_entropy(model(images), labels, reduction="none"))

    `n_total`: size of the dataset. `n_passes`: how often training will go through the loader; in
    the last of them, from `full_from` of all on, everything is shown. `share`: see LossPruning.
    Workers of the loader are welcome; their batches come in the sampler's order, which is how
    `mean` knows whose losses it is given: call it once for each batch, in turn.

    Raises ValueError where a number is out of range.
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
        for name, value in (("n_total", n_total), ("n_passes", n_passes)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.n_total = n_total
        self.n_passes = n_passes
        self.seed = seed
        self._rule = LossPruning(share, full_from)
        self._passes = PrunedPasses(n_total, share, full_from)
        self._pass = 0
        self._n_trained = 0  # samples of this pass whose losses were given
        self._is_under_way = False
        self._begin_pass()

    def __len__(self) -> int:
        """Return how many samples the coming pass shows, or what is left of a resumed one."""
        return len(self._order) - self._n_trained

    def __iter__(self) -> Iterator[int]:
        if self._is_under_way:
            self._pass += 1
            self._n_trained = 0
            self._begin_pass()
        self._is_under_way = True
        return iter(self._order[self._n_trained :].tolist())

    def mean(self, losses: torch.Tensor) -> torch.Tensor:
        """Mean of the losses (B,) of the next batch, each times its sample's weight.

        Raises ValueError for more losses than the pass has samples left.
        """
        part = slice(self._n_trained, self._n_trained + len(losses))
        indices = self._order[part]
        if losses.shape != indices.shape:
            raise ValueError(
                f"losses must be one for each sample of the batch, shape (B,), of which the pass "
                f"has {len(indices)} left; got {tuple(losses.shape)}"
            )
        self._n_trained += len(losses)
        self._passes.observe(indices, losses)
        if self._weights is None:
            return losses.mean()
        return (losses * self._weights[part].to(losses.device, losses.dtype)).mean()

    def state_dict(self) -> dict[str, Any]:
        """Return the place after the last batch whose losses were given: numbers and tensors."""
        return {
            **self._identity(),
            "pass": self._pass,
            "n_trained": self._n_trained,
            **self._passes.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, with the very same passes.

        Raises ValueError where the state is not of a sampler with the same arguments.
        """
        require_same_sampler(state, self._identity())
        self._passes.load_state_dict(state)
        self._pass = state["pass"]
        self._draw_pass()
        self._n_trained = state["n_trained"]

    def _begin_pass(self) -> None:
        self._passes.begin(min(self._pass / self.n_passes, 1.0))
        self._draw_pass()

    def _draw_pass(self) -> None:
        generator = generator_for(self.seed, f"loss pruning sampler, pass {self._pass}")
        self._order, self._weights = self._passes.draw(generator)
        self._is_under_way = False

    def _identity(self) -> dict[str, Any]:
        return {
            "n_total": self.n_total,
            "n_passes": self.n_passes,
            "rule": repr(self._rule),
            "seed": self.seed,
        }
