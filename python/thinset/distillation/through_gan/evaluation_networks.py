"""The evaluation network R, whose gradients with respect to images are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from thinset.distillation.initial_weights import pretrain
from thinset.distillation.networks import NetworkKind, statistics_of
from thinset.duration import Duration
from thinset.models.batch_statistics import layer_with_batch_statistics
from thinset.training.loop.checkpoint import prefixed, unprefixed
from thinset.training.randomness import generator_for
from thinset.training.weights import (
    copy_tensors,
    load_weights,
    named_tensors,
    weights_fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from thinset.data import Dataset
    from thinset.distillation.through_gan.settings import EvaluationSettings


class EvaluationNetworks:
    """Gives the network R, in evaluation mode and without gradients of its own.

    A "fresh" R has new weights after each call of `renew`, from a random stream that belongs to
    this object alone. A "pretrained" R stays the same: its weights come from a file, or from a
    training on `data` in `prepare`, which also gathers batch statistics. R takes images in [0, 1]
    and standardises them by the channels of `data`, or as the file says.

    Raises ValueError for an unknown network, for images that are too small for it, for a file with
    weights of another network, and for a network whose output for an image depends on the rest of
    the batch even in evaluation mode; OSError if the file cannot be read.
    """

    def __init__(self, settings: EvaluationSettings, data: Dataset, *, seed: int) -> None:
        self._settings = settings
        self._data = data
        self._seed = seed
        self._kind = NetworkKind(
            settings.network,
            settings.width,
            data.image_shape,
            data.n_classes,
            *statistics_of(data),
        )
        self._draws = generator_for(seed, "evaluation networks")
        self._is_fresh = settings.start == "fresh"
        self._is_prepared = self._is_fresh or settings.pretrained_path is not None
        self._is_current = not self._is_fresh
        self._network = _frozen(self._kind.new(generator_for(seed, "pretrained network")))
        layer = layer_with_batch_statistics(self._network)
        if layer is not None:
            raise ValueError(
                f"the evaluation network must treat every image alone, but {layer} of "
                f"{settings.network} keeps no running statistics"
            )
        self._described: dict[str, Any] = {"kind": self._kind, "start": settings.start}
        if settings.pretrained_path is not None:
            load_weights(self._network, settings.pretrained_path)
            self._described["weights"] = weights_fingerprint(self._network)
        elif not self._is_fresh:
            self._described["pretraining"] = settings.pretraining

    @property
    def kind(self) -> NetworkKind:
        """The architecture of R and how it standardises images."""
        return self._kind

    def prepare(self, device: torch.device | str) -> None:
        """Train a pretrained R, unless its weights are ready."""
        if self._is_prepared:
            return
        network = self._network.requires_grad_(requires_grad=True)
        length = Duration.parse(self._settings.pretraining)
        pretrain(network, self._data, length, seed=self._seed, device=device)
        self._network = _frozen(network)
        self._is_prepared = True

    def renew(self) -> None:
        """Let the next R have new weights, if it is a fresh one."""
        self._is_current = not self._is_fresh

    def network(self, device: torch.device) -> nn.Module:
        """R on `device`; drawn here, so that steps that do not use R cost nothing."""
        if not self._is_current:
            self._network = _frozen(self._kind.new(self._draws))
            self._is_current = True
        placed: nn.Module = self._network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return placed

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that later networks depend on, by name, between two steps."""
        if self._is_fresh:
            return {"draws": self._draws.get_state()}
        return prefixed("weights", named_tensors(self._network))

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore what `tensors` returned: pretraining on a GPU does not repeat bit for bit."""
        if self._is_fresh:
            self._draws.set_state(tensors["draws"])
            return
        copy_tensors(self._network, unprefixed("weights", tensors))
        self._is_prepared = True

    def describe(self) -> dict[str, Any]:
        """What R depends on, beside the data and the seed."""
        return self._described


def _frozen(network: nn.Module) -> nn.Module:
    return network.eval().requires_grad_(requires_grad=False)
