"""The generators that can be trained, one module each.

A module has `Settings`, a frozen dataclass whose `model` is the module's name; `networks(settings,
image_shape, n_classes, generator)`, which returns the networks by name, the ImageGenerator first;
`learner(networks, settings, ...)`, which returns their Learner; `require_image_shape(settings,
image_shape)`, which raises the ValueError of `networks` for sides that they cannot have; and
`smallest_shape(settings)`, of images that they can. Learners of ADVERSARIAL generators take
a `term` of the loss; see AdversarialLearner.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from thinset.training.learners.generative import GenerativeLearner, Observer
    from thinset.training.learners.image_term import WeightedTerm

ADVERSARIAL = ("sngan", "cdcgan")
"""The generators that are trained against a discriminator; the first is the default"""

LARGEST_SIZE = 65_536
"""Of all sizes of networks: larger ones are mistakes, and overflow the counts of weights"""


class Generator(Protocol):
    """The interface of a module of this package."""

    Settings: type[Any]

    def require_image_shape(self, settings: Any, image_shape: tuple[int, int, int]) -> None: ...

    def smallest_shape(self, settings: Any) -> tuple[int, int, int]: ...

    def networks(
        self,
        settings: Any,
        image_shape: tuple[int, int, int],
        n_classes: int,
        generator: torch.Generator,
    ) -> dict[str, nn.Module]: ...

    def learner(
        self,
        networks: Mapping[str, nn.Module],
        settings: Any,
        *,
        seed: int,
        device: torch.device | str,
        precision: str,
        observe: Observer | None,
        **term: WeightedTerm,
    ) -> GenerativeLearner: ...


def require_quarterable(image_shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless both sides can be halved twice."""
    from thinset.models.generators.image_generator import quarterable

    quarterable(image_shape)


def require_batch(batch_size: int) -> None:
    """Raise ValueError for batches that batch norm cannot learn from."""
    if batch_size < 2:
        raise ValueError(f"batch_size must be at least 2, for batch norm; got {batch_size}")


def require_sizes(settings: Any, *names: str) -> None:
    """Raise ValueError, naming the setting, for sizes of networks above LARGEST_SIZE.

    A setting without a number, such as None, has no limit.
    """
    for name in names:
        value = getattr(settings, name)
        sizes = value if isinstance(value, tuple) else (value,)
        if any(isinstance(size, int) and size > LARGEST_SIZE for size in sizes):
            shown = " ".join(map(str, sizes))
            raise ValueError(f"{name} must be at most {LARGEST_SIZE}, got {shown}")


def generators() -> tuple[str, ...]:
    """The names of all generators."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def generator_named(name: str) -> Generator:
    """The module of the generator with this name; ValueError for an unknown name."""
    if name not in generators():
        raise ValueError(f"model must be one of {', '.join(generators())}; got {name!r}")
    return cast("Generator", importlib.import_module(f"{__name__}.{name}"))
