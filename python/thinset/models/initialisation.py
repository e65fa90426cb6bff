"""Initial weights drawn from an explicit generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    import torch


def initialise_for_relu(module: nn.Module, generator: torch.Generator | None) -> None:
    """Redraw every convolution and linear layer inside `module`, in place.

    Weights are normal with variance 2 / fan-in, biases zero (He et al., "Delving Deep into
    Rectifiers", 2015, Eq. 10). For a transposed convolution the fan-in is that of the equivalent
    convolution: input channels x kernel area / stride area, the number of products summed into
    one output value. With `generator` None the default generator of torch is drawn from.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            deviation = (2.0 / _fan_in(layer)) ** 0.5
            nn.init.normal_(layer.weight, std=deviation, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _fan_in(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    if isinstance(layer, nn.Linear):
        return layer.in_features
    height, width = layer.kernel_size
    products = layer.in_channels * height * width
    if isinstance(layer, nn.ConvTranspose2d):
        return products / (layer.stride[0] * layer.stride[1])
    return products
