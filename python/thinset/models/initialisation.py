"""Initial weights drawn from an explicit generator.

With `generator` None, torch's default generator is drawn from.
"""

from __future__ import annotations

import contextlib
import math

import torch
from torch import nn


def default_generator_kept(
    generator: torch.Generator | None,
) -> contextlib.AbstractContextManager[None]:
    """Give torch's default generator its state back after the `with` block.

    Layers draw from it when they are made, even if their weights are drawn again from `generator`.
    With `generator` None, nothing is given back: the default generator is the one that is meant.
    """
    if generator is None:
        return contextlib.nullcontext()
    return torch.random.fork_rng(devices=[])


def initialise_he(module: nn.Module, generator: torch.Generator | None) -> None:
    """Redraw every convolution and linear layer in `module`: values keep their size through ReLUs.

    Weights are normal with variance 2 / fan-in, biases zero (He et al., "Delving Deep into
    Rectifiers", 2015, Eq. 10).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_glorot(module: nn.Module, generator: torch.Generator | None) -> None:
    """Redraw every transposed convolution in `module`: values shrink from layer to layer.

    Weights are normal with variance 2 / (fan-in + fan-out), biases zero (Glorot and Bengio,
    "Understanding the difficulty of training deep feedforward neural networks", 2010, Eq. 16).
    """
    for layer in module.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            nn.init.xavier_normal_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_glorot_uniform(module: nn.Module, generator: torch.Generator | None) -> None:
    """Redraw every convolution and linear layer in `module`, uniformly.

    Weights are uniform in +-sqrt(6 / (fan-in + fan-out)), biases zero (Glorot and Bengio, 2010, as
    above).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_uniform(module: nn.Module, generator: torch.Generator | None) -> None:
    """Redraw every convolution and linear layer in `module` as torch does by default.

    Weights and biases are uniform in +-1 / sqrt(fan-in).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in (layer.weight, layer.bias):
                if parameter is not None:
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)
