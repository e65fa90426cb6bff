"""The class-conditional SNGAN: residual generator and projection discriminator.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018; Miyato and
Koyama, "cGANs with Projection Discriminator", 2018. Batch norm has momentum 0.1 and eps 1e-5,
torch's defaults; upsampling repeats pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from thinset.models.generators.image_generator import (
    ImageGenerator,
    one_hot,
    validated_latent_size,
    validated_n_classes,
)
from thinset.models.generators.padded_square import Padding, padded_square
from thinset.models.generators.spectral_norm import bound_weights
from thinset.models.initialisation import default_generator_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

Shortcuts: TypeAlias = Literal["reference", "all"]
OutputNorm: TypeAlias = Literal["plain", "conditional"]

_DEVIATION = 0.02  # of the scales of the conditional batch norm
_N_PLAIN = 2  # blocks of the discriminator that do not halve the image, after those that do


class ResidualGenerator(ImageGenerator):
    """A linear layer and residual blocks, each of which doubles the side of the image.

    Images are square; with the padding, their side is `bottom_width` times a power of two, and the
    middle of what the network draws is the image. `padding`: see padded_square. `latent_size`:
    elements of a latent, standard normal. `output_norm`: the batch norm before the last
    convolution, with one scale and shift for all classes or of each class. `generator`: draws the
    initial weights. At 32x32x3 with 10 classes, it has 4,304,387 parameters.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        latent_size: int = 128,
        n_channels: int = 256,
        bottom_width: int = 4,
        padding: Padding = "auto",
        output_norm: OutputNorm = "plain",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(image_shape, n_classes)
        square = padded_square(self.image_shape, bottom_width, padding)
        if output_norm not in ("plain", "conditional"):
            raise ValueError(f"output_norm must be plain or conditional, got {output_norm!r}")
        _require_channels(n_channels)
        self.latent_size = validated_latent_size(latent_size)
        self._edges = square.edges
        with default_generator_kept(generator):
            self.enter = nn.Linear(self.latent_size, n_channels * bottom_width**2)
            self.unflatten = nn.Unflatten(1, (n_channels, bottom_width, bottom_width))
            self.blocks = nn.ModuleList(
                [_UpBlock(n_channels, n_classes) for _ in range(square.n_halvings)]
            )
            self.norm: nn.Module = (
                nn.BatchNorm2d(n_channels)
                if output_norm == "plain"
                else ConditionalNorm(n_channels, n_classes)
            )
            self.leave = nn.Conv2d(n_channels, self.image_shape[2], 3, padding=1)
        _initialise(self, generator)

    def latents(self, n_images: int, generator: torch.Generator) -> torch.Tensor:
        shape = (n_images, self.latent_size)
        return torch.randn(shape, generator=generator, device=generator.device)

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        classes = one_hot(labels, self.n_classes)
        values = self.unflatten(self.enter(latents))
        for block in self.blocks:
            values = block(values, classes)
        if isinstance(self.norm, ConditionalNorm):
            values = self.norm(values, classes)
        else:
            values = self.norm(values)
        images = torch.tanh(self.leave(F.relu(values)).float())
        return F.pad((images + 1) / 2, [-edge for edge in self._edges])


class ProjectionDiscriminator(nn.Module):
    """Residual blocks and the sum over all pixels; returns logits (B,), high for real images.

    The logit is a linear function of the sums plus their product with the embedding of the class.
    Every weight is divided by its spectral norm. `shortcuts`: "all" has a convolution in the
    shortcut of every block, "reference" in those of blocks that halve the image alone. What images
    are padded with is 0, which is black. Other arguments: see ResidualGenerator. At 32x32x3 with 10
    classes, it has 1,055,105 parameters.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        n_channels: int = 128,
        bottom_width: int = 4,
        padding: Padding = "auto",
        shortcuts: Shortcuts = "reference",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        square = padded_square(image_shape, bottom_width, padding)
        if shortcuts not in ("reference", "all"):
            raise ValueError(f"shortcuts must be reference or all, got {shortcuts!r}")
        _require_channels(n_channels)
        self.n_classes = validated_n_classes(n_classes)
        self._edges = square.edges
        with default_generator_kept(generator):
            self.blocks = nn.Sequential(
                _FirstBlock(square.image_shape[2], n_channels),
                *(
                    _DownBlock(n_channels, halves=True, has_convolution=True)
                    # With the first block, one fewer than the generator has.
                    for _ in range(square.n_halvings - 2)
                ),
                *(
                    _DownBlock(n_channels, halves=False, has_convolution=shortcuts == "all")
                    for _ in range(_N_PLAIN)
                ),
            )
            self.output = nn.Linear(n_channels, 1)
            self.embedding = nn.Embedding(n_classes, n_channels)
        _initialise(self, generator)
        bound_weights(self, generator)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        padded = F.pad(images, self._edges)
        sums = F.relu(self.blocks(padded * 2 - 1)).float().sum(dim=(2, 3))
        projected = one_hot(labels, self.n_classes) @ self.embedding.weight
        logits: torch.Tensor = self.output(sums).squeeze(1) + (projected * sums).sum(dim=1)
        return logits


class ConditionalNorm(nn.Module):
    """Batch norm with a scale and a shift of each class (Dumoulin et al., 2017)."""

    def __init__(self, n_channels: int, n_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_channels, affine=False)
        self.embedding = nn.Embedding(n_classes, 2 * n_channels)

    def forward(self, values: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Scale and shift `values` (B, C, H, W) by `classes` (B, n_classes), one-hot."""
        scale, shift = (classes @ self.embedding.weight)[:, :, None, None].chunk(2, dim=1)
        result: torch.Tensor = self.norm(values) * scale + shift
        return result


