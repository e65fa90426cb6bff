"""Images whose gradients match those of real images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from thinset.distillation.matching import MatchingLearner
from thinset.distillation.short_training import TrainingOnImages
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.randomness import generator_for
from thinset.training.weights import copy_tensors, named_tensors, restore_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from thinset.data.batches import Batch
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.short_training import ShortTraining
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.transforms.siamese import SiameseAugmentation

_TINY = 1e-6  # keeps gradients of 0 from dividing by 0, as published
_AT_ONCE = 32
"""Images whose graph a CPU keeps at once, to save memory"""


class GradientMatchingLearner(MatchingLearner):
    """Matches the gradients that the images of each class give the weights of a network.

    Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, Algorithm 1; with
    `augmentation` Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation",
    2021. A network takes `n_inner` steps of matching. After each but the last, it is trained on the
    synthetic images for `n_epochs` epochs of batches of `batch_size`, by plain gradient descent
    with `learning_rate`. The next step draws a new network. Other arguments: see MatchingLearner.
    """

    def __init__(
        self,
        synthetic: SyntheticSet,
        networks: NetworkKind,
        *,
        n_inner: int,
        n_epochs: int,
        learning_rate: float,
        batch_size: int,
        augmentation: SiameseAugmentation | None,
        momentum: float,
        scoring: ShortTraining,
        seed: int = 0,
        device: torch.device | str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(
            synthetic,
            networks,
            augmentation=augmentation,
            momentum=momentum,
            scoring=scoring,
            seed=seed,
            device=device,
            precision=precision,
            described={
                "n_inner": n_inner,
                "n_epochs": n_epochs,
                "network_learning_rate": learning_rate,
                "network_batch_size": batch_size,
            },
        )
        self._n_inner = n_inner
        self._n_epochs = n_epochs
        self._batch_size = batch_size
        self._order_generator = generator_for(seed, "order of synthetic images")
        self._network_optimizer = torch.optim.SGD(self._network.parameters(), lr=learning_rate)
        self._n_matched = torch.tensor(n_inner)

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:
        """Move the images once, then train the network on them; see MatchingLearner."""
        distances = super().step(batch, learning_rate=learning_rate, n_before=n_before)
        self._n_matched += 1
        if int(self._n_matched) < self._n_inner:
            self._train_network()
        return distances

    def _distances(self, real: Sequence[torch.Tensor]) -> torch.Tensor:
        if int(self._n_matched) == self._n_inner:
            copy_tensors(self._network, named_tensors(self._new_network(self._weights_generator)))
            self._n_matched.zero_()
        images = self._synthetic.images
        assert images.grad is not None
        distances = []
        # One class at a time, so that only one graph is in memory.
        for number, (rows, batch) in enumerate(zip(self._rows, real, strict=True)):
            chosen = images.detach()[rows].requires_grad_()
            augmented, augmented_real = self._augmented(chosen, batch)
            wanted = self._gradients(augmented_real, number)
            found = self._gradients_of_part(augmented, number, len(chosen), differentiable=True)
            distance = gradient_distance(found, wanted)
            (images.grad[rows],) = torch.autograd.grad(distance, chosen)
            distances.append(distance.detach())
        return torch.stack(distances)

    def _gradients(self, images: torch.Tensor, number: int) -> list[torch.Tensor]:
        """Gradients of the weights for the mean loss of images of class `number`."""
        n_at_once = _AT_ONCE if self._device.type == "cpu" else len(images)
        parts = [
            self._gradients_of_part(part, number, len(images))
            for part in torch.split(images, n_at_once)
        ]
        return [torch.stack(of_weight).sum(dim=0) for of_weight in zip(*parts, strict=True)]

    def _gradients_of_part(
        self, images: torch.Tensor, number: int, n_images: int, *, differentiable: bool = False
    ) -> tuple[torch.Tensor, ...]:
        """What these of `n_images` images add to the gradients; no biases and no norms."""
        weights = [weight for weight in self._network.parameters() if weight.ndim > 1]
        labels = torch.full((len(images),), number, device=images.device)
        with self._autocast():
            logits = self._network(self._synthetic.pixels(images))
            loss = F.cross_entropy(logits, labels, reduction="sum") / n_images
        return torch.autograd.grad(loss, weights, create_graph=differentiable)

    def _train_network(self) -> None:
        training = TrainingOnImages(
            self._synthetic, self._augmentation, self._augmentation_generator, self._dtype
        )
        n_images = len(self._synthetic.images)
        for _ in range(self._n_epochs):
            order = torch.randperm(n_images, generator=self._order_generator)
            for rows in torch.split(order, self._batch_size):
                training.step(self._network, self._network_optimizer, rows)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        return {
            **super().tensors(),
            "n_matched": self._n_matched,
            "order_generator": self._order_generator.get_state(),
            **prefixed("network", named_tensors(self._network)),
            **prefixed("network_optimizer", optimizer_tensors(self._network_optimizer)),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for another set."""
        super().load(tensors, path)
        restore_tensors(self._network, unprefixed("network", tensors), path)
        load_optimizer(self._network_optimizer, unprefixed("network_optimizer", tensors), path)
        self._order_generator.set_state(tensors["order_generator"])
        self._n_matched.copy_(tensors["n_matched"])


def gradient_distance(
    gradients: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]
) -> torch.Tensor:
    """The sum over all output nodes of all layers of 1 less the cosine of the two gradients.

    `gradients`, `wanted`: of the weight of each layer, with one row for each output node: (O, I) or
    (O, I, H, W). Zhao, Mopuri and Bilen, 2021, Eq. 10.
    """
    total = gradients[0].new_zeros(())
    for one, other in zip(gradients, wanted, strict=True):
        a, b = one.flatten(1), other.flatten(1)
        norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
        total = total + (1 - (a * b).sum(dim=1) / (norms + _TINY)).sum()
    return total
