"""Images whose mean features match those of real images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from thinset.distillation.matching import MatchingLearner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.short_training import ShortTraining
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.transforms.siamese import SiameseAugmentation


class DistributionMatchingLearner(MatchingLearner):
    """Matches the mean features of each class in a network with random weights, new in every step.

    Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, Algorithm 1. The
    distance of a class is the squared distance of the two means (Eq. 5). Arguments: see
    MatchingLearner. Raises ValueError for a network without a method `hidden` that returns features
    (B, D).
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
            described={},
        )
        self._features_of(self._new_network(torch.Generator()))

    def _distances(self, real: Sequence[torch.Tensor]) -> torch.Tensor:
        network = self._new_network(self._weights_generator).requires_grad_(requires_grad=False)
        hidden = self._features_of(network)

        def features_of(images: torch.Tensor) -> torch.Tensor:
            parts = self._parts(self._synthetic.pixels(images))
            with self._autocast():
                return torch.cat([hidden(part) for part in parts]).float()

        images = self._synthetic.images
        pairs = [
            self._augmented(images[rows], batch)
            for rows, batch in zip(self._rows, real, strict=True)
        ]
        with torch.no_grad():
            wanted = [features_of(batch).mean(dim=0) for _, batch in pairs]
        features = features_of(torch.cat([own for own, _ in pairs]))
        sizes = [len(rows) for rows in self._rows]
        means = [part.mean(dim=0) for part in torch.split(features, sizes)]
        distances = (torch.stack(means) - torch.stack(wanted)).square().sum(dim=1)
        distances.sum().backward()  # type: ignore[no-untyped-call]
        return distances.detach()

    def _features_of(self, network: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        hidden: Callable[[torch.Tensor], torch.Tensor] | None = getattr(network, "hidden", None)
        if hidden is None:
            raise ValueError(
                "dm needs a network with a method `hidden`, such as convnet; "
                f"{self._networks.name} has none"
            )
        return hidden
