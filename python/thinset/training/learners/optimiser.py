"""The optimizers of one model, with L2 regularisation of chosen parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch

if TYPE_CHECKING:
    from torch import nn

OptimizerName = Literal["sgd", "adam"]


def new_optimizer(
    name: OptimizerName, model: nn.Module, *, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return SGD with `momentum`, or Adam at its defaults, over the model's trainable parameters.

    The learning rate is set later, per step. L2 regularisation adds `weight_decay` times the weight
    to its gradient, which is the gradient of weight_decay / 2 x weight^2. It applies to
    `model.regularised_parameters()` where the model has that method, to all parameters elsewhere.
    Raises ValueError for another name and where nothing is trainable.
    """
    if name not in get_args(OptimizerName):
        raise ValueError(f"optimizer must be {' or '.join(get_args(OptimizerName))}, got {name!r}")
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
    groups = [group for group in groups if group["params"]]
    if name == "adam":
        return torch.optim.Adam(groups)
    return torch.optim.SGD(groups, lr=0.0, momentum=momentum)
