"""The output of one layer inside a network."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn

_MOST_NAMES = 30


def layer_named(network: nn.Module, name: str) -> nn.Module:
    """The submodule called `name` in `network.named_modules()`; ValueError if there is none."""
    layers: dict[str, nn.Module] = dict(network.named_modules())
    if not name or name not in layers:
        names = [key for key in layers if key]
        if len(names) > _MOST_NAMES:
            names = list(dict.fromkeys([*difflib.get_close_matches(name, names), *names]))
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        known = ", ".join(names[:_MOST_NAMES]) + more
        raise ValueError(f"layer must be one of {known or 'none'}; got {name!r}")
    return layers[name]


def output_of_layer(network: nn.Module, layer: nn.Module, inputs: torch.Tensor) -> Any:
    """What `layer`, a submodule of `network`, returns in a forward pass; None if it is not called.

    If it is called several times, the last output.
    """
    outputs: list[Any] = [None]

    def keep(_module: nn.Module, _inputs: object, output: Any) -> None:
        # A copy, because a layer that follows may work in place.
        outputs[0] = output.clone() if isinstance(output, torch.Tensor) else output

    hook = layer.register_forward_hook(keep)
    try:
        network(inputs)
    finally:
        hook.remove()
    return outputs[0]
