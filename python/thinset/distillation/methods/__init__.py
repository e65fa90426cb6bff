"""The ways to distil a dataset, one module each.

A module has `Settings`, a frozen dataclass whose `method` is the module's name; `n_epochs` and
`learns_labels`, which say what its SyntheticSet learns beside the images; and
`learner(synthetic, networks, settings, ...)`, which returns the Learner of that set. It may have
`resolved(settings, data, images_per_class)`, which returns settings in which every "auto" is
replaced; the learner gets these.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import torch

    from thinset.data import Dataset
    from thinset.distillation.initial_weights import StartingNetworks
    from thinset.distillation.networks import NetworkKind
    from thinset.distillation.synthetic_set import SyntheticSet
    from thinset.training.learners.learner import Learner
    from thinset.training.samplers.orders import ClassBalanced


class Method(Protocol):
    """The interface of a module of this package.

    Every Settings has: method; network, width (see NetworkKind); batch_size, of the real images in
    a step, unless `order` says what a step is; learning_rate, of the images; length, the default
    one; n_steps and n_epochs (see SyntheticSet; n_epochs 0 for methods without step sizes; n_steps
    None for as many as images of a class); step_size, the initial one; learns_labels. Those that
    are not fields, but variables of the class, cannot be set.

    Settings may have: rate, the learning rate over the course of the training, which then replaces
    the constant learning_rate; initial_weights and what belongs to it, see starting_networks.
    """

    Settings: type[Any]

    def learner(
        self,
        synthetic: SyntheticSet,
        networks: NetworkKind | StartingNetworks,
        settings: Any,
        *,
        seed: int,
        device: torch.device | str,
        precision: str,
    ) -> Learner: ...

    def order(self, settings: Any, data: Dataset) -> ClassBalanced | None:
        """The order whose passes are the steps; None for `batch_size` images, shuffled."""


def methods() -> tuple[str, ...]:
    """The names of all methods."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def method_named(name: str) -> Method:
    """The module of the method with this name; ValueError for an unknown name."""
    if name not in methods():
        raise ValueError(f"method must be one of {', '.join(methods())}; got {name!r}")
    return cast("Method", importlib.import_module(f"{__name__}.{name}"))
