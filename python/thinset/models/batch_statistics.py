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
        freeze_statistics(network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        return logits

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        freeze_statistics(self.network)
        return self


def freeze_statistics(network: nn.Module) -> None:
    """Let normalisation in `network` use its running statistics and leave them as they are.

    Holds until the network is put into training mode again. Raises ValueError, naming the layer,
    for one that keeps no running statistics.
    """
    for name, layer in network.named_modules():
        if isinstance(layer, _BatchNorm) and layer.running_mean is None:
            raise ValueError(
                f"layer {name!r} ({type(layer).__name__}) keeps no running statistics to freeze; "
                "use a network without batch norm"
            )
        if isinstance(layer, _BatchNorm | _InstanceNorm):
            layer.eval()


def layer_with_batch_statistics(network: nn.Module) -> str | None:
    """The name and the type of the first such layer, "layer 'features.3' (BatchNorm2d)", or None.

    These are batch norms, and instance norms that gather running statistics, unless they are
    frozen.
    """
    for name, layer in network.named_modules():
        if not isinstance(layer, _BatchNorm | _InstanceNorm):
            continue
        keeps = layer.running_mean is not None
        is_frozen = keeps and not layer.training
        if (isinstance(layer, _BatchNorm) or keeps) and not is_frozen:
            return f"layer {name!r} ({type(layer).__name__})"
    return None


def require_no_batch_statistics(network: nn.Module) -> None:
    """Raise ValueError, naming the layer, for a network that stored steps cannot be replayed on.

    Step sizes are learned for networks without such layers.
    """
    layer = layer_with_batch_statistics(network)
    if layer is not None:
        raise ValueError(
            f"stored steps cannot be replayed on {type(network).__name__}: its {layer} uses "
            "the statistics of a batch; choose a network without such layers, or train on the "
            "images in the ordinary way"
        )
