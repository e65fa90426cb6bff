"""Terms of the losses of generative adversarial networks; see gan_terms.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.distillation.through_gan.evaluation_networks import EvaluationNetworks
from thinset.losses.input_gradients import gradient_difference, gradient_magnitude
from thinset.training.learners.image_term import WeightedTerm

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from thinset.data import Dataset
    from thinset.distillation.through_gan.settings import TermSettings


class GradientTerm:
    """A distance between, or the length of, the gradients of images in an evaluation network R.

    An ImageTerm of thinset.training.learners.image_term, for a loss to be minimised.
    "gan-difference" is the distance to the gradients of the real images beside them, row by row
    (Eq. 4.4 of "Dataset distillation with deep learning"); "gan-magnitude" is minus the length of
    the gradients of the generated images, which is maximised (Eq. 4.5). The weight λ is not in it.

    `data`: the training data, for R. `seed`: of R; its random numbers come from a stream of its
    own, so that training with a weight of 0 is the training without a term, bit for bit. Raises
    what EvaluationNetworks raises.
    """

    def __init__(self, settings: TermSettings, data: Dataset, *, seed: int = 0) -> None:
        self._settings = settings
        self._networks = EvaluationNetworks(settings, data, seed=seed)

    def prepare(self, device: torch.device) -> None:
        """Train a pretrained R."""
        self._networks.prepare(device)

    def renew(self) -> None:
        """Let a fresh R have new weights."""
        self._networks.renew()

    def __call__(
        self, generated: torch.Tensor, images: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """The term of each row (B,) float32, differentiable in `generated`.

        Images (B, C, H, W) in [0, 1], paired by row.
        """
        network = self._networks.network(generated.device)
        drawn, of = generated.float(), self._settings.of
        if self._settings.method == "gan-difference":
            return gradient_difference(network, drawn, images.float(), labels, of=of)
        return -gradient_magnitude(network, drawn, labels, of=of)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that later terms depend on, by name."""
        return self._networks.tensors()

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore what `tensors` returned."""
        self._networks.load(tensors)

    def describe(self) -> Mapping[str, Any]:
        """The settings that the term depends on; its weight and side are the learner's."""
        return {
            "term": self._settings.method, "of": self._settings.of, **self._networks.describe()
        }  # fmt: skip


def weighted_term(settings: TermSettings, data: Dataset, seed: int = 0) -> WeightedTerm:
    """The term with its weight, on the side that the settings name; see GradientTerm."""
    return WeightedTerm(
        GradientTerm(settings, data, seed=seed),
        settings.weight,
        on=settings.on,
        adversarial_weight=settings.adversarial_weight,
    )
