"""The networks that distilled data are made for and evaluated on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from thinset.models.classifiers import classifier_named

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NetworkKind:
    """Networks of one architecture for images of one dataset; their weights differ.

    name: of a classifier; see thinset.models.classifiers.classifier_named. width: multiplies its
    widths. image_shape: (H, W, C). mean, deviation: of each channel of the real training images,
    by which networks standardise; see channel_statistics.
    """

    name: str
    width: float
    image_shape: tuple[int, int, int]
    n_classes: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def new(self, generator: torch.Generator) -> nn.Module:
        """A network on the CPU with initial weights drawn from `generator`, in training mode.

        It takes images in [0, 1]. Raises ValueError for an unknown name and for images that are too
        small for the architecture.
        """
        network = classifier_named(
            self.name,
            self.image_shape,
            self.n_classes,
            width=self.width,
            generator=generator,
            seed=int(torch.randint(2**31, (), generator=generator)),
        )
        standardise_with = getattr(network, "standardise_with", None)
        if standardise_with is not None:
            standardise_with(self.mean, self.deviation)
        return network
