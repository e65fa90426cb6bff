"""Stochastic gradient descent with L2 regularisation of chosen parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def sgd(model: nn.Module, momentum: float, weight_decay: float) -> torch.optim.SGD:
    """Return SGD over the model's trainable parameters; the learning rate is set later, per step.

    L2 regularisation adds `weight_decay` times the weight to its gradient, which is the gradient
    of weight_decay / 2 x weight^2. It applies to `model.regularised_parameters()` where the model
    has that method, to all parameters elsewhere. Raises ValueError where nothing is trainable.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError(f"{type(model).__name__} has no parameters that require gradients")
    chosen = getattr(model, "regularised_parameters", model.parameters)
    regularised = {id(parameter) for parameter in chosen()}
    groups = [
        {
            "params": [p for p in trainable if id(p) in regularised],
            "weight_decay": weight_decay,
        },
        {"params": [p for p in trainable if id(p) not in regularised], "weight_decay": 0.0},
    ]
    return torch.optim.SGD([g for g in groups if g["params"]], lr=0.0, momentum=momentum)
