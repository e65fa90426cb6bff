"""Networks small enough to train by the hundred in a test; settings name them MODULE:FUNCTION."""

from __future__ import annotations

from torch import nn

from thinset.models.classifiers.standardised import StandardisedClassifier


class Small(StandardisedClassifier):
    """One convolution and one fully connected layer: two layers with parameters."""

    def __init__(self, image_shape: tuple[int, int, int], n_classes: int) -> None:
        height, width, channels = image_shape
        super().__init__(channels)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(4 * ((height + 1) // 2) * ((width + 1) // 2), n_classes)


def small(image_shape: tuple[int, int, int], n_classes: int) -> Small:
    return Small(image_shape, n_classes)


def normalised(image_shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """The same behind a batch norm."""
    return nn.Sequential(nn.BatchNorm2d(image_shape[2]), Small(image_shape, n_classes))
