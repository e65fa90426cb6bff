"""How well a fresh network does after a short training on distilled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from thinset.losses import classification
from thinset.training.learners.evaluate import evaluate
from thinset.training.precision import autocast
from thinset.training.randomness import generator_for, private_layer_rng
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from torch import nn

    from thinset.data.batches import ImageRows
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.transforms.siamese import SiameseAugmentation


@dataclass(frozen=True)
class ShortTraining:
    """`n_networks` fresh networks, each trained for `n_steps` steps of gradient descent.

    A step takes `batch_size` images, shuffled, or all if there are fewer. Momentum 0.9 and weight
    decay 0.0005, as Zhao, Mopuri and Bilen evaluate; their trainings last 300 epochs or more, at a
    learning rate of 0.01. This score compares the images of one distillation with each other.
    """

    n_networks: int = 1
    n_steps: int = 100
    batch_size: int = 256
    learning_rate: float = 0.05

    def scores(
        self,
        synthetic: SyntheticSet,
        networks: NetworkKind,
        data: ImageRows,
        *,
        augmentation: SiameseAugmentation | None,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> dict[str, float]:
        """Means of "loss" and "accuracy" on `data` over the networks; empty without networks.

        The same `seed` draws the same networks, in the same order of images. No random state
        outside changes.
        """
        found: list[dict[str, float]] = []
        with private_layer_rng(seed, device):
            for number in range(self.n_networks):
                generator = generator_for(seed, f"score of network {number}")
                network = networks.new(generator).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
                self._train(network, TrainingOnImages(synthetic, augmentation, generator, dtype))
                found.append(
                    evaluate(
                        network,
                        data,
                        loss=classification,
                        transform=to_unit_range,
                        device=device,
                        dtype=dtype,
                    )
                )
        names = found[0] if found else {}
        return {name: sum(scores[name] for scores in found) / len(found) for name in names}

    def _train(self, network: nn.Module, training: TrainingOnImages) -> None:
        optimizer = torch.optim.SGD(
            network.parameters(), lr=self.learning_rate, momentum=0.9, weight_decay=5e-4
        )
        n_images = len(training.synthetic.images)
        order = torch.empty(0, dtype=torch.int64)
        for _ in range(self.n_steps):
            if len(order) == 0:
                order = torch.randperm(n_images, generator=training.generator)
            rows, order = order[: self.batch_size], order[self.batch_size :]
            training.step(network, optimizer, rows)


@dataclass(frozen=True)
class TrainingOnImages:
    """Gradient descent on synthetic images, which do not change; `dtype`: of the layers.

    Every image is augmented by values of its own, drawn from `generator`, a CPU generator.
    """

    synthetic: SyntheticSet
    augmentation: SiameseAugmentation | None
    generator: torch.Generator
    dtype: torch.dtype

    def step(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, rows: torch.Tensor
    ) -> None:
        """Take one step of `network` on these rows of the images."""
        images = self.synthetic.images.detach()
        rows = rows.to(images.device)
        batch = images[rows]
        if self.augmentation is not None:
            drawn = self.augmentation.draw(len(batch), self.generator)
            batch = self.augmentation.apply(batch, drawn)
        with autocast(self.dtype, images.device):
            logits = network(self.synthetic.pixels(batch))
            loss = F.cross_entropy(logits, self.synthetic.targets.detach()[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
