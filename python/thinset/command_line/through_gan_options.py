"""The options of thinset distill that are about a generator, and the settings they stand for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thinset.augmentation.generators import ADVERSARIAL, generator_named
from thinset.command_line.arguments import optional
from thinset.command_line.augment_train import GeneratorOptions
from thinset.command_line.method_options import Method, method_of_card
from thinset.command_line.usage import refuse
from thinset.distillation.through_gan.settings import (
    EvaluationSettings,
    LatentSettings,
    TermSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = "thinset.distillation.through_gan"

WITH_TERM = ("gan-difference", "gan-magnitude")
_TERM = method_of_card(TermSettings, _PACKAGE, "gan_terms")
THROUGH_GAN = {
    **dict.fromkeys(WITH_TERM, _TERM),
    "latent": method_of_card(LatentSettings, _PACKAGE, "latent"),
}
"""The methods through a generator, by name"""
# Where the card, which names the default before the meaning, does not read well behind an option.
_MEANINGS = {
    "loss": "adversarial loss",
    "generator_rate": "learning rate of the generator as a multiple of the discriminator's",
    "shortcuts": "blocks of the discriminator with a convolution in the shortcut: those that halve "
    "the image, or all",
    "output_norm": "batch norm before the generator's last convolution: of all classes, or of each",
}


def _generator(name: str) -> Method:
    settings = generator_named(name).Settings
    found = method_of_card(settings, "thinset.augmentation.generators", name)
    known = {key: text for key, text in _MEANINGS.items() if key in found.meanings}
    return found._replace(meanings={**found.meanings, **known})


GENERATORS = {name: _generator(name) for name in ADVERSARIAL}
"""The generators that these methods train, by name"""

GENERATOR_FIELDS: list[tuple[str, Any, Any]] = [
    (
        "model",
        Annotated[
            Literal["sngan", "cdcgan"] | None,
            tyro.conf.arg(
                metavar="sngan|cdcgan",
                help="gan-difference, gan-magnitude: GAN to train, with the settings of this "
                "name; latent: GAN to train with its default settings if none is given",
                help_behavior_hint="(default: sngan)",
            ),
        ],
        dataclasses.field(default=None),
    ),
    (
        "generator",
        Annotated[
            Path | None,
            optional(
                metavar="DIR", help="latent: trained generator, its file or the folder that has it"
            ),
        ],
        dataclasses.field(default=None),
    ),
    (
        "generator_length",
        Annotated[
            str | None,
            tyro.conf.arg(
                metavar="LENGTH",
                help="latent: length of the training of a GAN, if none is given",
                help_behavior_hint="(default: 500ep)",
            ),
        ],
        dataclasses.field(default=None),
    ),
]
"""Fields for dataclasses.make_dataclass"""


def term_settings(method: str, model: str, given: Mapping[str, Any]) -> tuple[TermSettings, Any]:
    """The settings of the term and of the GAN `model`, from the options that are `given`.

    Raises ValueError, naming the option or the setting, for one that neither has, and for values
    out of range.
    """
    own = fields_of(TermSettings)
    values = {name: value for name, value in given.items() if name in own}
    rest = {name: value for name, value in given.items() if name not in own}
    known = fields_of(GENERATORS[model].settings)
    known_to_any = {name for one in GENERATORS.values() for name in fields_of(one.settings)}
    for name in rest:
        if name not in known:
            what = f"{method} with --model {model}" if name in known_to_any else method
            refuse([name], what)
    require_pretraining_used(given, "start", EvaluationSettings.start)
    settings = TermSettings(method=method, **values)  # type: ignore[arg-type]  # tyro checked it
    return settings, GeneratorOptions(**rest).settings_of(model)


def latent_settings(given: Mapping[str, Any]) -> LatentSettings:
    """The settings of a search; as term_settings."""
    known = fields_of(LatentSettings)
    refuse((name for name in given if name not in known), "latent")
    require_pretraining_used(given, "start", EvaluationSettings.start)
    constraint = given.get("constraint", LatentSettings.constraint)
    if constraint != "l2":
        refuse(given.keys() & {"penalty"}, f"--constraint {constraint}")
    return LatentSettings(**given)


def require_pretraining_used(given: Mapping[str, Any], name: str, default: str) -> None:
    """Refuse a length of pretraining where no network is trained before.

    name, default: of the setting that says where networks start.
    """
    start = given.get(name, default)
    if start != "pretrained":
        refuse(given.keys() & {"pretraining"}, f"--{name.replace('_', '-')} {start}")
    elif "pretrained_path" in given:
        refuse(given.keys() & {"pretraining"}, "--pretrained-path, which holds trained weights")


def fields_of(settings: type[Any]) -> set[str]:
    """The names of the settings."""
    return {field.name for field in dataclasses.fields(settings)}
