"""The interface between the training loop and what it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from thinset.data.batches import Batch, ImageRows


class Goal(NamedTuple):
    """The metric that decides which weights are best, by its name in the scores."""

    metric: str
    higher_is_better: bool

    def is_better(self, score: float, other: float) -> bool:
        """Return whether `score` is strictly better than `other`."""
        return score > other if self.higher_is_better else score < other


class Learner(Protocol):
    """Any number of networks with their optimizers, trained by `thinset.training.train`.

    The loop calls `load` first where it resumes, then `start` once, then `step` for each batch,
    `take_loss_sum` and `score` at each evaluation, `tensors` at each checkpoint, and `finish` at
    the end. A run resumes bit for bit if `tensors` and `load` cover everything that later steps
    depend on, and if random numbers come from generators of the learner's own or from torch's
    global generator for `device`, which the loop seeds and restores.
    """

    @property
    def device(self) -> torch.device:
        """Where the networks are; batches are delivered there."""

    def start(self) -> None:
        """Put the networks into training mode."""

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Train on one batch and return the loss of each sample: (B,) float, without gradients.

        `batch.images` (B, C, H, W) have the dataset's dtype and channels_last memory format.
        `n_before`: how many steps the run took before this one.
        """

    def take_loss_sum(self) -> float:
        """Return the sum of the mean losses of all steps since the last call."""

    def score(self, data: ImageRows) -> Mapping[str, float]:
        """Score `weights()` on `data`: metrics by name, all finite.

        The networks are in training mode again on return, and nothing that later steps depend on
        has changed. A metric that is not finite ends the training with TrainingDivergedError.
        """

    def goal(self, scores: Mapping[str, float]) -> Goal:
        """Return which of the metrics in `scores` decides where the best weights are kept."""

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Return the weights that `score` scores, by name; the caller copies what it keeps."""

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Return everything that later steps and `take_loss_sum` depend on, by name.

        Optimizers: see `thinset.training.optimizer_tensors`.
        """

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; they are on the CPU.

        Raises ValueError, naming `path`, where they belong to other networks or optimizers; a
        KeyError for a missing name becomes such an error in the loop.
        """

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that the results depend on, by name.

        A checkpoint of other settings is refused. `thinset.training.loop.settings.describe` turns
        each value into plain JSON.
        """

    def finish(self, weights: Mapping[str, torch.Tensor] | None) -> None:
        """Leave `weights` in the networks, in evaluation mode.

        `weights`: what an earlier `weights()` returned, on the CPU; None for those of now.
        """


class FollowingLearner(Learner, Protocol):
    """A Learner whose steps depend on how much of the phase is done."""

    def set_progress(self, progress: float) -> None:
        """Take note, before each step, of the share of the phase, 0..1, that is done."""


class ReplayingLearner(Learner, Protocol):
    """A Learner that can also train by the stored steps of a distilled dataset; see Replay.

    A learner whose property `uses_labels` is true gets a StepSizesUnusedWarning for such a dataset
    in another phase.
    """

    def require_replayable(self) -> None:
        """Raise ValueError, saying why, unless the networks can be trained so.

        The loop calls it before it opens any data.
        """

    def replay_step(self, batch: Batch, *, step_size: float) -> torch.Tensor:
        """Take one step of plain gradient descent on the mean loss; otherwise as `step`."""
