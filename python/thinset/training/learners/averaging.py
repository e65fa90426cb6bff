"""Exponential moving average of a model's weights."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from thinset.training.arguments import is_number, shown
from thinset.training.weights import named_tensors, require_same_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import nn


class WeightAverage:
    """The moving average with which a model is tested.

    Parameters and floating-point buffers (a batch norm's running statistics, which belong to the
    weights they were gathered with) are averaged; integer buffers are copied. The decay of a step
    is min(decay, (1 + step) / (10 + step)), `step` being the number of steps done before it: a long
    average would otherwise keep a share of the random initial weights throughout a short run. The
    rule is that of TensorFlow's ExponentialMovingAverage, which the paper's classifier is tested
    with. Raises ValueError unless `decay` is in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not is_number(decay) or not 0 <= decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and less than 1, got {shown(decay)}")
        self.decay = decay
        self._model = model
        self.state = {name: value.clone() for name, value in named_tensors(model).items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the model's weights after a step; `step` steps were done before it."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = [], []
        for name, value in named_tensors(self._model).items():
            if value.is_floating_point():
                averages.append(self.state[name])
                values.append(value)
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(averages, values, 1 - decay)

    @torch.no_grad()
    def follow(self) -> None:
        """Forget the past: the average is the weights that the model has now."""
        for name, value in named_tensors(self._model).items():
            self.state[name].copy_(value)

    def load(self, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Restore `state`, read from the file `path`; ValueError for that of another model."""
        require_same_shapes(self.state, tensors, path)
        for name, value in tensors.items():
            self.state[name].copy_(value)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averaged weights into the model inside the `with` block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in named_tensors(self._model).items():
            held = value.clone()
            value.copy_(self.state[name])
            self.state[name].copy_(held)
