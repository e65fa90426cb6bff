"""Images whose mean features match those of real images."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from thinset.distillation.matching import MatchingLearner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn


class DistributionMatchingLearner(MatchingLearner):
    """Matches the mean features of each class in a network with random weights, new in every step.

    Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, Algorithm 1. The
    distance of a class is the squared distance of the two means (Eq. 5). Arguments: see
    MatchingLearner. Raises ValueError for a network without a method `hidden` that returns features
    (B, D).
    """

    def _distances(self, real: Sequence[torch.Tensor]) -> torch.Tensor:
        network = self._new_network(self._weights_generator).requires_grad_(requires_grad=False)
        hidden = cast("Callable[[torch.Tensor], torch.Tensor]", network.hidden)

        def features_of(images: torch.Tensor) -> torch.Tensor:
            with self._autocast():
                return hidden(self._synthetic.pixels(images)).float()

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

    def _new_network(self, generator: torch.Generator) -> nn.Module:
        network = super()._new_network(generator)
        if not hasattr(network, "hidden"):
            raise ValueError(
                "dm needs a network with a method `hidden`, such as convnet; "
                f"{self._networks.name} has none"
            )
        return network
