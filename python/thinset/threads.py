"""The number of threads of a call, as the native core takes it."""

from __future__ import annotations

import numbers

from thinset.files.shown import shown

MOST_THREADS = 1024


def as_threads(n_threads: object) -> int:
    """0 for None, which is all processors; ValueError unless it is an int in [1, 1024]."""
    if n_threads is None:
        return 0
    # The first test is many times as fast as one of an abstract class.
    is_whole = type(n_threads) is int or (
        isinstance(n_threads, numbers.Integral) and not isinstance(n_threads, bool)
    )
    if not is_whole or not 1 <= n_threads <= MOST_THREADS:  # type: ignore[operator]
        raise ValueError(
            f"n_threads must be an int in [1, {MOST_THREADS}], or None, got {shown(n_threads)}"
        )
    return int(n_threads)  # type: ignore[call-overload,no-any-return]
