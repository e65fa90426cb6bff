"""What describes a selection method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class NoOptions:
    """A method without options of its own."""


@dataclass(frozen=True)
class Method:
    """A selection method: its name, a line for listings, and the dataclass of its options."""

    name: str
    summary: str
    options: type[DataclassInstance] = NoOptions
