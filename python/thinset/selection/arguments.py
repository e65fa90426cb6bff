"""Checks the arguments of a selection and converts them for the core."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from thinset import _core
from thinset.files.byte_sizes import parse_bytes
from thinset.files.shown import shown as shown  # noqa: PLC0414 - imported from here

if TYPE_CHECKING:
    from collections.abc import Sequence

_METRICS = ("euclidean", "sqeuclidean", "cosine")


def is_int(value: object) -> TypeGuard[int]:
    # The first test is many times as fast as one of an abstract class, here and below.
    return type(value) is int or (
        isinstance(value, numbers.Integral) and not isinstance(value, bool)
    )


def is_real(value: object) -> TypeGuard[float]:
    return type(value) in {int, float} or (
        isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    )


def as_count(n_samples: object, n_total: int) -> int:
    if n_total == 0:
        raise ValueError("embeddings must have at least one row, got none")
    if is_int(n_samples):
        if not 1 <= n_samples <= n_total:
            raise ValueError(
                f"n_samples must be in [1, {n_total}], the number of rows; got {shown(n_samples)}"
            )
        return int(n_samples)
    if not is_real(n_samples):
        raise ValueError(
            f"n_samples must be an int or a float fraction, got {shown(n_samples)}; pass a count "
            "such as 100 or a share of the rows such as 0.1"
        )
    # Also false for NaN.
    if not 0 < n_samples <= 1:
        raise ValueError(
            f"n_samples must be an int, or a float fraction in (0, 1], got {shown(n_samples)}; "
            "a count must be an int"
        )
    return _core.samples_of_fraction(float(n_samples), n_total)


def as_count_or_open(n_samples: object, n_total: int, *, is_open: bool) -> int:
    """The number of rows; 0 if another argument limits it."""
    if n_samples is not None:
        return as_count(n_samples, n_total)
    if not is_open:
        raise ValueError(
            "n_samples must be a count or a fraction, got None; give a budget or a min_distance to "
            "do without it"
        )
    return 0


def as_seed(random_state: object) -> int:
    if random_state is None:
        import secrets

        return secrets.randbits(63)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if is_int(random_state) and 0 <= random_state < 2**64:
        return int(random_state)
    raise ValueError(
        "random_state must be an int in [0, 2**64), a numpy Generator or None, "
        f"got {shown(random_state)}"
    )


def as_per_class(per_class: object) -> str | None:
    if per_class is None or per_class is False:
        return None
    if per_class is True:
        return "balanced"
    return one_of(("balanced", "proportional"), per_class, "per_class")


def as_metric(metric: object) -> str:
    return one_of(_METRICS, metric, "metric")


def one_of(names: Sequence[str], value: object, argument: str) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{argument} must be one of {', '.join(names)}; got {shown(value)}")
    return str(value)


def as_bytes(max_memory: object) -> int:
    if max_memory is None:
        return 0
    size = parse_bytes(max_memory)
    if size is None:
        raise ValueError(
            f'max_memory must be bytes or text such as "512MB", got {shown(max_memory)}'
        )
    # Also false for NaN.
    if not 1 <= size < 2**63:
        raise ValueError(
            f"max_memory must be at least 1 byte and less than 2**63, got {shown(max_memory)}"
        )
    return math.floor(size)
