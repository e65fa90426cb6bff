"""Options of every command that trains an encoder and a classifier."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from thinset.command_line.arguments import from_recipe, parse_duration
from thinset.experiments.settings import EncoderSettings, RateSchedule, TrainingSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Part = TypeVar("Part", bound=DataclassInstance)


_RENAMED = {
    "arms": ("methods",),
    "totals": ("steps", "budget"),
    "size": ("n_samples",),
    "seeds": ("seeds", "seed"),
    "encoder.length": ("encoder_length",),
    "generation.length": ("generator_length",),
    "generation.n_seeds": ("generator_seeds",),
}
"""The options that give a setting, if they have other names"""


def options_given(options: DataclassInstance) -> dict[str, str]:
    """The option of each setting that has its value from one; see named_as_options."""
    given = [
        field.name
        for field in dataclasses.fields(options)
        if getattr(options, field.name) is not None
    ]
    renamed = {
        setting: name for setting, names in _RENAMED.items() for name in names if name in given
    }
    return {name: name for name in given} | renamed


@dataclass(frozen=True)
class TrainingOptions:
    """Omitted options take their values from the preset's recipe.

    An option changes the setting of its name.
    """

    encoder_length: Annotated[str | None, from_recipe(metavar="LENGTH")] = None
    """length of the autoencoder's training, such as 400st or 90s"""
    learning_rate: Annotated[float | None, from_recipe(metavar="RATE")] = None
    """learning rate of the classifier; with one_cycle, its maximum"""
    schedule: Annotated[
        RateSchedule | None, from_recipe(metavar="|".join(get_args(RateSchedule)))
    ] = None
    """schedule of the learning rate, over all phases"""
    warm_up: Annotated[float | None, from_recipe(metavar="SHARE")] = None
    """share of the training in which the learning rate rises; 0 is a fifth with one_cycle"""
    batch_size: Annotated[int | None, from_recipe(metavar="INT")] = None
    """samples per training step of the classifier"""
    width: Annotated[float | None, from_recipe(metavar="FACTOR")] = None
    """factor of the widths of the classifier"""
    evaluations: Annotated[int | None, from_recipe(metavar="INT")] = None
    """number of evaluations during each training of the classifier"""

    @property
    def changes_training(self) -> bool:
        """Whether any option for the training of the classifier is given."""
        return bool(given_of(self, TrainingSettings))

    def training_of(self, recipe: TrainingSettings) -> TrainingSettings:
        """The recipe with the given values."""
        return dataclasses.replace(recipe, **given_of(self, TrainingSettings))

    def encoder_of(self, recipe: EncoderSettings, **values: Any) -> EncoderSettings:
        """The recipe with the given length and those of `values` that are not None."""
        length = self.encoder_length
        if length is not None:
            values["length"] = parse_duration("--encoder-length", length)
        return replaced(recipe, **values)


def given_of(options: object, settings: type[DataclassInstance]) -> dict[str, Any]:
    """The options that have the name of a setting and a value."""
    names = (field.name for field in dataclasses.fields(settings))
    values = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def replaced(part: Part, **values: Any) -> Part:
    """`part` with those of `values` that are not None."""
    given = {name: value for name, value in values.items() if value is not None}
    return dataclasses.replace(part, **given)
