"""The methods that `select` knows, and the options of each."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import numpy as np

from thinset.selection import dispersion, facility_location, kmeans, random, topk
from thinset.selection.arguments import as_metric, as_per_class, is_int, is_real, one_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_METHODS = {
    method.name: method
    for method in (
        topk.TOPK,
        dispersion.MAX_SUM,
        dispersion.MAX_MIN,
        facility_location.FACILITY_LOCATION,
        kmeans.KMEANS,
        random.RANDOM,
    )
}


def methods() -> dict[str, str]:
    """Name and one-line description of every selection method."""
    return {name: method.summary for name, method in _METHODS.items()}


def resolve_options(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of `method`, the given ones over its defaults.

    Raises ValueError for an unknown method or for an option that the method does not have.
    """
    if not options and type(method) is str and method in _METHODS:
        return default_options(method)
    require_options(method, options)
    defaults = default_options(method)
    values = {name: _as_type_of(defaults[name], name, value) for name, value in options.items()}
    return dataclasses.asdict(_METHODS[method].options(**values))


def require_options(method: str, names: Iterable[str], others: Sequence[str] = ()) -> None:
    """Raise ValueError for an unknown method or for an option that the method does not have.

    others: what the caller takes besides, for the message.
    """
    one_of(tuple(_METHODS), method, "method")
    known = _defaults(method)
    for name in names:
        if name not in known:
            accepted = ", ".join((*known, *others)) or "no options of its own"
            raise ValueError(f"method {method!r} has no option {name!r}; it takes {accepted}")


def default_options(method: str) -> dict[str, Any]:
    """All options of `method` with their defaults."""
    return dict(_defaults(method))


@functools.cache
def _defaults(method: str) -> dict[str, Any]:
    return dataclasses.asdict(_METHODS[method].options())


def resolve_rule(
    method: str, options: Mapping[str, Any], *, per_class: object, metric: str
) -> tuple[str | None, dict[str, Any]]:
    """`per_class` as the core names it, and all options of `method`.

    Raises ValueError for anything that `select` would refuse whatever the embeddings.
    """
    resolved = resolve_options(method, options)
    choices = typing.get_type_hints(_METHODS[method].options)
    for name, value in resolved.items():
        if get_origin(choices[name]) is Literal:
            one_of(get_args(choices[name]), value, name)
    metrics = _METHODS[method].metrics
    if as_metric(metric) not in metrics:
        raise ValueError(
            f"{method} takes the metrics {', '.join(metrics)}; got {metric}; for cosine, scale the "
            "rows to norm 1"
        )
    resolved_per_class = as_per_class(per_class)
    if resolved.get("stratified") and resolved_per_class == "balanced":
        raise ValueError("stratified draws in proportion: it excludes per_class balanced")
    return resolved_per_class, resolved


def _as_type_of(default: object, name: str, value: object) -> bool | float | str | None:
    if default is None:
        return _as_number_or_none(name, value)
    if isinstance(default, bool):
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    if isinstance(default, int):
        if is_int(value) and 0 <= value < 2**63:
            return int(value)
        raise ValueError(f"{name} must be an int in [0, 2**63), got {shown(value)}")
    if isinstance(value, str):
        return str(value)
    raise ValueError(f"{name} must be a text such as {default!r}, got {shown(value)}")


def _as_number_or_none(name: str, value: object) -> float | None:
    if value is None:
        return None
    if is_real(value):
        with contextlib.suppress(OverflowError):
            return float(value)
    raise ValueError(f"{name} must be a number or None, got {shown(value)}")
