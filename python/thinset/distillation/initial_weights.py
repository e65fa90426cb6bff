"""Where networks start that train on distilled data."""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch

from thinset.distillation.network_scores import unchanged
from thinset.duration import Duration
from thinset.losses import classification
from thinset.training.learners.fit import fit
from thinset.training.phases import Phase
from thinset.training.randomness import generator_for
from thinset.training.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from torch import nn

    from thinset.data import Dataset
    from thinset.distillation.networks import NetworkKind

Source: TypeAlias = Literal["random", "fixed", "pretrained"]
ROLE = "initial_weights"
"""Of the array in a dataset folder, and of its description in the provenance"""

_BATCH_SIZE = 128
_LEARNING_RATE = 1e-3


def starting_networks(
    kind: NetworkKind, settings: Any, data: Dataset, *, seed: int
) -> NetworkKind | StartingNetworks:
    """Networks that start as `settings` say: all weights drawn anew, or some of them fixed.

    settings: with initial_weights, n_fixed_layers, pretraining and pretrained_path; see
    dd.Settings. Methods without these settings draw all weights anew. Raises what
    StartingNetworks raises.
    """
    source: Source = getattr(settings, "initial_weights", "random")
    if source == "random" or settings.n_fixed_layers == 0:
        return kind
    return StartingNetworks(
        kind,
        data,
        source=source,
        n_fixed_layers=settings.n_fixed_layers,
        path=settings.pretrained_path,
        pretraining=settings.pretraining,
        seed=seed,
    )


class StartingNetworks:
    """Networks of one kind whose first layers start from the same weights each time.

    source: "fixed" for one draw from `seed`; "pretrained" for weights from the file `path`, see
    save_weights, or, without a file, for that draw trained on `data` for the length `pretraining`,
    by Adam. n_fixed_layers: how many layers, the modules with parameters in their order, start from
    these weights; None for all. The other layers are drawn anew for each network.

    weights: (P,) float32, all parameters in their order, on the CPU. Training takes place in
    `prepare`; until then they are untrained.

    Raises ValueError for more layers than there are, and for a file with weights of another network
    or with other buffers than a new network: only parameters are stored with distilled data.
    OSError if the file cannot be read.
    """

    def __init__(
        self,
        kind: NetworkKind,
        data: Dataset,
        *,
        source: Literal["fixed", "pretrained"],
        n_fixed_layers: int | None = None,
        path: str | None = None,
        pretraining: Duration | str = "1ep",
        seed: int = 0,
    ) -> None:
        self.kind = kind
        self._data = data
        self._source = source
        self._pretraining = Duration.parse(pretraining)
        self._seed = seed
        self._network = kind.new(generator_for(seed, "fixed initial weights"))
        self._is_prepared = source == "fixed" or path is not None
        sizes = layer_sizes(self._network)
        if n_fixed_layers is not None and not 0 <= n_fixed_layers <= len(sizes):
            raise ValueError(
                f"n_fixed_layers must be from 0 to {len(sizes)}, the layers of "
                f"{type(self._network).__name__} with parameters; got {n_fixed_layers}"
            )
        self._n_layers = None if n_fixed_layers == len(sizes) else n_fixed_layers
        self._n_values = sum(sizes[: self._n_layers])
        if path is not None:
            _load(self._network, path)
        self.weights = weights_vector(self._network)

    @property
    def are_alike(self) -> bool:
        """Whether all networks start from the same weights throughout."""
        return self._n_layers is None

    @property
    def digest(self) -> str:
        """SHA-256 of the weights as little-endian float32."""
        return hashlib.sha256(self.array().astype("<f4").tobytes()).hexdigest()

    def array(self) -> np.ndarray[Any, Any]:
        """The weights (P,) float32."""
        values: np.ndarray[Any, Any] = self.weights.numpy()
        return values

    def description(self) -> dict[str, Any]:
        """What replay needs to know, for the provenance."""
        return {"kind": self._source, "n_fixed_layers": self._n_layers}

    def prepare(self, device: torch.device | str = "auto") -> None:
        """Train the weights, unless they are ready."""
        if self._is_prepared:
            return
        network = copy.deepcopy(self._network)
        pretrain(network, self._data, self._pretraining, seed=self._seed, device=device)
        self._restore(weights_vector(network))

    def new(self, generator: torch.Generator) -> nn.Module:
        """A network as NetworkKind.new makes it, except for the fixed layers.

        Nothing is drawn if all layers are fixed; otherwise the same random numbers, however many.
        """
        network = copy.deepcopy(self._network) if self.are_alike else self.kind.new(generator)
        set_weights(network, self.weights[: self._n_values])
        return network

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights, for a checkpoint."""
        return {"weights": self.weights}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore what `tensors` returned: pretraining on a GPU does not repeat bit for bit."""
        self._restore(tensors["weights"])

    def _restore(self, weights: torch.Tensor) -> None:
        self.weights.copy_(weights)
        self._is_prepared = True


def pretrain(
    network: nn.Module,
    data: Dataset,
    length: Duration,
    *,
    seed: int,
    device: torch.device | str,
) -> None:
    """Train a classifier on `data` by Adam, without augmentation, and leave it on `device`."""
    fit(
        network,
        [Phase("pretraining", data, length)],
        loss=classification,
        train_transform=unchanged,
        batch_size=_BATCH_SIZE,
        learning_rate=_LEARNING_RATE,
        optimizer="adam",
        ema_decay=None,
        seed=seed,
        device=device,
        precision="float32",
        evaluations=1,
    )


def layer_sizes(network: nn.Module) -> list[int]:
    """The number of values of each module that has parameters of its own, in their order."""
    seen: set[int] = set()
    sizes = []
    for module in network.modules():
        own = {id(p): p.numel() for p in module.parameters(recurse=False) if id(p) not in seen}
        seen |= own.keys()
        if own:
            sizes.append(sum(own.values()))
    return sizes


def weights_vector(network: nn.Module) -> torch.Tensor:
    """All parameters in their order as one vector (P,) float32, a copy on the CPU."""
    # Not parameters_to_vector, which refuses weights in channels_last memory format.
    parts = [parameter.detach().cpu().float().reshape(-1) for parameter in network.parameters()]
    return torch.cat(parts)


@torch.no_grad()
def set_weights(network: nn.Module, values: torch.Tensor) -> None:
    """Copy the start of a weights_vector, which ends with a layer, into the first parameters."""
    start = 0
    for parameter in network.parameters():
        if start == len(values):
            return
        part = values[start : start + parameter.numel()]
        parameter.copy_(part.view_as(parameter))
        start += parameter.numel()


def _load(network: nn.Module, path: str) -> None:
    """Load weights; refuse them if buffers differ from those of `network`.

    Those by which it standardises images stay as they are.
    """
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    load_weights(network, path)
    kept = ("mean", "deviation") if hasattr(network, "standardise_with") else ()
    for name, buffer in network.named_buffers():
        if name in kept:
            buffer.copy_(before[name])
        elif not torch.equal(buffer, before[name]):
            raise ValueError(
                f"{path}: the buffer {name!r} differs from that of a new network; distilled data "
                "store parameters only, so use a network without batch statistics"
            )
