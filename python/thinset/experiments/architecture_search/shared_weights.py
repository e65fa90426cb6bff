"""Weights that all architectures of the space share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.func import functional_call

from thinset.models.architecture import Architecture, Block
from thinset.models.architecture_space import FILTERS, KERNELS, LAYERS, N_BLOCKS
from thinset.models.classifiers.cnn import CNN
from thinset.models.classifiers.standardised import StandardisedClassifier

if TYPE_CHECKING:
    from collections.abc import Sequence


class SharedWeights(StandardisedClassifier):
    """One set of weights from which every architecture of search_space() takes its own.

    Two children share the weights of a convolution that both have at the same place (Pham et al.,
    "Efficient Neural Architecture Search via Parameter Sharing", 2018, section 2). One with fewer
    filters has the first of them, one with smaller kernels their centre (Stamoulis et al.,
    "Single-Path NAS", 2019): a channel then means nearly the same in all children, without which
    hundreds of steps teach them nothing. Linear layers are shared by children with as many blocks.
    Images are standardised as in the child: see CNN. Raises ValueError for images too small for the
    deepest architecture.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(image_shape[2])
        self._image_shape, self._n_classes = tuple(image_shape), n_classes
        deepest, widest = max(depth for depth, _ in LAYERS), max(FILTERS)
        largest = (Block(max(KERNELS), widest, "max", deepest),) * max(N_BLOCKS)
        self.blocks = self._new(Architecture(largest), generator).blocks
        self.heads = nn.ModuleDict()
        for n_blocks in N_BLOCKS:
            architecture = Architecture((Block(1, widest, "max"),) * n_blocks)
            self.heads[str(n_blocks)] = self._new(architecture, generator).head

    def forward(self, images: torch.Tensor, architecture: Architecture) -> torch.Tensor:  # type: ignore[override]  # of one child
        """Logits of a child; gradients reach the weights that it takes, and no others."""
        # Without values of its own: all are given.
        with torch.device("meta"):
            child = self._new(architecture, None)
        values = {
            **self._values_of(architecture, child),
            "mean": self.mean,
            "deviation": self.deviation,
        }
        logits: torch.Tensor = functional_call(child, values, (images,))
        return logits

    def child(self, architecture: Architecture) -> CNN:
        """A network of its own with the weights and the standardisation of now."""
        child = self._new(architecture, None)
        child.standardise_with(self.mean.tolist(), self.deviation.tolist())
        child.load_state_dict(self._values_of(architecture, child), strict=False)
        return child

    def _values_of(self, architecture: Architecture, child: CNN) -> dict[str, torch.Tensor]:
        """The shared values of each parameter of `child`."""
        values = {}
        for name, own in child.named_parameters():
            part, _, rest = name.partition(".")
            shared = self.heads[str(len(architecture.blocks))] if part == "head" else self.blocks
            values[name] = _part_of(shared.get_parameter(rest), own.shape)
        return values

    def _new(self, architecture: Architecture, generator: torch.Generator | None) -> CNN:
        return CNN(architecture, self._image_shape, self._n_classes, generator=generator)


def _part_of(whole: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The first filters and inputs, and the centre of the kernels."""
    starts = [
        (size - n) // 2 if axis >= 2 else 0
        for axis, (size, n) in enumerate(zip(whole.shape, shape, strict=True))
    ]
    return whole[tuple(slice(start, start + n) for start, n in zip(starts, shape, strict=True))]


class SharedChild(nn.Module):
    """One child of shared weights as a module, without values of its own."""

    def __init__(self, shared: SharedWeights, architecture: Architecture) -> None:
        super().__init__()
        self.shared = shared
        self.architecture = architecture

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.shared(images, self.architecture)
        return logits
