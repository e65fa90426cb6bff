"""What each pass of a phase shows, other than everything, shuffled.

An order is a plain description; its `over` makes the passes of one training.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from thinset.data.batches import Passes, ShuffledPasses
from thinset.training.samplers.class_balance import BalancedPasses, class_numbers, validated_labels
from thinset.training.samplers.subset import whole_number

if TYPE_CHECKING:
    from thinset.data.batches import ImageRows
    from thinset.training.samplers.class_balance import Labels


class Order(Protocol):
    """How the passes over a dataset are made; its repr states everything that they depend on."""

    def over(self, dataset: ImageRows) -> Passes:
        """Return fresh passes over `dataset`."""


@dataclass(frozen=True)
class RepeatedRandom:
    """A new random subset of `n_samples` in every pass.

    The baseline "repeated sampling of random subsets" (RS2, with replacement between passes), which
    costs no selection at all. Okanovic et al., "Repeated Random Sampling for Minimizing the
    Time-to-Accuracy of Learning", 2024.
    """

    n_samples: int

    def over(self, dataset: ImageRows) -> Passes:
        """Raise ValueError if the dataset holds fewer than `n_samples`."""
        n_total = len(dataset.images)
        if not 1 <= self.n_samples <= n_total:
            raise ValueError(f"n_samples must be in [1, {n_total}], got {self.n_samples}")
        return _RandomSubsets(n_total, self.n_samples)


@dataclass(frozen=True)
class LossPruning:
    """Leave out, in each pass, some of the samples that the model has already learned.

    A sample is well learned where its last loss is below the mean of all last losses. Of those a
    random `share` is left out of the pass, and the others count 1 / (1 - share), so that the
    expected sum of gradients over a pass is that of everything. Nothing is left out after the
    share `full_from` of the phase. A sample that was never shown is shown.

    The idea of "InfoBatch: Lossless Training Speed Up by Unbiased Dynamic Data Pruning" (Qin et
    al., 2024); its values are the defaults.
    """

    share: float = 0.5
    full_from: float = 0.875

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share must be at least 0 and below 1, got {self.share}")
        if not 0 <= self.full_from <= 1:
            raise ValueError(f"full_from must be from 0 to 1, got {self.full_from}")

    def over(self, dataset: ImageRows) -> Passes:
        """Return passes that begin with everything."""
        return PrunedPasses(len(dataset.images), self.share, self.full_from)


class SampleWeights:
    """Everything in each pass, shuffled; sample i counts weights[i] in the loss.

    `weights`: (N,) finite, not negative, with a mean of 1 (they are divided by their mean).
    """

    def __init__(self, weights: np.ndarray[Any, Any]) -> None:
        values = np.asarray(weights, np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any():
            raise ValueError("weights must be one row of finite numbers, none below 0")
        if not values.sum() > 0:
            raise ValueError("at least one weight must be above 0")
        self._weights = torch.from_numpy((values / values.mean()).astype(np.float32))

    def __repr__(self) -> str:
        digest = hashlib.sha256(self._weights.numpy().tobytes()).hexdigest()
        return f"SampleWeights({len(self._weights)} weights, sha256={digest})"

    def over(self, dataset: ImageRows) -> Passes:
        """Raise ValueError if there is not one weight for each sample."""
        if len(dataset.images) != len(self._weights):
            raise ValueError(
                f"weights must be one for each of {len(dataset.images)} samples, "
                f"got {len(self._weights)}"
            )
        return WeightedPasses(self._weights)


class ClassBalanced:
    """Every class equally often in each pass, whatever its size.

    Samples of small classes come several times in a pass, those of large classes once in several
    passes; a class begins again only when all of its samples were shown. See
    thinset.training.ClassBalancedSampler for other training loops.

    `labels`: (N,) the classes to balance, integers or texts; None for the labels of the dataset.
    `n_samples`: length of a pass; None for as many as the dataset has. Where it is a multiple of
    the number of classes and equal to the batch size, every batch has as many samples of each
    class.
    """

    def __init__(self, labels: Labels | None = None, n_samples: int | None = None) -> None:
        self._labels = None if labels is None else validated_labels(labels)
        if n_samples is not None:
            n_samples = whole_number("n_samples", n_samples, "the length of a pass")
            if n_samples < 1:
                raise ValueError(f"n_samples must be at least 1, got {n_samples}")
        self.n_samples = n_samples

    def __repr__(self) -> str:
        parts = []
        if self._labels is not None:
            digest = hashlib.sha256(class_numbers(self._labels).tobytes()).hexdigest()
            parts.append(f"{len(self._labels)} labels, sha256={digest}")
        if self.n_samples is not None:
            parts.append(f"n_samples={self.n_samples}")
        return f"ClassBalanced({', '.join(parts)})"

    def over(self, dataset: ImageRows) -> Passes:
        """Raise ValueError if the dataset has no labels, or not one for each sample."""
        labels = dataset.labels if self._labels is None else self._labels
        n_total = len(dataset.images)
        if labels is None:
            raise ValueError("classes cannot be balanced: the dataset has no labels")
        if len(labels) != n_total:
            raise ValueError(f"labels must be one for each of {n_total} samples, got {len(labels)}")
        return _BalancedPasses(labels, self.n_samples)


class _RandomSubsets(ShuffledPasses):
    def __init__(self, n_total: int, n_samples: int) -> None:
        super().__init__(n_total)
        self._n_drawn = n_samples

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, None]:
        order, _ = super().draw(generator)
        return order[: self._n_drawn], None


class WeightedPasses(ShuffledPasses):
    """Every sample once in each pass, with its weight (N,) float32, whatever their mean."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__(len(weights))
        self._weights = weights

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """One permutation, and the weights of its samples."""
        order, _ = super().draw(generator)
        return order, self._weights[order]


