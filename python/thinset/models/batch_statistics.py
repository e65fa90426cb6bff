"""Networks whose output for an image depends on the other images of its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self


class FrozenStatistics(nn.Module):
    """A network whose normalisation uses its running statistics in training, too.

    They stay as they are. Raises ValueError, naming the layer, for one that keeps none.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        for name, layer in network.named_modules():
            if isinstance(layer, _BatchNorm) and layer.running_mean is None:
                raise ValueError(
                    f"the layer {name} ({type(layer).__name__}) keeps no running statistics to "
                    "freeze; use a network without batch norm"
                )
        self.train(network.training)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        return logits

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for layer in self.network.modules():
            if isinstance(layer, (_BatchNorm, _InstanceNorm)):
                layer.eval()
        return self


def layer_with_batch_statistics(network: nn.Module) -> str | None:
    """The name and the type of the first such layer, "features.3 (BatchNorm2d)", or None.

    These are batch norms, and instance norms that gather running statistics, unless they are
    frozen.
    """
    if isinstance(network, FrozenStatistics):
        return None
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
