"""What describes a selection method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


METRICS = ("euclidean", "sqeuclidean", "cosine")


@dataclass(frozen=True)
class NoOptions:
    """A method without options of its own."""


@dataclass(frozen=True)
class Method:
    """A selection method.

    name, summary: as listings show them. options: a dataclass of the method's own options; a
    Literal lists the values of one. metrics: those that it takes.
    """

    name: str
    summary: str
    options: type[DataclassInstance] = NoOptions
    metrics: tuple[str, ...] = METRICS
