"""What the learners of images that match real ones, class by class, have in common."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import torch

from thinset.distillation.synthetic_learner import SyntheticLearner
from thinset.models.batch_statistics import layer_with_batch_statistics
from thinset.training.learners.optimizer_state import load_optimizer, optimizer_tensors
from thinset.training.learners.steps_in_flight import StepsInFlight
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.precision import autocast, resolve_device, resolve_precision
from thinset.training.randomness import generator_for
from thinset.training.weights import named_tensors, restore_tensors
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from thinset.data.batches import Batch, ImageRows
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.short_training import ShortTraining
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.transforms.siamese import SiameseAugmentation


class MatchingLearner(SyntheticLearner, abc.ABC):
    """A Learner of the images of a SyntheticSet, by gradient descent on a distance to real images.

    Batches must hold as many images of every class; see `balanced_order`. In a step, the real and
    the synthetic images of one class get the same augmentation, drawn anew for each class, in the
    space of the synthetic images, in which 0 is the mean. `momentum`: of the images' gradient
    descent. `scoring`: how the set is scored on data; the same networks each time. `seed`: of
    everything random. `device`, `precision`: see `fit`. `described`: further settings that the
    images depend on. Subclasses compute the distances; see `_distances`.

    Raises ValueError for a class without a synthetic image, and for networks with batch norm, whose
    outputs depend on the whole batch.
    """

    def __init__(
        self,
        synthetic: SyntheticSet,
        networks: NetworkKind,
        *,
        augmentation: SiameseAugmentation | None,
        momentum: float,
        scoring: ShortTraining,
        seed: int = 0,
        device: torch.device | str = "auto",
        precision: str = "auto",
        described: Mapping[str, Any] | None = None,
    ) -> None:
        placed = resolve_device(device)
        synthetic.to(device=placed, memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(synthetic, placed)
        self._dtype = resolve_precision(precision, placed)
        self._networks = networks
        self._augmentation = augmentation
        self._scoring = scoring
        self._seed = seed
        self._optimizer = torch.optim.SGD([synthetic.images], lr=1.0, momentum=momentum)
        self._weights_generator = generator_for(seed, "network weights")
        self._augmentation_generator = generator_for(seed, "augmentation")
        self._steps_in_flight = StepsInFlight(self._device)
        self._rows = [
            torch.nonzero(synthetic.labels == number).flatten()
            for number in range(synthetic.n_classes)
        ]
        for number, rows in enumerate(self._rows):
            if len(rows) == 0:
                raise ValueError(f"matching needs an image of each class; class {number} has none")
        # Refuses networks that are not suitable. The first step draws other weights.
        self._network = self._new_network(torch.Generator())
        self._described = {
            **(described or {}), "networks": networks, "augmentation": augmentation,
            "momentum": momentum, "scoring": scoring, "n_images": len(synthetic.images),
            "seed": seed, "dtype": self._dtype,
        }  # fmt: skip

    def start(self) -> None:
        """Put the images into training mode; networks are in it from the beginning."""
        self._synthetic.train()

    def step(self, batch: Batch, *, learning_rate: float, n_before: int) -> torch.Tensor:  # noqa: ARG002
        """Move the images once; return the distance of its class for each real image (B,).

        Raises ValueError for batches with weights or soft labels, or with more images of one class
        than of another.
        """
        real = self._real_by_class(batch)
        images = self._synthetic.images
        images.grad = torch.zeros_like(images)
        distances = self._distances(real)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        self._loss_sum += distances.double().mean()
        self._steps_in_flight.wait()
        return distances[batch.labels]

    @abc.abstractmethod
    def _distances(self, real: Sequence[torch.Tensor]) -> torch.Tensor:
        """The distance of each class (K,), without gradients.

        `real`: standardised images of each class, (B / K, C, H, W). Adds the gradients of the sum
        of the distances to those of the synthetic images.
        """

    def _real_by_class(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        n_classes = self._synthetic.n_classes
        if batch.weights is not None or batch.labels.ndim != 1:
            raise ValueError("matching needs real images with labels, without weights")
        order = batch.labels.argsort(stable=True)
        classes = torch.arange(n_classes, device=batch.labels.device)
        n_each = len(order) // n_classes
        if not torch.equal(batch.labels[order], classes.repeat_interleave(n_each)):
            raise ValueError(
                f"a batch must hold as many images of each of {n_classes} classes; use the order "
                "ClassBalanced with n_samples equal to the batch size"
            )
        images = self._synthetic.standardised(to_unit_range(batch.images[order]))
        return torch.chunk(images, n_classes)

    def _augmented(self, *batches: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Standardised images of one class, all augmented alike."""
        if self._augmentation is None:
            return batches
        drawn = self._augmentation.draw(1, self._augmentation_generator)
        return tuple(self._augmentation.apply(images, drawn) for images in batches)

    def _new_network(self, generator: torch.Generator) -> nn.Module:
        network = self._networks.new(generator)
        layer = layer_with_batch_statistics(network)
        if layer is not None:
            raise ValueError(
                f"matching needs a network without batch norm, such as convnet; {layer} of "
                f"{self._networks.name} uses the statistics of a batch"
            )
        placed: nn.Module = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return placed

    def _autocast(self) -> torch.autocast:
        return autocast(self._dtype, self._device)

    def score(self, data: ImageRows) -> dict[str, float]:
        """Return loss and accuracy on `data` after a short training on the images."""
        return self._scoring.scores(
            self._synthetic,
            self._networks,
            data,
            augmentation=self._augmentation,
            seed=self._seed,
            device=self._device,
            dtype=self._dtype,
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that the next steps depend on, by name."""
        return {
            "loss_sum": self._loss_sum,
            "weights_generator": self._weights_generator.get_state(),
            "augmentation_generator": self._augmentation_generator.get_state(),
            **prefixed("synthetic", named_tensors(self._synthetic)),
            **prefixed("optimizer", optimizer_tensors(self._optimizer)),
        }

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore what `tensors` returned; ValueError, naming `path`, for another set."""
        restore_tensors(self._synthetic, unprefixed("synthetic", tensors), path)
        load_optimizer(self._optimizer, unprefixed("optimizer", tensors), path)
        self._weights_generator.set_state(tensors["weights_generator"])
        self._augmentation_generator.set_state(tensors["augmentation_generator"])
        self._loss_sum.copy_(tensors["loss_sum"])

    def describe(self) -> dict[str, Any]:
        """Return the settings that the images and scores depend on."""
        return self._described
