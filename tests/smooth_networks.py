"""A network that is distilled for in a second; settings name it MODULE:FUNCTION."""

from __future__ import annotations

from torch import nn

from thinset.models.classifiers.standardised import StandardisedClassifier


class Perceptron(StandardisedClassifier):
    """One hidden layer of 32 values: two layers with parameters, smooth in all of them."""

    def __init__(self, image_shape: tuple[int, int, int], n_classes: int) -> None:
        height, width, channels = image_shape
        super().__init__(channels)
        values = height * width * channels
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(values, 32), nn.Tanh())
        self.head = nn.Linear(32, n_classes)


def perceptron(image_shape: tuple[int, int, int], n_classes: int) -> Perceptron:
    return Perceptron(image_shape, n_classes)


def normalised(image_shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """The same behind a batch norm."""
    return nn.Sequential(nn.BatchNorm2d(image_shape[2]), Perceptron(image_shape, n_classes))
