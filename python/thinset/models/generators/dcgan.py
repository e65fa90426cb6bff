"""The conditional DCGAN and VAE of "Neural data augmentation": decoder, discriminator, encoder.

The generator of the GAN and the decoder of the VAE are one network; so are the trunks of the
discriminator and the encoder. Batch norm has momentum 0.1 and eps 1e-5, torch's defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from thinset.models.generators.image_generator import (
    ImageGenerator,
    one_hot,
    quarterable,
    validated_latent_size,
    validated_n_classes,
)
from thinset.models.generators.spectral_norm import bound_weights
from thinset.models.initialisation import default_generator_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

Prior: TypeAlias = Literal["uniform", "normal"]

_WIDTHS = (64, 128)  # filters of the layers at half and quarter size
_HIDDEN = 1024
_SLOPE = 0.2
_DEVIATION = 0.02
_SMALLEST_VARIANCE = 1e-6


class Decoder(ImageGenerator):
    """Two fully connected layers and two transposed convolutions (section 2.4).

    `latent_size`: elements of a latent; None takes 62 for grey images and 100 for colour.
    `prior`: latents are uniform in [-1, 1) (GAN) or standard normal (VAE). `generator`: draws the
    initial weights. Height and width must be divisible by 4.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        latent_size: int | None = None,
        prior: Prior = "normal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(quarterable(image_shape), n_classes)
        height, width, channels = self.image_shape
        self.latent_size = _latent_size(latent_size, channels)
        if prior not in ("uniform", "normal"):
            raise ValueError(f"prior must be uniform or normal, got {prior!r}")
        self.prior = prior
        n_inner = _WIDTHS[1] * (height // 4) * (width // 4)
        with default_generator_kept(generator):
            self.layers = nn.Sequential(
                nn.Linear(self.latent_size + n_classes, _HIDDEN),
                nn.BatchNorm1d(_HIDDEN),
                nn.ReLU(inplace=True),
                nn.Linear(_HIDDEN, n_inner),
                nn.BatchNorm1d(n_inner),
                nn.ReLU(inplace=True),
                nn.Unflatten(1, (_WIDTHS[1], height // 4, width // 4)),
                nn.ConvTranspose2d(_WIDTHS[1], _WIDTHS[0], 4, stride=2, padding=1),
                nn.BatchNorm2d(_WIDTHS[0]),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(_WIDTHS[0], channels, 4, stride=2, padding=1),
            )
        _initialise(self, generator)

    def latents(self, n_images: int, generator: torch.Generator) -> torch.Tensor:
        shape, device = (n_images, self.latent_size), generator.device
        if self.prior == "normal":
            return torch.randn(shape, generator=generator, device=device)
        return torch.rand(shape, generator=generator, device=device).mul_(2).sub_(1)

    @property
    def latent_deviation(self) -> float:
        return 1.0 if self.prior == "normal" else 3**-0.5

    def logits(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the images before the sigmoid, (B, C, H, W)."""
        inputs = torch.cat([latents, one_hot(labels, self.n_classes)], dim=1)
        images: torch.Tensor = self.layers(inputs)
        return images

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.logits(latents, labels).float())


class _Trunk(nn.Module):
    """Images and labels to 1,024 values: the label is broadcast over the image's channels."""

    def __init__(
        self, image_shape: Sequence[int], n_classes: int, *, batch_norm: bool = True
    ) -> None:
        super().__init__()
        self.image_shape = height, width, channels = quarterable(image_shape)
        self.n_classes = validated_n_classes(n_classes)

        def norm(layer: nn.Module) -> nn.Module:
            return layer if batch_norm else nn.Identity()

        self.layers = nn.Sequential(
            nn.Conv2d(channels + n_classes, _WIDTHS[0], 4, stride=2, padding=1),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Conv2d(_WIDTHS[0], _WIDTHS[1], 4, stride=2, padding=1),
            norm(nn.BatchNorm2d(_WIDTHS[1])),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Flatten(),
            nn.Linear(_WIDTHS[1] * (height // 4) * (width // 4), _HIDDEN),
            norm(nn.BatchNorm1d(_HIDDEN)),
            nn.LeakyReLU(_SLOPE, inplace=True),
        )

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        planes = one_hot(labels, self.n_classes)[:, :, None, None]
        planes = planes.expand(-1, -1, *images.shape[2:])
        hidden: torch.Tensor = self.layers(torch.cat([images, planes], dim=1))
        return hidden


class Discriminator(nn.Module):
    """Two convolutions and two fully connected layers; returns logits (B,), high for real images.

    `batch_norm`: False for losses that score every image on its own, such as Wasserstein with
    gradient penalty. `spectral_norm`: bound the largest singular value of every weight (Miyato et
    al., "Spectral Normalization for Generative Adversarial Networks", 2018).
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        batch_norm: bool = True,
        spectral_norm: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        with default_generator_kept(generator):
            self.trunk = _Trunk(image_shape, n_classes, batch_norm=batch_norm)
            self.output = nn.Linear(_HIDDEN, 1)
        _initialise(self, generator)
        if spectral_norm:
            bound_weights(self, generator)

    def hidden(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the last hidden layer, (B, 1024)."""
        features: torch.Tensor = self.trunk(images, labels)
        return features

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output(self.hidden(images, labels))
        return logits.squeeze(1)


class Encoder(nn.Module):
    """The discriminator's trunk, ending in the mean and the variance of a latent.

    The softplus of the output plus 1e-6 is the variance, not the deviation (section 2.4.2).
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        latent_size: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        with default_generator_kept(generator):
            self.trunk = _Trunk(image_shape, n_classes)
            channels = self.trunk.image_shape[2]
            self.latent_size = _latent_size(latent_size, channels)
            self.output = nn.Linear(_HIDDEN, 2 * self.latent_size)
        _initialise(self, generator)

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and variance, both (B, latent_size) float32."""
        mean, raw = self.output(self.trunk(images, labels)).float().chunk(2, dim=1)
        return mean, F.softplus(raw) + _SMALLEST_VARIANCE


def _latent_size(latent_size: int | None, channels: int) -> int:
    """`latent_size`, or the paper's if None: 62 for grey images (MNIST), 100 for colour."""
    if latent_size is None:
        return 62 if channels == 1 else 100
    return validated_latent_size(latent_size)


def _initialise(module: nn.Module, generator: torch.Generator | None) -> None:
    """Convolutions truncated normal, other weights normal, both with deviation 0.02; biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            limit = 2 * _DEVIATION
            nn.init.trunc_normal_(
                layer.weight, std=_DEVIATION, a=-limit, b=limit, generator=generator
            )
        elif isinstance(layer, nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=_DEVIATION, generator=generator)
        else:
            continue
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
