"""Networks whose output for an image depends on the other images of its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

if TYPE_CHECKING:
    from torch import nn


def layer_with_batch_statistics(network: nn.Module) -> str | None:
    """The name and the type of the first such layer, "features.3 (BatchNorm2d)", or None.

    These are batch norms, and instance norms that gather running statistics.
    """
    for name, module in network.named_modules():
        gathers = isinstance(module, _InstanceNorm) and module.track_running_stats
        if isinstance(module, _BatchNorm) or gathers:
            return f"{name or 'the network'} ({type(module).__name__})"
    return None


def require_no_batch_statistics(network: nn.Module) -> None:
    """Raise ValueError, naming the layer, for a network that stored steps cannot be replayed on.

    Step sizes are learned for networks without such layers.
    """
    layer = layer_with_batch_statistics(network)
    if layer is not None:
        raise ValueError(
            f"stored steps cannot be replayed on {type(network).__name__}: its layer {layer} uses "
            "the statistics of a batch; choose a network without such layers, or train on the "
            "images in the ordinary way"
        )
