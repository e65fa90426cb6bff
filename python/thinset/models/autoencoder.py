"""The autoencoder of the paper "Faster Training by Selecting Samples Using Embeddings"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from thinset.models.image_shape import halved, validated_image_shape
from thinset.models.initialisation import initialise_glorot, initialise_he

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


class Autoencoder(nn.Module):
    """An hourglass of three 5x5 convolutions and three 5x5 transposed ones (section IV-B, Fig. 3).

    Takes float images (B, C, H, W) in [0, 1] and reconstructs them at the same size. Each of the
    three levels halves height and width, rounding up, so 24x24x3 is embedded in 24x3x3 = 216
    values, 28x28x1 in 24x4x4 = 384. `widths` are the channels after each convolution; the last is
    the depth of the embedding and of the decoder's inner layers.

    The last layer is rectified as in the paper, so a channel that falls below zero everywhere has
    no gradient and never recovers. At the paper's learning rate this happens in the first steps
    unless reconstructions start near the images. They therefore start at `mean_pixel`, the images'
    mean value, and the decoder's weights start small.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        widths: tuple[int, int, int] = (64, 96, 24),
        *,
        mean_pixel: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        height, width, channels = validated_image_shape(image_shape)
        first, middle, depth = widths
        if min(widths) < 1:
            raise ValueError(f"widths must be positive channel counts, got {widths!r}")
        self.image_shape = (height, width, channels)
        self.widths = (first, middle, depth)
        sizes = [(height, width)]
        for _ in widths:
            sizes.append((halved(sizes[-1][0]), halved(sizes[-1][1])))
        self.embedding_shape = (depth, *sizes[-1])
        self.encoder = _encoder(channels, self.widths)
        self.decoder = _decoder(channels, depth, sizes)
        initialise_he(self.encoder, generator)
        initialise_glorot(self.decoder, generator)
        last = self.decoder[-2]
        assert isinstance(last, nn.ConvTranspose2d)
        assert last.bias is not None
        nn.init.constant_(last.bias, mean_pixel)

    @property
    def embedding_size(self) -> int:
        """Number of embedding elements, D."""
        depth, height, width = self.embedding_shape
        return depth * height * width

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Embed float images (B, C, H, W) in [0, 1] as (B, *embedding_shape)."""
        embeddings: torch.Tensor = self.encoder(images)
        return embeddings

    def decode(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Turn embeddings (B, *embedding_shape) back into images (B, C, H, W), at least 0."""
        images: torch.Tensor = self.decoder(embeddings)
        return images

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(images))


def _encoder(channels: int, widths: tuple[int, int, int]) -> nn.Sequential:
    first, middle, depth = widths
    # As in the classifier, the first rectifier follows its pooling: same values, less work.
    return nn.Sequential(
        nn.Conv2d(channels, first, 5, padding=2),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(first),
        nn.Conv2d(first, middle, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(middle),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(middle, depth, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(depth),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def _decoder(channels: int, depth: int, sizes: list[tuple[int, int]]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for level in (2, 1, 0):
        # Halving rounds up, so 2n - 1 and 2n both shrink to n; output_padding distinguishes them.
        even = [1 - size % 2 for size in sizes[level]]
        out_channels = channels if level == 0 else depth
        layers += [
            nn.ConvTranspose2d(
                depth, out_channels, 5, stride=2, padding=2, output_padding=(even[0], even[1])
            ),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
