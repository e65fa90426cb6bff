"""Options made from the settings of several methods: every setting of any of them is an option."""

from __future__ import annotations

import dataclasses
import importlib.resources
import re
import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import tyro

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from _typeshed import DataclassInstance

_METAVARS = {int: "INT", float: "NUMBER", str: "TEXT", bool: "True|False"}


class Method(NamedTuple):
    """One method: its settings, and by name the meaning of each and its default in words."""

    settings: type[DataclassInstance]
    meanings: Mapping[str, str]
    defaults: Mapping[str, str]


def method_of_card(settings: type[DataclassInstance], package: str, name: str) -> Method:
    """A method with what the table in its card, NAME.md in `package`, says about the settings."""
    card = importlib.resources.files(package) / f"{name}.md"
    rows = _settings_table(card.read_text("utf-8"))
    meanings = {setting: meaning for setting, _, meaning in rows}
    return Method(settings, meanings, {setting: default for setting, default, _ in rows})


def _settings_table(card: str) -> list[list[str]]:
    """Setting, default and meaning, from the one table of a card that has these columns."""
    found = re.search(
        r"^\| setting \| default \| meaning \|\n\|[-|]+\n((?:\|.*\n)+)", card, re.MULTILINE
    )
    if found is None:
        raise ValueError("the card has no table of setting, default and meaning")
    lines = found[1].replace("`", "").splitlines()
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def option_fields(
    methods: Mapping[str, Method], *, without: Collection[str]
) -> list[tuple[str, Any, Any]]:
    """Fields for dataclasses.make_dataclass: the settings of all methods, in order.

    An option that is not given is None; a setting that is off by default is a flag, False if it is
    not given. `without`: settings that are no options.
    """
    found: dict[str, dict[str, dataclasses.Field[Any]]] = {}
    for method, (settings, *_) in methods.items():
        for field in dataclasses.fields(settings):
            if field.name not in without:
                found.setdefault(field.name, {})[method] = field
    return [_option(name, owners, methods) for name, owners in found.items()]


def _option(
    name: str, owners: Mapping[str, dataclasses.Field[Any]], methods: Mapping[str, Method]
) -> tuple[str, Any, Any]:
    kinds = {typing.get_type_hints(methods[method].settings)[name] for method in owners}
    defaults = {method: field.default for method, field in owners.items()}
    meanings = {method: methods[method].meanings.get(name, "") for method in owners}
    text = _by_method(meanings, everywhere=len(owners) == len(methods))
    if kinds == {bool} and set(defaults.values()) == {False}:
        flag = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help=text)]
        return name, flag, dataclasses.field(default=False)
    shown = {
        method: methods[method].defaults.get(name, "") if value is None else _shown(value)
        for method, value in defaults.items()
        if value is not dataclasses.MISSING
    }
    default = _by_method(shown, everywhere=True)
    described = tyro.conf.arg(
        help=text,
        metavar="|".join(dict.fromkeys(part for kind in kinds for part in _metavars(kind))),
        help_behavior_hint=f"(default: {default})" if default else "",
    )
    kind: Any = None
    for part in kinds:
        kind = part if kind is None else kind | part
    return name, Annotated[kind | None, described], dataclasses.field(default=None)


def _by_method(texts: Mapping[str, str], *, everywhere: bool) -> str:
    """Each text with the methods that it is of; without them if it is that of all."""
    by_text: dict[str, list[str]] = {}
    for method, text in texts.items():
        if text:
            by_text.setdefault(text, []).append(method)
    if everywhere and len(by_text) == 1 and len(next(iter(by_text.values()))) == len(texts):
        return next(iter(by_text))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in by_text.items())


def _shown(value: Any) -> str:
    """A default as it is typed."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _metavars(kind: Any) -> list[str]:
    """What help texts call the values of a type, one for each alternative."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return [text for part in typing.get_args(kind) for text in _metavars(part)]
    if typing.get_origin(kind) is Literal:
        return [str(value) for value in typing.get_args(kind)]
    if typing.get_origin(kind) is tuple:
        return [" ".join(text for part in typing.get_args(kind) for text in _metavars(part))]
    return [] if kind is types.NoneType else [_METAVARS[kind]]
