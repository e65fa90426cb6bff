"""The networks that distilled data are made for and evaluated on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from thinset.data.matching_splits import require_finite_images
from thinset.models.classifiers import classifier_named
from thinset.models.classifiers.standardised import channel_statistics

if TYPE_CHECKING:
    from torch import nn

    from thinset.data import Dataset


@dataclass(frozen=True)
class NetworkKind:
    """Networks of one architecture for images of one dataset; their weights differ.

    name: of a classifier; see thinset.models.classifiers.classifier_named. width: multiplies its
    widths. image_shape: (H, W, C). mean, deviation: of each channel of the real training images,
    by which networks standardise; see statistics_of.
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
            what="network",
        )
        standardise_with = getattr(network, "standardise_with", None)
        if standardise_with is not None:
            standardise_with(self.mean, self.deviation)
        return network


def statistics_of(data: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of the images of `data`; see channel_statistics.

    Raises ValueError, naming the image, for NaN and infinity.
    """
    mean, deviation = channel_statistics(data.images)
    if not all(map(math.isfinite, (*mean, *deviation))):
        require_finite_images(data)
    return mean, deviation
