"""A network that is distilled for in a second; settings name it MODULE:FUNCTION."""

from __future__ import annotations

import torch
from torch import nn

from thinset.models.classifiers.standardised import StandardisedClassifier


class Perceptron(StandardisedClassifier):
    """One hidden layer of 32 values: two layers with parameters, smooth in all of them."""

    def __init__(self, image_shape: tuple[int, int, int], n_classes: int) -> None:
        height, width, channels = image_shape
        super().__init__(channels)
        self.hidden = nn.Linear(height * width * channels, 32)
        self.output = nn.Linear(32, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output(self.hidden(self.standardised(images).flatten(1)).tanh())
        return logits


def perceptron(image_shape: tuple[int, int, int], n_classes: int) -> Perceptron:
    return Perceptron(image_shape, n_classes)


def normalised(image_shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """The same behind a batch norm."""
    return nn.Sequential(nn.BatchNorm2d(image_shape[2]), Perceptron(image_shape, n_classes))
