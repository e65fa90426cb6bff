"""Errors about settings, told as errors about the options that give them."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING

from thinset.command_line.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed import DataclassInstance

_SETTING = re.compile(r"(?:settings: )?(?P<name>[a-z]\w*(?:\.\w+)*)(?:\[\d+\])?(?= )")


def options_of(
    command: DataclassInstance | type[DataclassInstance], *positional: str
) -> dict[str, str]:
    """The options of a command, each for the setting of its name.

    `positional`: the fields that are not options.
    """
    names = (field.name for field in dataclasses.fields(command))
    return {name: name for name in names if name not in positional}


@contextlib.contextmanager
def named_as_options(options: Mapping[str, str]) -> Iterator[None]:
    """Name options instead of settings in a ValueError, at its beginning or further on.

    `options`: the option of each setting, without dashes, such as {"training.width": "width"}. A
    setting at the beginning, such as "settings: training.widths[0] must be", is also found by its
    last part. Further on, names in quotes stay, and those of one word, which may be words of the
    sentence. A UsageError names options already.
    """
    try:
        yield
    except UsageError:
        raise
    except ValueError as error:
        text = _told(str(error), options)
        if text == str(error):
            raise
        raise ValueError(text) from error


def _told(text: str, options: Mapping[str, str]) -> str:
    found = _SETTING.match(text)
    if found is not None:
        name = found["name"]
        option = options.get(name) or options.get(name.rpartition(".")[2])
        if option is not None:
            text = f"{_dashed(option)}{text[found.end() :]}"
    compound = "|".join(re.escape(name) for name in sorted(options) if "_" in name)
    if not compound:
        return text
    return re.sub(
        rf"(?<![\w./'-])({compound})(?![\w/'-]|\.\w)",
        lambda match: _dashed(options[match[1]]),
        text,
    )


def _dashed(option: str) -> str:
    return f"--{option.replace('_', '-')}"
