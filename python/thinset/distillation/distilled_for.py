"""The networks that a distilled dataset was made for, as its folder describes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from thinset.data.provenance import DistilledBy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thinset.data import Dataset

INITIAL_WEIGHTS = "initial_weights"
"""The role of the array of initial weights in a dataset folder, and their name in its provenance"""


@dataclass(frozen=True)
class DistilledFor:
    """The networks of a distilled dataset; None stands for what its folder does not say.

    name, width: see NetworkKind. mean, deviation: of each channel of the real training images, by
    which the networks standardise. starts: whether training starts from "random" weights, from
    "fixed" ones, or from "pretrained" ones. n_fixed_layers: how many first layers start from stored
    weights, the others from random ones; None for all of them.
    """

    name: str | None = None
    width: float = 1.0
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    starts: str = "random"
    n_fixed_layers: int | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> DistilledFor:
        """Read the provenance of `dataset`; ValueError, naming the entry, for a wrong value."""
        provenance = dataset.manifest.provenance
        if not isinstance(provenance, DistilledBy):
            return cls()
        params, where = provenance.params, f"{dataset.path}: provenance.params"
        settings = _table(params, "settings", where)
        weights = _table(params, INITIAL_WEIGHTS, where)
        name, width = settings.get("network"), settings.get("width", 1.0)
        starts, n_fixed = weights.get("kind", "random"), weights.get("n_fixed_layers")
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{where}.settings.network must be a text, got {name!r}")
        if not _is_number(width) or width <= 0:
            raise ValueError(f"{where}.settings.width must be a number above 0, got {width!r}")
        if starts not in ("random", "fixed", "pretrained"):
            raise ValueError(
                f"{where}.{INITIAL_WEIGHTS}.kind must be random, fixed or pretrained, "
                f"got {starts!r}"
            )
        if n_fixed is not None and (not isinstance(n_fixed, int) or n_fixed < 0):
            raise ValueError(
                f"{where}.{INITIAL_WEIGHTS}.n_fixed_layers must be a whole number of at least 0, "
                f"got {n_fixed!r}"
            )
        n_channels = dataset.image_shape[2]
        return cls(
            name,
            float(width),
            _channels(params, "mean", n_channels, where),
            _channels(params, "deviation", n_channels, where),
            starts,
            n_fixed,
        )

    @property
    def has_stored_weights(self) -> bool:
        """Whether any layer starts from stored weights."""
        return self.starts != "random" and self.n_fixed_layers != 0

    @property
    def has_random_weights(self) -> bool:
        """Whether any layer starts from random weights."""
        return self.starts == "random" or self.n_fixed_layers is not None


def prepare_for_replay(network: nn.Module, dataset: Dataset, *, new_weights: bool = False) -> None:
    """Give a new network what `dataset` was distilled for: initial weights and standardisation.

    Layers that start from random weights keep their own; with `new_weights` all do. Networks that
    standardise images by their training data get the mean and the deviation of the real images.
    Raises ValueError where the stored weights are missing or of another network.
    """
    made_for = DistilledFor.of(dataset)
    standardise_with = getattr(network, "standardise_with", None)
    if None not in (standardise_with, made_for.mean, made_for.deviation):
        assert standardise_with is not None
        standardise_with(made_for.mean, made_for.deviation)
    if new_weights or not made_for.has_stored_weights:
        return
    if INITIAL_WEIGHTS not in dataset.manifest.arrays:
        raise ValueError(
            f"{dataset.path} was distilled for {made_for.starts} initial weights, but has no array "
            f"{INITIAL_WEIGHTS!r}"
        )
    values = torch.from_numpy(dataset.array(INITIAL_WEIGHTS).copy())
    own = parameters_to_vector(network.parameters()).detach().clone()
    if values.shape != own.shape or not values.is_floating_point():
        name = made_for.name or "another network"
        raise ValueError(
            f"{dataset.path} was distilled for {made_for.starts} initial weights of {name}, which "
            f"are {values.dtype} of shape {tuple(values.shape)}; {type(network).__name__} has "
            f"{len(own)} parameters. Replay it on {name} of the same width"
        )
    n_values = _n_values(network, made_for.n_fixed_layers, dataset)
    own[:n_values] = values[:n_values]
    vector_to_parameters(own, network.parameters())


def _n_values(network: nn.Module, n_layers: int | None, dataset: Dataset) -> int:
    """How many values the first layers have; layers are the modules with parameters, in order."""
    sizes = [
        sum(parameter.numel() for parameter in module.parameters(recurse=False))
        for module in network.modules()
    ]
    layers = [size for size in sizes if size > 0]
    if n_layers is None:
        return sum(layers)
    if n_layers > len(layers):
        raise ValueError(
            f"{dataset.path} was distilled with {n_layers} fixed layers, but "
            f"{type(network).__name__} has {len(layers)}"
        )
    return sum(layers[:n_layers])


def _table(params: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = params.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{where}.{name} must be a table, got {value!r}")
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
            f"got {values!r}"
        )
    if name == "deviation" and min(values) <= 0:
        raise ValueError(f"{where}.{name} must be above 0, got {values!r}")
    return tuple(float(value) for value in values)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]
