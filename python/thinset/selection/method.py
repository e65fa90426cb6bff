"""The description of a selection method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


METRICS = ("euclidean", "sqeuclidean", "cosine")


# Nothing compares methods or options; without __eq__, which Python would have to compile for each,
# thinset is imported sooner.
@dataclass(frozen=True, eq=False)
class NoOptions:
    """A method without options of its own."""


@dataclass(frozen=True, eq=False)
class Method:
    """A selection method.

    name, summary: shown in listings. options: a dataclass of the method's own options; a Literal
    lists the values of one. metrics: the metrics that it accepts.
    """

    name: str
    summary: str
    options: type[DataclassInstance] = NoOptions
    metrics: tuple[str, ...] = METRICS
