"""Which algorithm runs for a method: exact ones, and those of two rounds."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from thinset.distributed.exact.kmeans import KMeans
from thinset.distributed.exact.max_min import MaxMin
from thinset.distributed.exact.max_sum import MaxSum
from thinset.distributed.exact.random import Random
from thinset.distributed.exact.topk import TopK
from thinset.distributed.two_rounds.facility_location import TwoRoundFacilityLocation
from thinset.distributed.two_rounds.max_min import TwoRoundMaxMin
from thinset.distributed.two_rounds.max_sum import TwoRoundMaxSum
from thinset.selection.arguments import one_of, shown
from thinset.selection.methods import resolve_rule
from thinset.selection.select import select as select_on_one_machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from thinset.distributed.algorithm import Algorithm

_EXACT: dict[str, type[Algorithm]] = {
    "topk": TopK,
    "max_sum": MaxSum,
    "max_min": MaxMin,
    "kmeans": KMeans,
    "random": Random,
}
_TWO_ROUNDS: dict[str, type[Algorithm]] = {
    "max_min": TwoRoundMaxMin,
    "max_sum": TwoRoundMaxSum,
    "facility_location": TwoRoundFacilityLocation,
}
_APPLY = {"metric", "random_state", "n_threads", "column", "ids", "progress"}
_NEED_ALL_ROWS = {
    argument.name
    for argument in inspect.signature(select_on_one_machine).parameters.values()
    if argument.kind is argument.KEYWORD_ONLY and argument.name not in _APPLY
}


def exact_methods() -> tuple[str, ...]:
    """The methods that give the rows of one machine."""
    return tuple(_EXACT)


def options_of(method: str, options: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """All options of the method; ValueError for what it does not take, or not over shards."""
    whole = [name for name in options if name in _NEED_ALL_ROWS]
    if whole:
        raise ValueError(
            f"{', '.join(whole)} cannot be used over shards, only with thinset.select, on one "
            "machine"
        )
    return resolve_rule(method, options, per_class=None, metric=metric)[1]


def algorithm_of(method: str, rounds: int | None) -> type[Algorithm]:
    """ValueError for a method that is not distributed, or not in this number of rounds."""
    one_of(tuple(dict.fromkeys([*_EXACT, *_TWO_ROUNDS])), method, "method")
    if rounds is None:
        if method in _EXACT:
            return _EXACT[method]
        raise ValueError(
            f"{method} over shards takes rounds=2, which is approximate: an exact choice would "
            "measure all pairs of rows"
        )
    if rounds != 2:
        raise ValueError(f"rounds must be None (exact) or 2, got {shown(rounds)}")
    if method not in _TWO_ROUNDS:
        raise ValueError(
            f"rounds=2 applies to {', '.join(_TWO_ROUNDS)}; {method} is exact: leave rounds out"
        )
    return _TWO_ROUNDS[method]
