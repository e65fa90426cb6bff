"""The networks that a distilled dataset was made for, as its folder describes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from thinset.data.manifest import MANIFEST_FILE
from thinset.data.provenance import DistilledBy
from thinset.data.standardisation import require_standardisation
from thinset.distillation.initial_weights import ROLE, layer_sizes, set_weights
from thinset.files.decoding import decode
from thinset.files.shown import shown
from thinset.models.batch_statistics import FrozenStatistics, require_no_batch_statistics
from thinset.models.classifiers import classifier_factory, is_own_function
from thinset.models.classifiers.arguments import LARGEST_WIDTH
from thinset.models.named_callable import require_named_by_user
from thinset.training.loop.history import Best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from thinset.data import Dataset


@dataclass(frozen=True)
class DistilledFor:
    """The networks of a distilled dataset; None stands for what its folder does not say.

    name, width: see NetworkKind. mean, deviation: of each channel of the real training images, by
    which the networks standardise. starts: whether training starts from "random" weights, from
    "fixed" ones, or from "pretrained" ones. n_fixed_layers: how many first layers start from stored
    weights, the others from random ones; None for all of them. freezes_statistics: whether
    normalisation used its running statistics throughout.
    """

    name: str | None = None
    width: float = 1.0
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    starts: str = "random"
    n_fixed_layers: int | None = None
    freezes_statistics: bool = False

    @classmethod
    def of(cls, dataset: Dataset) -> DistilledFor:
        """Read the provenance of `dataset`; ValueError, naming the entry, for a wrong value."""
        provenance = dataset.manifest.provenance
        if not isinstance(provenance, DistilledBy):
            return cls()
        params, where = provenance.params, f"{dataset.path}: provenance.params"
        settings = _table(params, "settings", where)
        weights = _table(params, ROLE, where)
        name, width = settings.get("network"), settings.get("width", 1.0)
        starts, n_fixed = weights.get("kind", "random"), weights.get("n_fixed_layers")
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{where}.settings.network must be a text, got {shown(name)}")
        if not _is_number(width) or not 0 < width <= LARGEST_WIDTH:
            raise ValueError(
                f"{where}.settings.width must be above 0 and at most {LARGEST_WIDTH:,}, "
                f"got {shown(width)}"
            )
        if starts not in ("random", "fixed", "pretrained"):
            raise ValueError(
                f"{where}.{ROLE}.kind must be random, fixed or pretrained, got {starts!r}"
            )
        is_count = isinstance(n_fixed, int) and not isinstance(n_fixed, bool)
        if n_fixed is not None and not (is_count and n_fixed >= 0):
            raise ValueError(
                f"{where}.{ROLE}.n_fixed_layers must be a whole number of at least 0, "
                f"got {n_fixed!r}"
            )
        n_channels = dataset.image_shape[2]
        mean = _channels(params, "mean", n_channels, where)
        deviation = _channels(params, "deviation", n_channels, where)
        try:
            require_standardisation(mean, deviation)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        return cls(
            name,
            float(width),
            mean,
            deviation,
            starts,
            n_fixed,
            settings.get("freeze_statistics") is True,
        )

    @property
    def has_stored_weights(self) -> bool:
        """Whether any layer starts from stored weights."""
        return self.starts != "random" and self.n_fixed_layers != 0

    @property
    def has_random_weights(self) -> bool:
        """Whether any layer starts from random weights."""
        return self.starts == "random" or self.n_fixed_layers is not None


def require_known_network(dataset: Dataset, option: str) -> None:
    """Raise ValueError if `dataset` names a network that is not part of thinset.

    For callers that make the network that the manifest names; `option` names another one.
    """
    name = DistilledFor.of(dataset).name
    if name is None:
        return
    where = f"{dataset.path / MANIFEST_FILE}: provenance.params.settings.network"
    if is_own_function(name):
        require_named_by_user(name, None, where, option)
    try:
        classifier_factory(name)
    except ValueError as error:
        raise ValueError(
            f"{where} is {shown(name)}, which this version of thinset does not have; give {option}"
        ) from error


def prepared_for_replay(
    network: nn.Module, dataset: Dataset, *, new_weights: bool = False
) -> nn.Module:
    """A new network with what `dataset` was distilled for; `network` itself is changed.

    Layers that start from random weights keep their own; with `new_weights` all do. Networks that
    standardise images by their training data get the mean and the deviation of the real images. The
    statistics of normalisation are frozen where they were in the distillation. Raises ValueError
    for networks with batch statistics otherwise, and where the stored weights are missing or of
    another network.
    """
    made_for = DistilledFor.of(dataset)
    if ROLE in dataset.manifest.arrays and made_for.starts == "random":
        raise ValueError(
            f"{dataset.path} has the array {ROLE!r}, but its manifest does not say what starts "
            f"from it: provenance.params.{ROLE}.kind must be fixed or pretrained; restore "
            f"{MANIFEST_FILE} from a backup, or distil again"
        )
    standardise_with = getattr(network, "standardise_with", None)
    if None not in (standardise_with, made_for.mean, made_for.deviation):
        assert standardise_with is not None
        standardise_with(made_for.mean, made_for.deviation)
    if made_for.has_stored_weights and not new_weights:
        set_weights(network, _stored_weights(network, dataset, made_for))
    if made_for.freezes_statistics:
        return FrozenStatistics(network)
    require_no_batch_statistics(network)
    return network


def kept_of(dataset: Dataset) -> Best | None:
    """The evaluation whose images were kept as the best ones; None if those of the last were.

    Raises ValueError, naming the entry, for a wrong value.
    """
    provenance = dataset.manifest.provenance
    if not isinstance(provenance, DistilledBy) or "kept" not in provenance.params:
        return None
    return decode(provenance.params["kept"], Best, f"{dataset.path}: provenance.params.kept")


def _stored_weights(network: nn.Module, dataset: Dataset, made_for: DistilledFor) -> torch.Tensor:
    """The stored values of the first layers; layers are the modules with parameters, in order."""
    if ROLE not in dataset.manifest.arrays:
        raise ValueError(
            f"{dataset.path} was distilled for {made_for.starts} initial weights, but has no array "
            f"{ROLE!r}"
        )
    stored = dataset.array(ROLE)
    if stored.dtype != np.float32:
        raise ValueError(
            f"{dataset.path}: {ROLE} must be float32, got {stored.dtype}; distil again, or restore "
            "the file from a backup"
        )
    values = torch.from_numpy(stored.copy())
    sizes = layer_sizes(network)
    if values.shape != (sum(sizes),):
        name = made_for.name or "another network"
        raise ValueError(
            f"{dataset.path} was distilled for {made_for.starts} initial weights of {name}, which "
            f"have the shape {tuple(values.shape)}; {type(network).__name__} has {sum(sizes)} "
            f"parameters. Replay it on {name} of the same width"
        )
    wrong = torch.nonzero(~values.isfinite())
    if len(wrong):
        at = int(wrong[0])
        raise ValueError(
            f"{dataset.path}: {ROLE} must be finite, got {float(values[at])} at position {at}; "
            "distil again, or restore the file from a backup"
        )
    n_layers = made_for.n_fixed_layers
    if n_layers is not None and n_layers > len(sizes):
        raise ValueError(
            f"{dataset.path} was distilled with {n_layers} fixed layers, but "
            f"{type(network).__name__} has {len(sizes)}"
        )
    return values[: sum(sizes[:n_layers])]


def _table(params: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise ValueError(f"{where}.{name} must be a table, got {shown(value)}")
    return value


def _channels(
    params: Mapping[str, Any], name: str, n_channels: int, where: str
) -> tuple[float, ...] | None:
    values: Sequence[Any] | None = params.get(name)
    if values is None:
        return None
    is_list = isinstance(values, (list, tuple)) and len(values) == n_channels
    if not is_list or not all(_is_number(value) for value in values):
        raise ValueError(
            f"{where}.{name} must be {n_channels} finite numbers, one for each channel, "
            f"got {shown(values)}"
        )
    return tuple(float(value) for value in values)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]