class _UpBlock(nn.Module):
    """Two convolutions at twice the side, and the shortcut."""

    def __init__(self, n_channels: int, n_classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ConditionalNorm(n_channels, n_classes) for _ in range(2)])
        self.convolutions = _two_convolutions(n_channels, n_channels)
        self.shortcut = nn.Conv2d(n_channels, n_channels, 1)

    def forward(self, values: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        hidden = _doubled(F.relu(self.norms[0](values, classes)))
        hidden = F.relu(self.norms[1](self.convolutions[0](hidden), classes))
        result: torch.Tensor = self.convolutions[1](hidden) + self.shortcut(_doubled(values))
        return result


class _FirstBlock(nn.Module):
    """The block that sees the images: its shortcut halves before its convolution."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.convolutions = _two_convolutions(n_in, n_out)
        self.shortcut = nn.Conv2d(n_in, n_out, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.convolutions[1](F.relu(self.convolutions[0](images)))
        result: torch.Tensor = F.avg_pool2d(hidden, 2) + self.shortcut(F.avg_pool2d(images, 2))
        return result


class _DownBlock(nn.Module):
    """Two convolutions and the shortcut, at the same side or halved."""

    def __init__(self, n_channels: int, *, halves: bool, has_convolution: bool) -> None:
        super().__init__()
        self.convolutions = _two_convolutions(n_channels, n_channels)
        self.shortcut: nn.Module = (
            nn.Conv2d(n_channels, n_channels, 1) if has_convolution else nn.Identity()
        )
        self.pool: nn.Module = nn.AvgPool2d(2) if halves else nn.Identity()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        hidden = self.convolutions[0](F.relu(values))
        hidden = self.convolutions[1](F.relu(hidden))
        # Both are pooled alike, so that their sum is.
        result: torch.Tensor = self.pool(hidden + self.shortcut(values))
        return result


def _two_convolutions(n_in: int, n_out: int) -> nn.ModuleList:
    return nn.ModuleList(
        [nn.Conv2d(n_in, n_out, 3, padding=1), nn.Conv2d(n_out, n_out, 3, padding=1)]
    )


def _doubled(values: torch.Tensor) -> torch.Tensor:
    return F.interpolate(values, scale_factor=2, mode="nearest")


def _require_channels(n_channels: int) -> None:
    if n_channels < 1:
        raise ValueError(f"the number of channels must be at least 1, got {n_channels}")


def _initialise(module: nn.Module, generator: torch.Generator | None) -> None:
    """Glorot-uniform weights, biases 0; residual 3x3 convolutions with the gain of a ReLU.

    Scales of classes are normal about 1 with deviation 0.02, shifts 0.
    """
    residual = {
        layer
        for block in module.modules()
        if isinstance(block, _UpBlock | _FirstBlock | _DownBlock)
        for layer in block.convolutions
    }
    conditional = [part for part in module.modules() if isinstance(part, ConditionalNorm)]
    tables = {part.embedding for part in conditional}
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding) and layer not in tables:
            gain = math.sqrt(2) if layer in residual else 1.0
            nn.init.xavier_uniform_(layer.weight, gain, generator=generator)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    for part in conditional:
        with torch.no_grad():
            scale, shift = part.embedding.weight.chunk(2, dim=1)
            scale.normal_(1, _DEVIATION, generator=generator)
            shift.zero_()
