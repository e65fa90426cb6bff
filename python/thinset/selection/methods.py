"""The methods that `select` knows, and what each may be told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from thinset.selection import dispersion, facility_location, kmeans, random, topk

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}; got {method!r}")
    options_type = _METHODS[method].options
    known = [field.name for field in dataclasses.fields(options_type)]
    for name in options:
        if name not in known:
            accepted = ", ".join(known) if known else "no options of its own"
            raise ValueError(f"method {method!r} has no option {name!r}; it takes {accepted}")
    return dataclasses.asdict(options_type(**options))
