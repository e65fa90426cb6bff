"""Arguments of a selection, checked and in the types that the core takes."""

from __future__ import annotations

import contextlib
import math
import numbers
import re
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from thinset import _core
from thinset.progress import ProgressBar
from thinset.selection.matrix_input import host_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    Progress = bool | Callable[[int, int], None] | None

_MAX_THREADS = 1024
_MEMORY_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_MEMORY_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "b": 1}


def is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def as_count(n_samples: object, n_total: int) -> int:
    if is_int(n_samples):
        if not 1 <= n_samples <= n_total:
            raise ValueError(
                f"n_samples must be in [1, {n_total}], the number of rows; got {n_samples}"
            )
        return int(n_samples)
    if isinstance(n_samples, bool) or not isinstance(n_samples, numbers.Real):
        raise ValueError(f"n_samples must be an int or a float fraction, got {n_samples!r}")
    return _core.samples_of_fraction(float(n_samples), n_total)


def as_int64(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = host_array(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {array.shape}")
    if array.size == 0:
        return array.astype(np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be integers, got {array.dtype}")
    if array.dtype == np.uint64 and int(array.max()) >= 2**63:
        raise ValueError(f"{name} must be below 2**63, got {array.max()}")
    return np.ascontiguousarray(array, dtype=np.int64)


def as_per_class(per_class: bool | str | None) -> str | None:
    if per_class is None or per_class is False:
        return None
    if per_class is True:
        return "balanced"
    return str(per_class)


def as_threads(n_threads: object) -> int:
    if n_threads is None:
        return 0
    if not is_int(n_threads) or not 1 <= n_threads <= _MAX_THREADS:
        raise ValueError(f"n_threads must be an int in [1, {_MAX_THREADS}], got {n_threads!r}")
    return int(n_threads)


def as_bytes(max_memory: object) -> int:
    if max_memory is None:
        return 0
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(max_memory).lower())
    if match is None or match[2] not in _MEMORY_UNITS:
        raise ValueError(f'max_memory must be bytes or text such as "512MB", got {max_memory!r}')
    size = math.floor(float(match[1]) * _MEMORY_UNITS[match[2]])
    if not 1 <= size < 2**63:
        raise ValueError(f"max_memory must be at least 1 byte, got {max_memory!r}")
    return size


@contextlib.contextmanager
def progress_callback(
    progress: Progress, label: str
) -> Iterator[Callable[[int, int], None] | None]:
    """Give what the core is to call with (done, total); a bar is shown meanwhile if asked for."""
    if progress is True:
        with ProgressBar(label, total=100, unit="%") as bar:
            yield lambda done, total: bar.update_to(100 * done // max(total, 1))
    elif callable(progress):
        yield progress
    else:
        yield None
