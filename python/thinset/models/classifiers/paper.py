"""The image classifier of the paper "Faster Training by Selecting Samples Using Embeddings"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from thinset.models.image_shape import halved, validated_image_shape
from thinset.models.initialisation import initialise_he

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


class Classifier(nn.Module):
    """Two 5x5 convolutions, then three fully connected layers (section IV-A, Figure 2).

    Takes float images (B, C, H, W), usually standardised per image, and returns logits (B,
    `n_classes`). The defaults are the widths of the tutorial network that matches the paper's
    description; any `image_shape` (H, W, C) is accepted.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int,
        *,
        convolution_widths: tuple[int, int] = (64, 64),
        hidden_widths: tuple[int, int] = (384, 192),
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        height, width, channels = validated_image_shape(image_shape)
        if n_classes < 2:
            raise ValueError(f"n_classes must be at least 2, got {n_classes}")
        first, second = convolution_widths
        pooled_area = halved(halved(height)) * halved(halved(width))
        # Rectifying after the pooling gives the same values for a quarter of the work, because the
        # maximum and the rectifier are both monotone and commute.
        self.features = nn.Sequential(
            nn.Conv2d(channels, first, 5, padding=2),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(first),
            nn.Conv2d(first, second, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(second),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        output = nn.Linear(hidden_widths[1], n_classes)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(second * pooled_area, hidden_widths[0]),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_widths[0], hidden_widths[1]),
            nn.ReLU(inplace=True),
            output,
        )
        initialise_he(self, generator)
        # As in the tutorial network: all classes start about equally likely. If logits start as
        # large as the hidden values, training at the paper's learning rate diverges.
        nn.init.normal_(output.weight, std=1 / output.in_features, generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(images))
        return logits

    def regularised_parameters(self) -> list[nn.Parameter]:
        """The weights under L2 regularisation: those of the fully connected layers, no biases."""
        # The head is fully connected throughout; of its parameters only the biases are vectors.
        return [parameter for parameter in self.head.parameters() if parameter.ndim > 1]


def paper_classifier(
    image_shape: Sequence[int],
    n_classes: int,
    *,
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> Classifier:
    """Return a Classifier whose default widths are multiplied by `width`."""
    first, second, *hidden = (round(width * default) for default in (64, 64, 384, 192))
    return Classifier(
        image_shape,
        n_classes,
        convolution_widths=(first, second),
        hidden_widths=(hidden[0], hidden[1]),
        generator=generator,
    )
