"""Image classifiers, and the names that settings may call them by."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from thinset.models.architecture import PREFIX, Architecture
from thinset.models.classifiers.alexnet import AlexNet
from thinset.models.classifiers.cnn import CNN
from thinset.models.classifiers.convnet import convnet
from thinset.models.classifiers.lenet import LeNet
from thinset.models.classifiers.paper import paper_classifier
from thinset.models.classifiers.resnet import resnet
from thinset.models.classifiers.vgg import small_vgg
from thinset.models.named_callable import callable_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLASSIFIERS: dict[str, Callable[..., Any]] = {
    "paper": paper_classifier,
    "vgg": small_vgg,
    "lenet": LeNet,
    "alexnet": AlexNet,
    "convnet": convnet,
    "resnet": resnet,
}
"""By name: functions of the image shape (H, W, C), the number of classes, `width`, `generator`."""


def classifier_factory(name: str, what: str = "model") -> Callable[..., Any]:
    """The function that makes classifiers of the name.

    The name is one of CLASSIFIERS, the text of an Architecture (cnn:...) or "MODULE:FUNCTION".
    `what` begins the messages. Raises ValueError if there is none; see callable_named.
    """
    if name in CLASSIFIERS:
        return CLASSIFIERS[name]
    if name.startswith(PREFIX):
        return functools.partial(CNN, Architecture.parse(name))
    if ":" not in name:
        raise ValueError(
            f"{what} must be MODULE:FUNCTION, such as my_models:small, an architecture, such as "
            f"cnn:3-32-max,5-64-avg, or one of {', '.join(CLASSIFIERS)}; got {name!r}"
        )
    return callable_named(name, what)


def is_own_function(name: str) -> bool:
    """Whether the name is "MODULE:FUNCTION", so that making the classifier imports that module."""
    return ":" in name and not name.startswith(PREFIX)


def classifier_named(
    name: str,
    image_shape: Sequence[int],
    n_classes: int,
    *,
    width: float,
    generator: torch.Generator,
    seed: int,
    what: str = "model",
) -> nn.Module:
    """A new classifier by its name, with initial weights drawn from `generator`.

    `seed`: of torch's own generator meanwhile, for functions that are not of this package. `what`
    begins the messages. Raises ValueError for an unknown name, for a width other than 1 that the
    classifier does not take, and where the function returns no module.
    """
    factory = classifier_factory(name, what)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            options = _options(factory, name, width, generator, what)
            model = factory(image_shape, n_classes, **options)
        except TypeError as error:
            raise ValueError(
                f"{what} {name!r} must take the image shape (H, W, C) and the number of classes: "
                f"{error}"
            ) from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"{what} {name!r} must return a torch.nn.Module, got {model!r}")
    return model


def _options(
    factory: Callable[..., Any], name: str, width: float, generator: torch.Generator, what: str
) -> dict[str, Any]:
    if factory in CLASSIFIERS.values() or name.startswith(PREFIX):
        return {"width": width, "generator": generator}
    if width == 1:
        return {}  # a parameter of that name may have another default
    try:
        has_width = "width" in inspect.signature(factory).parameters
    except ValueError:  # some functions of C extensions do not say what they take
        has_width = False
    if not has_width:
        raise ValueError(f"{what} {name!r} has no parameter `width`; width must be 1, got {width}")
    return {"width": width}
