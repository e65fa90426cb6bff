"""Options of every command that trains an encoder and a classifier."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from thinset.command_line.arguments import from_recipe, parse_duration
from thinset.experiments.settings import EncoderSettings, RateSchedule, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import DataclassInstance

    Part = TypeVar("Part", bound=DataclassInstance)


_SETTING = re.compile(r"(?:settings: )?([a-z_.]+)(?:\[\d+\])? ")
_OPTIONS = {
    "arms": ("methods",),
    "totals": ("steps", "budget"),
    "size": ("n_samples",),
    "encoder.length": ("encoder_length",),
    "generation.length": ("generator_length",),
    "generation.n_seeds": ("generator_seeds",),
}
"""The options that give a setting, if they have other names"""


@contextlib.contextmanager
def named_as_options(options: object) -> Iterator[None]:
    """Name the option instead of the setting in a ValueError about a value that an option gave.

    The error begins with the setting, such as "settings: training.width must be".
    """
    try:
        yield
    except ValueError as error:
        found = _SETTING.match(str(error))
        setting = found[1] if found is not None else ""
        names = _OPTIONS.get(setting, (setting.rpartition(".")[2],))
        given = [name for name in names if getattr(options, name, None) is not None]
        if found is None or not given:
            raise
        option = given[0].replace("_", "-")
        raise ValueError(f"--{option} {str(error)[found.end() :]}") from error


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
