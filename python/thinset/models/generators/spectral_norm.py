"""Weights whose largest singular value is held at 1.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from thinset.models.initialisation import default_generator_kept

_BOUNDED = (nn.Conv2d, nn.Linear, nn.Embedding)


def bound_weights(module: nn.Module, generator: torch.Generator | None) -> None:
    """Divide the weight of every convolution, linear layer and embedding by its spectral norm.

    The norm is estimated by one power iteration at each use in training mode. The iterations start
    from vectors that depend on the seed of `generator`, or on torch's default generator with None.
    Weights are initialised before. Weights on the meta device have no values to bound and stay as
    they are.
    """
    with default_generator_kept(generator):
        if generator is not None:
            # The power iteration starts from torch's default generator. torch.manual_seed would
            # seed those of all GPUs as well.
            torch.default_generator.manual_seed(generator.initial_seed())
        for layer in list(module.modules()):
            if isinstance(layer, _BOUNDED) and not layer.weight.is_meta:
                parametrizations.spectral_norm(layer)


def has_bounded_weights(module: nn.Module) -> bool:
    """Whether `bound_weights` was called with `module`."""
    layers = [layer for layer in module.modules() if isinstance(layer, _BOUNDED)]
    return bool(layers) and all(parametrize.is_parametrized(layer, "weight") for layer in layers)
