"""A network that tells nothing but its logits; settings name it MODULE:FUNCTION."""

from __future__ import annotations

from torch import nn


def linear(image_shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    height, width, channels = image_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(height * width * channels, n_classes))
