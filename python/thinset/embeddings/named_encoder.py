"""Encoders that settings name: a function that returns a module, and a file of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from thinset.models.layer_output import layer_named
from thinset.models.named_callable import callable_named
from thinset.training.weights_file import load_state, require_plain_state
from thinset.transforms.images import to_unit_range

if TYPE_CHECKING:
    import os
    from collections.abc import Callable


class NamedEncoder(NamedTuple):
    """A module in evaluation mode, and the transform from stored images to its input.

    Both are arguments of `encode`.
    """

    module: nn.Module
    transform: Preprocessing


class Preprocessing(nn.Module):
    """Scales stored images to float32 in [0, 1], then applies `function`, if there is one.

    `made_by`: what made the encoder; if its file changes, so does the identity of the encoder.
    """

    def __init__(
        self,
        function: Callable[[torch.Tensor], torch.Tensor] | None = None,
        made_by: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        self.function = function
        self.made_by = made_by

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Turn stored images (B, C, H, W) into the input of the module."""
        scaled = to_unit_range(images)
        if self.function is None:
            return scaled
        prepared: object = self.function(scaled)
        if not isinstance(prepared, torch.Tensor) or len(prepared) != len(images):
            raise ValueError(
                f"the preprocessing must return a tensor of {len(images)} images, got "
                f"{_kind(prepared)}"
            )
        return prepared


def load_encoder(
    name: str,
    weights: str | os.PathLike[str] | None = None,
    *,
    layer: str | None = None,
    seed: int = 0,
) -> NamedEncoder:
    """Make the encoder that "MODULE:FUNCTION" returns, with the weights of a file.

    The function is called without arguments and returns a torch.nn.Module, or a pair of a module
    and a function of its preprocessing. The preprocessing gets images (n, channels, height, width),
    float32 in [0, 1], and returns the input of the module. Without it the module gets these images.
    `weights`: safetensors, or a state dict saved by `torch.save`, with exactly the tensors of the
    module; no pickle is run. Without it, the weights are those that the function leaves, random
    ones drawn with `seed`. `layer`: see `encode`; here it is only checked.

    The module is in evaluation mode, in float32. Raises ValueError, ImportError or OSError, naming
    the function or the file, for whatever is wrong with them.
    """
    function = callable_named(name, "encoder")
    module, preprocess = _made_by(function, name, seed)
    if weights is not None:
        load_state(module, weights)
    try:
        require_plain_state(module)
        if layer is not None:
            layer_named(module, layer)
    except ValueError as error:
        raise ValueError(f"encoder {name!r}: {error}") from error
    return NamedEncoder(module.float().eval(), Preprocessing(preprocess, function).float().eval())


def _made_by(function: Callable[..., Any], name: str, seed: int) -> tuple[nn.Module, Any]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            made = function()
        except (ImportError, OSError, MemoryError):
            raise  # they say what is missing
        except Exception as error:
            raise ValueError(
                f"encoder {name!r} is called without arguments and fails: {type(error).__name__}: "
                f"{error}"
            ) from error
    module, preprocess = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, nn.Module) or not (preprocess is None or callable(preprocess)):
        raise ValueError(
            f"encoder {name!r} must return a torch.nn.Module, or a module and a function that "
            f"preprocesses images; got {_kind(made)}"
        )
    return module, preprocess


def _kind(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple):
        return f"({', '.join(type(item).__name__ for item in value)})"
    return f"{type(value).__name__}"
