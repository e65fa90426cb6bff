"""The classifier that settings name."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from thinset.data import EncodedDataset
from thinset.models.classifiers import CLASSIFIERS
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from thinset.data import Dataset
    from thinset.experiments.settings import TrainingSettings

_MOST_DECODED = 4096


def new_classifier(
    data: Dataset | EncodedDataset, training: TrainingSettings, *, seed: int
) -> nn.Module:
    """Return the model named by the settings, with weights that depend only on the seed.

    A model with a method `standardise_by` is given the training images. Raises ValueError if the
    name does not refer to a callable, and for a width that the model does not take.
    """
    height, width, channels = data.image_shape
    crop = training.crop
    assert not isinstance(crop, str)
    image_shape = (height, width, channels) if crop is None else (crop, crop, channels)
    name = training.model or "paper"
    factory = _factory(name)
    options = _options(factory, name, training.width, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            model = factory(image_shape, data.n_classes, **options)
        except TypeError as error:
            raise ValueError(
                f"model {name!r} must take the image shape (H, W, C) and the number of classes: "
                f"{error}"
            ) from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"model {name!r} must return a torch.nn.Module, got {model!r}")
    standardise_by = getattr(model, "standardise_by", None)
    if standardise_by is not None:
        standardise_by(_images_of(data))
    return model


def require_model(name: str | None) -> None:
    """Raise ValueError if the settings name a model that cannot be called."""
    if name is not None:
        _factory(name)


def _factory(name: str) -> Callable[..., Any]:
    if name in CLASSIFIERS:
        return CLASSIFIERS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(
            f"model must be MODULE:FUNCTION, such as my_models:small, or {' or '.join(CLASSIFIERS)}"
            f"; got {name!r}"
        )
    # As for a script, modules in the current folder are found.
    sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"model {name!r}: {error}") from error
    finally:
        sys.path.remove("")
    if not callable(factory):
        raise ValueError(f"model {name!r}: {module} has no callable named {attribute!r}")
    called: Callable[..., Any] = factory
    return called


def _options(factory: Callable[..., Any], name: str, width: float, seed: int) -> dict[str, Any]:
    if factory in CLASSIFIERS.values():
        return {"width": width, "generator": generator_for(seed, "classifier weights")}
    if width == 1:
        return {}  # a parameter of that name may have another default
    try:
        has_width = "width" in inspect.signature(factory).parameters
    except ValueError:  # some functions of C extensions do not say what they take
        has_width = False
    if not has_width:
        raise ValueError(f"model {name!r} has no parameter `width`; width must be 1, got {width}")
    return {"width": width}


def _images_of(data: Dataset | EncodedDataset) -> Any:
    """The training images; of encoded ones, some that are evenly spaced.

    Decoding all of them would take longer than many trainings.
    """
    if isinstance(data, EncodedDataset):
        return data.images[:: max(1, len(data) // _MOST_DECODED)]
    return data.images
