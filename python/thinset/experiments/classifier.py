"""The classifier that settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thinset.data import EncodedDataset
from thinset.models.classifiers import classifier_factory, classifier_named
from thinset.training.randomness import generator_for

if TYPE_CHECKING:
    from torch import nn

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
    model = classifier_named(
        training.model or "paper",
        image_shape,
        data.n_classes,
        width=training.width,
        generator=generator_for(seed, "classifier weights"),
        seed=seed,
    )
    standardise_by = getattr(model, "standardise_by", None)
    if standardise_by is not None:
        standardise_by(_images_of(data))
    return model


def require_model(name: str | None) -> None:
    """Raise ValueError if the settings name a model that cannot be called."""
    if name is not None:
        classifier_factory(name)


def _images_of(data: Dataset | EncodedDataset) -> Any:
    """The training images; of encoded ones, some that are evenly spaced.

    Decoding all of them would take longer than many trainings.
    """
    if isinstance(data, EncodedDataset):
        return data.images[:: max(1, len(data) // _MOST_DECODED)]
    return data.images