class _BalancedPasses(ShuffledPasses):
    """All passes continue one sequence for each class; its seed is drawn with the first pass."""

    def __init__(self, labels: Labels, length: int | None) -> None:
        super().__init__(len(labels))
        self._labels = labels
        self._length = length
        self._passes: BalancedPasses | None = None
        self._seed = torch.tensor(0)
        self._number = torch.tensor(-1)  # of the pass under way

    def begin(self, progress: float) -> None:  # noqa: ARG002
        self._number += 1

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, None]:
        if self._number == 0:
            self._seed = torch.randint(2**62, (), generator=generator)
        if self._passes is None or self._passes.seed != int(self._seed):
            self._passes = BalancedPasses(self._labels, self._length, int(self._seed))
        return self._passes.order(int(self._number)), None

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"seed": self._seed.clone(), "number": self._number.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self._seed, self._number = state["seed"].clone(), state["number"].clone()


class PrunedPasses:
    """The passes of LossPruning over `n_samples` samples."""

    def __init__(self, n_samples: int, share: float, full_from: float) -> None:
        self._share = share
        self._full_from = full_from
        # Losses as they were when this pass began, and as they are now; infinite before the first.
        self._losses = torch.full((n_samples,), torch.inf)
        self._latest = self._losses.clone()
        self._is_pruning = torch.tensor(False)
        self._unread: list[tuple[torch.Tensor, torch.Tensor]] = []

    def begin(self, progress: float) -> None:
        """Fix which samples count as well learned for the pass that begins."""
        self._read_losses()
        self._losses.copy_(self._latest)
        self._is_pruning.fill_(progress < self._full_from)

    def draw(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Everything that is not well learned, and a random part of what is."""
        n_samples = len(self._losses)
        seen = self._losses.isfinite()
        order = torch.randperm(n_samples, generator=generator)
        lots = torch.rand(n_samples, generator=generator)
        if not self._is_pruning or not seen.any():
            return order, None
        is_learned = self._losses < self._losses[seen].mean()
        weights = torch.where(is_learned, 1 / (1 - self._share), 1.0)
        is_shown = ~is_learned | (lots >= self._share)
        order = order[is_shown[order]]
        return order, weights[order]

    def observe(self, indices: torch.Tensor, losses: torch.Tensor) -> None:
        """Keep the losses on their device: reading them would wait for it in every step."""
        self._unread.append((indices, losses.detach()))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Losses at the start of the pass and now, (N,) float32 each, and whether it prunes."""
        self._read_losses()
        tensors = {"losses": self._losses, "latest": self._latest, "is_pruning": self._is_pruning}
        return {name: tensor.clone() for name, tensor in tensors.items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go back to what `state_dict` gave; ValueError if it is of other numbers of samples."""
        if state["losses"].shape != self._losses.shape:
            raise ValueError(
                f"the state is of {len(state['losses'])} samples, not {len(self._losses)}"
            )
        for name, mine in (
            ("losses", self._losses), ("latest", self._latest), ("is_pruning", self._is_pruning),
        ):  # fmt: skip
            mine.copy_(state[name])
        self._unread.clear()

    def _read_losses(self) -> None:
        for indices, losses in self._unread:
            self._latest[indices] = losses.float().cpu()
        self._unread.clear()
